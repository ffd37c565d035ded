//! Changes of files.

use crate::error::Error;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::interest::{Interest, Watch};
use crate::timer::Timer;
use std::fs::{self, Metadata};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a path was and is; `None` where there is nothing, or nothing that can be looked at.
///
/// # Examples
/// See [`Registry::stat`].
#[derive(Debug)]
pub struct FileChange {
    /// What it was.
    pub before: Option<Metadata>,
    /// What it is.
    pub after: Option<Metadata>,
}

/// Sees what is new about a path.
struct Looker {
    path: PathBuf,
    before: Option<Metadata>,
}

fn same(a: &Metadata, b: &Metadata) -> bool {
    let identity = |m: &Metadata| (m.dev(), m.ino(), m.mode(), m.nlink(), m.uid(), m.gid(), m.rdev(), m.size());
    let times = |m: &Metadata| (m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
    identity(a) == identity(b) && times(a) == times(b)
}

impl Looker {
    fn look(&mut self) -> Option<FileChange> {
        let after = fs::metadata(&self.path).ok();
        let unchanged = match (&self.before, &after) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        if unchanged {
            return None;
        }
        Some(FileChange { before: std::mem::replace(&mut self.before, after.clone()), after })
    }
}

/// What the kernel tells of a path.
#[cfg(target_os = "linux")]
struct News {
    source: evoxide_sys::inotify::Inotify,
    file: std::ffi::CString,
    folder: std::ffi::CString,
}

#[cfg(target_os = "linux")]
impl News {
    fn new(path: &Path) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt;
        let text = |path: &Path| std::ffi::CString::new(path.as_os_str().as_bytes()).ok();
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let source = evoxide_sys::inotify::Inotify::new().ok()?;
        let news = Self { source, file: text(path)?, folder: text(folder)? };
        news.watch();
        Some(news)
    }

    /// The file may be another one than before, or have come only now.
    fn watch(&self) {
        use libc::{
            IN_ATTRIB, IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_MODIFY, IN_MOVE_SELF, IN_MOVED_FROM, IN_MOVED_TO,
        };
        let _ = self.source.add(&self.file, IN_ATTRIB | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF);
        let _ = self.source.add(&self.folder, IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO);
    }

    fn drain(&self) {
        let mut bytes = [0; 4096];
        while self.source.read(&mut bytes).is_ok() {}
        self.watch();
    }
}

#[cfg(target_os = "linux")]
impl AsFd for News {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

/// Nothing tells of changes here.
#[cfg(not(target_os = "linux"))]
enum News {}

#[cfg(not(target_os = "linux"))]
impl News {
    fn new(_: &Path) -> Option<Self> {
        None
    }

    fn drain(&self) {
        match *self {}
    }
}

#[cfg(not(target_os = "linux"))]
impl AsFd for News {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match *self {}
    }
}

impl<S> Registry<S> {
    /// Calls `handler` when what a path leads to has changed: its content, its attributes, or whether there is anything.
    ///
    /// Where the kernel tells of changes, that is at once; in any case the loop looks every `interval`.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let path = std::env::temp_dir().join(format!("evoxide-doc-stat-{}", std::process::id()));
    /// let mut ev = EventLoop::new(0)?;
    /// ev.stat(&path, Duration::from_secs(1), |cx, change| {
    ///     assert!(change.before.is_none());
    ///     *cx.state() = change.after.unwrap().len();
    ///     cx.exit();
    /// })?;
    /// std::fs::write(&path, "hello")?;
    /// ev.run()?;
    /// assert!(*ev.state() <= 5);
    /// std::fs::remove_file(&path)?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn stat<H>(&mut self, path: impl AsRef<Path>, interval: Duration, mut handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, FileChange) + 'static,
    {
        let path = path.as_ref();
        // Watched before it is looked at, so that no change falls between.
        let news = News::new(path);
        let mut looker = Looker { path: path.into(), before: fs::metadata(path).ok() };
        let mut look = move |cx: &mut Context<'_, S>| {
            if let Some(change) = looker.look() {
                handler(cx, change);
            }
        };
        match news {
            Some(news) => self.descriptor(news, Watch::new(Interest::READ).timeout(interval), move |cx, news, _| {
                news.drain();
                look(cx);
            }),
            None => Ok(self.timer(Timer::every(interval), look)),
        }
    }
}
