//! Machines of protocols: bytes in, values out.
//!
//! The law of `evoxide-core` holds here too: a machine never calls back, performs no I/O, reads no clock and takes no lock.
//! Time and random numbers are arguments. A machine borrows the [`Buffer`](evoxide_core::buffer::Buffer)s that it works on;
//! it knows neither reactor nor descriptors, so both faces drive it the same way.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), no_std)]

extern crate alloc;
pub mod dns;
pub mod http;
pub mod rpc;
pub mod tag;
pub mod uri;
pub mod ws;
