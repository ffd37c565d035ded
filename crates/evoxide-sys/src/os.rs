//! Errors, slices and descriptors: the standard library's with the feature `std`, else types of the same names and methods.

pub use rustix::fd;

/// What `std::io` has.
pub mod io {
    #[cfg(not(feature = "std"))]
    pub use super::error::Error;
    pub use rustix::io::{IoSlice, IoSliceMut};
    #[cfg(feature = "std")]
    pub use std::io::{Error, Result};

    /// The result of a system call.
    #[cfg(not(feature = "std"))]
    pub type Result<T> = core::result::Result<T, Error>;
}

#[cfg(not(feature = "std"))]
mod error {
    use rustix::io::Errno;

    /// Why a system call failed.
    #[derive(Debug)]
    pub struct Error(i32);

    impl Error {
        /// The error of that number.
        #[must_use]
        pub fn from_raw_os_error(code: i32) -> Self {
            Self(code)
        }

        /// What `errno` says.
        #[must_use]
        pub fn last_os_error() -> Self {
            Self(crate::errno::get())
        }

        /// The number.
        #[must_use]
        pub fn raw_os_error(&self) -> Option<i32> {
            Some(self.0)
        }

        /// An error that has no number of its own.
        pub fn other<E>(_: E) -> Self {
            Self(libc::EINVAL)
        }
    }

    impl core::fmt::Display for Error {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            write!(f, "error {}", self.0)
        }
    }

    impl From<Errno> for Error {
        fn from(error: Errno) -> Self {
            Self(error.raw_os_error())
        }
    }
}
