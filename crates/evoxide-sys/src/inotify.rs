//! What the kernel tells of changes to paths. Linux only.

use crate::os::io;
use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// One watched thing within an [`Inotify`].
pub type Watch = c_int;

/// A source of events about paths.
#[derive(Debug)]
pub struct Inotify {
    fd: OwnedFd,
}

/// One event: which watch (-1 for none in particular), and what happened (`IN_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathEvent {
    /// The watch.
    pub watch: Watch,
    /// What happened.
    pub mask: u32,
}

impl Inotify {
    /// Makes one, close-on-exec and nonblocking.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSYS`.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; a descriptor that it answers is new and ours.
        let fd = unsafe {
            let fd = libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self { fd })
    }

    /// Watches a path for the events of `mask`. Paths of one file share a watch.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `EACCES`, `ENOSPC` where the user has too many.
    pub fn add(&self, path: &CStr, mask: u32) -> io::Result<Watch> {
        // SAFETY: a terminated path that outlives the call.
        let watch = unsafe { libc::inotify_add_watch(self.fd.as_raw_fd(), path.as_ptr(), mask) };
        if watch < 0 { Err(io::Error::last_os_error()) } else { Ok(watch) }
    }

    /// Ends a watch. One that is gone already is no error.
    pub fn remove(&self, watch: Watch) {
        // SAFETY: takes no pointers.
        unsafe { libc::inotify_rm_watch(self.fd.as_raw_fd(), watch) };
    }

    /// Reads what has happened, as much as fits into `bytes`.
    ///
    /// # Errors
    ///
    /// `EAGAIN` where nothing has.
    pub fn read<'a>(&self, bytes: &'a mut [u8]) -> io::Result<PathEvents<'a>> {
        let read = crate::io::read(&self.fd, bytes)?;
        Ok(PathEvents { rest: &bytes[..read] })
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The events of one read.
#[derive(Clone, Debug)]
pub struct PathEvents<'a> {
    rest: &'a [u8],
}

impl Iterator for PathEvents<'_> {
    type Item = PathEvent;

    fn next(&mut self) -> Option<PathEvent> {
        // struct inotify_event: watch, mask, cookie, length of the name that follows.
        let (head, rest) = self.rest.split_first_chunk::<16>()?;
        let word = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        self.rest = rest.get(word(12) as usize..).unwrap_or_default();
        Some(PathEvent { watch: word(0) as Watch, mask: word(4) })
    }
}

/// The kind of file system that holds a path (`*_MAGIC`).
///
/// # Errors
///
/// What the kernel says of the path.
pub fn filesystem(path: &CStr) -> io::Result<i64> {
    let mut found = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: a terminated path and memory of the right type, which zeroes initialise.
    unsafe {
        if libc::statfs(path.as_ptr(), found.as_mut_ptr()) < 0 {
            return Err(io::Error::last_os_error());
        }
        // The type of the field differs between architectures.
        #[allow(clippy::unnecessary_cast)]
        Ok(found.assume_init().f_type as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn tells_of_a_change() {
        let dir = std::env::temp_dir().join(format!("evoxide-inotify-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = CString::new(dir.as_os_str().as_bytes()).unwrap();
        let source = Inotify::new().unwrap();
        let watch = source.add(&path, libc::IN_CREATE | libc::IN_DELETE).unwrap();
        let mut bytes = [0; 4096];
        assert_eq!(source.read(&mut bytes).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        std::fs::write(dir.join("a name"), "x").unwrap();
        std::fs::remove_file(dir.join("a name")).unwrap();
        let events: Vec<PathEvent> = source.read(&mut bytes).unwrap().collect();
        let expected = [libc::IN_CREATE, libc::IN_DELETE].map(|mask| PathEvent { watch, mask });
        assert_eq!(events, expected);
        source.remove(watch);
        assert!(filesystem(&path).unwrap() != 0);
        std::fs::remove_dir(&dir).unwrap();
        assert!(source.add(&path, libc::IN_CREATE).is_err());
    }
}
