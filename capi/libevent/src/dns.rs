//! `event2/dns.h`: the resolver and the server, on the machines of `evoxide_proto::dns`.
//!
//! | file | purpose |
//! |---|---|
//! | `base.rs` | `evdns_base`: the resolver machine, its sockets and its timer on the loop |
//! | `lifecycle.rs`, `current.rs` | how a base begins and ends; the global one of libevent 1.x |
//! | `link.rs` | one UDP socket or TCP connection, for its owner |
//! | `request.rs`, `pending.rs` | how look-ups begin and are cancelled; `evdns_request`: their results and callbacks |
//! | `servers.rs`, `options.rs` | name servers; options, `resolv.conf`, hosts, search lists |
//! | `addrinfo.rs`, `cache.rs`, `kept.rs` | `evdns_getaddrinfo`, and 2.2's cache of its results |
//! | `port.rs`, `reply.rs` | server ports; requests to them and their replies |
//! | `global.rs`, `text.rs` | the calls of libevent 1.x; error texts, log and random hooks |
//!
//! The lock of a base is held while effects of the machine are carried out, and never while a callback of the program runs:
//! those are deferred callbacks of the loop. Order of locks: that of the evdns base, then those of bufferevent and event base.

mod addrinfo;
mod base;
mod cache;
mod current;
mod global;
mod kept;
mod lifecycle;
mod link;
mod options;
mod own;
mod pending;
mod port;
mod reply;
mod request;
mod servers;
mod text;

pub(crate) use addrinfo::look_up;
pub(crate) use base::evdns_base;
