//! DNS: look-ups by type or by host, connecting by name, and servers (feature `dns`).
//!
//! A [`Resolver`] lives in a loop and is named by a small copyable value. Look-ups call their handler once, from the loop.
//!
//! ```no_run
//! use evoxide::EventLoop;
//! use evoxide::dns::Config;
//!
//! let mut ev = EventLoop::new(())?;
//! let resolver = ev.resolver(Config::system())?;
//! resolver.lookup_host(&mut ev, "example.com", |_cx, found| match found {
//!     Ok(addresses) => println!("{addresses:?}"),
//!     Err(error) => eprintln!("{error}"),
//! });
//! ev.run()?;
//! # Ok::<(), evoxide::Error>(())
//! ```
//!
//! Tasks await the same: `TaskCx::lookup`, `lookup_host` and `connect_host` (feature `async`).
//!
//! What lies on the wire is read by [`Message`] and written by [`Builder`]; the machines behind this module are those of
//! `evoxide_proto::dns`. DNS over TLS will be another transport of [`Config`].

mod config;
mod connect;
mod resolver;
mod server;
#[cfg(feature = "async")]
mod tasks;

pub use config::Config;
pub use evoxide_proto::dns::{
    Answer, Builder, Data, Failure, Message, Name, NameError, Rdata, Record, Section, class, flag, rcode, rtype,
};
pub use resolver::{HostLookup, LookupId, Resolver};
pub use server::{Deferred, Query};

#[cfg(test)]
mod tests;
