#![doc = include_str!("../manual/README.md")]

#[doc = include_str!("../manual/first-server.md")]
pub mod first_server {}

#[doc = include_str!("../manual/loop.md")]
pub mod how_the_loop_works {}

#[doc = include_str!("../manual/streams.md")]
pub mod streams {}

#[doc = include_str!("../manual/timers.md")]
pub mod timers {}

#[doc = include_str!("../manual/threads.md")]
pub mod threads {}

#[cfg(feature = "async")]
#[doc = include_str!("../manual/async.md")]
pub mod async_await {}

#[doc = include_str!("../manual/virtual-time.md")]
pub mod virtual_time {}

#[doc = include_str!("../manual/seeing-inside.md")]
pub mod seeing_inside {}

#[cfg(all(feature = "http", feature = "async"))]
#[doc = include_str!("../manual/http.md")]
pub mod http {}

#[cfg(feature = "dns")]
#[doc = include_str!("../manual/dns.md")]
pub mod dns {}

#[cfg(feature = "rustls")]
#[doc = include_str!("../manual/tls.md")]
pub mod tls {}

#[cfg(feature = "async")]
#[doc = include_str!("../manual/from-tokio.md")]
pub mod from_tokio {}

#[doc = include_str!("../manual/from-mio.md")]
pub mod from_mio {}

#[cfg(feature = "async")]
#[doc = include_str!("../manual/from-libuv.md")]
pub mod from_libuv {}

#[cfg(feature = "async")]
#[doc = include_str!("../manual/from-libevent.md")]
pub mod from_libevent {}

#[doc = include_str!("../manual/examples/README.md")]
pub mod examples {}
