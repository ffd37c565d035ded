//! Text and addresses: pure functions over bytes, shared by the faces.
//!
//! Addresses are plain arrays in network order. Parsing takes and returns what deployed programs know from the C
//! interface, down to the liberties of its number scanning; each function says which. A Rust program that wants
//! strictness uses `std::net`.

mod date;
mod host;
mod ipv4;
mod ipv6;
mod number;
mod order;

pub use date::{DateFields, write_rfc1123};
pub use host::{HostPort, Scope, parse_host_port, parse_scope, split_scope};
pub use ipv4::{parse_ipv4, write_ipv4};
pub use ipv6::{parse_ipv6, write_ipv6};
pub use order::ascii_case_cmp;

#[cfg(test)]
mod tests;
