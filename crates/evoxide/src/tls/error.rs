//! Errors of rustls, and of what a program configured.

use crate::Error;
use std::io;

/// An error of rustls, as one of input and output.
pub(super) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// An error in what the program configured.
pub(super) fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    io::Error::new(io::ErrorKind::InvalidInput, error).into()
}
