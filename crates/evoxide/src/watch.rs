//! Events that stand on the others: wall-clock times, children, files, other loops.

mod child;
mod embed;
mod periodic;
mod stat;

pub use embed::Embedded;
pub use periodic::Periodic;
pub use stat::FileChange;
