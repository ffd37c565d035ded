//! Files beneath a folder, for servers of files.

use crate::os::io;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use std::fs::File;
use std::path::Path;

/// Opens a folder, to open files beneath it.
///
/// # Errors
///
/// What the kernel says; `ENOTDIR` for what is none.
pub fn open_folder(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path.as_ref(), flags, Mode::empty())?)
}

/// Opens a file for reading that lies beneath a folder, by a relative path: neither `..` nor a symbolic link leads out, whatever
/// changes meanwhile. Does not wait for the other end of a pipe.
///
/// # Errors
///
/// What the kernel says; `EXDEV` for what lies elsewhere, `ENOSYS` before Linux 5.6.
pub fn open_beneath(folder: &OwnedFd, path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    loop {
        match rustix::fs::openat2(folder, path, flags, Mode::empty(), resolve) {
            // A component was renamed meanwhile.
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            answer => return Ok(File::from(answer?)),
        }
    }
}
