//! The body of a loop: a reactor, its backend, its waker and its signals, and what happens between them.
//!
//! Every face has the same turn, and only what runs callbacks differs:
//!
//! ```text
//! begin_wait → [the face waits: Wake, Waiter, clock] → finish_wait → [timeouts] → serve → begin_batch
//!            → pop_ready → finish_popped → [the face calls] ... → extend_batch
//! ```
//!
//! An engine calls nobody back, takes no lock and reads no clock. It makes the system calls that must happen while the
//! reactor is held: changes of interest, draining the waker, subscribing to signals.
//!
//! # What an engine promises
//!
//! 1. **Interest.** What [`watch_fd`](Engine::watch_fd) returns `Ok` for is registered; after an error the event waits for
//!    nothing, and nothing has changed in the kernel. [`remove`](Engine::remove) ignores the kernel's errors: the descriptor
//!    may be closed.
//! 2. **Signals.** The pipe that signals arrive in is made with the first event that waits for one. Deliveries become ready
//!    events in [`serve`](Engine::serve), so after the timeouts of the turn, as libevent has it.
//! 3. **Own descriptors.** The waker, the pipe and what a face [adds](Engine::watch_own) come out of
//!    [`finish_wait`](Engine::finish_wait) as [`Tags`], never as events.
//! 4. **Stale reports.** A descriptor that was removed while its file lives on elsewhere may keep firing. After
//!    [`STALE_TURNS`] turns in a row (a face may say how many) with such reports the kernel's set is rebuilt; [`Tags::rebuilt`] says so.
//! 5. **Fork.** [`reinit`](Engine::reinit) in the child touches nothing that the parent uses.
//!
//! # How a face uses it
//!
//! Keep the engine where the reactor was, inside whatever section or borrow the face has, and the
//! [`Waiter`] and the [`Wake`](crate::wake::Wake) outside: a wait runs with nothing held. Call the reactor's own verbs
//! through [`reactor`](Engine::reactor), except those that return a [`Change`] or a [`Removed`]: their counterparts here
//! tell the kernel.
//!
//! ```
//! use evoxide_core::interest::{Interest, Ready};
//! use evoxide_core::reactor::Kind;
//! use evoxide_sys::backend::{Backend, Method, Options};
//! use evoxide_sys::engine::Engine;
//! use evoxide_sys::waker::Waker;
//! use std::io::Write;
//! use std::os::fd::AsRawFd;
//! use std::os::unix::net::UnixStream;
//!
//! let mut engine = Engine::new(Backend::new(Method::Poll, Options::default())?, Waker::new()?)?;
//! let mut waiter = engine.waiter();
//! let (mut near, far) = UnixStream::pair()?;
//! let key = engine.reactor.insert("far", 0, Kind::default())?;
//! engine.watch_fd(key, far.as_raw_fd(), Interest::READ, true)?;
//! near.write_all(b"hello")?;
//!
//! engine.begin_wait(&mut waiter)?;
//! waiter.wait(None)?;
//! let tags = engine.finish_wait(&waiter)?;
//! engine.serve(tags);
//! engine.reactor.begin_batch(|| 0);
//! let popped = engine.reactor.pop_ready().unwrap();
//! engine.finish_popped(&popped);
//! assert_eq!((popped.payload, popped.ready), ("far", Ready::READ));
//! # Ok::<(), std::io::Error>(())
//! ```

use crate::os::io;
use core::{borrow::Borrow, fmt};
use rustix::fd::{AsRawFd, RawFd};

use evoxide_core::interest::{Change, Fd, Interest, Report};
use evoxide_core::key::Key;
use evoxide_core::reactor::{AddError, After, Finished, Payload, Popped, Reactor, Removed};

use crate::backend::{Backend, Take, Waiter};
use crate::signal::SignalPipe;
use crate::waker::Waker;

/// This many turns in a row with reports that belong to nothing make the engine rebuild the kernel's set, where the face says
/// no other number.
pub const STALE_TURNS: u32 = 64;

/// Which of the loop's own descriptors a wait reported, and whether the kernel's set was rebuilt after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "the waker and the signals are to be served"]
pub struct Tags {
    own: u8,
    rebuilt: bool,
}

impl Tags {
    const WAKER: u8 = 1;
    const SIGNALS: u8 = 2;
    /// The first tag that a face may give to a descriptor of its own. The last is 8.
    pub const FIRST: u8 = 3;

    /// Whether the descriptor with that tag was reported.
    pub const fn contains(self, tag: u8) -> bool {
        self.own & 1 << (tag - 1) != 0
    }

    /// Whether none of the descriptors was.
    pub const fn is_empty(self) -> bool {
        self.own == 0
    }

    /// Whether the waker was.
    pub const fn woken(self) -> bool {
        self.contains(Self::WAKER)
    }

    /// Whether stale reports did not stop, and the kernel's set was rebuilt.
    pub const fn rebuilt(self) -> bool {
        self.rebuilt
    }
}

/// Why an event does not wait for what it should.
#[derive(Debug)]
pub enum WatchError {
    /// The reactor refused it.
    Refused(AddError),
    /// The kernel refused the change, which was taken back.
    Kernel(Change, io::Error),
    /// The signal, or the pipe for it, was refused.
    Signal(io::Error),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Kernel(_, error) | Self::Signal(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for WatchError {}

impl From<WatchError> for io::Error {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Refused(error) => Self::other(error),
            WatchError::Kernel(_, error) | WatchError::Signal(error) => error,
        }
    }
}

/// See the [module](self). `W` is the waker, or what shares it with other threads.
#[derive(Debug)]
pub struct Engine<T, W = Waker> {
    /// The events. Verbs that return what the kernel must be told have a counterpart in the engine.
    pub reactor: Reactor<T>,
    backend: Backend,
    waker: W,
    signals: Option<SignalPipe>,
    stale_turns: u32,
    stale_limit: u32,
}

/// Gives the reports of a wait to a reactor.
struct Taker<'a, T>(&'a mut Reactor<T>);

impl<T: Payload> Take for Taker<'_, T> {
    type Answer = Finished;

    #[inline(always)]
    fn take(self, reports: impl Iterator<Item = Report> + Clone) -> Finished {
        self.0.finish_wait(reports)
    }
}

impl<T: Payload, W: Borrow<Waker>> Engine<T, W> {
    /// An engine without events that can be woken.
    ///
    /// # Errors
    /// `ENOMEM`, `ENOSPC`: the waker cannot be watched.
    pub fn new(backend: Backend, waker: W) -> io::Result<Self> {
        let mut engine =
            Self { reactor: Reactor::new(), backend, waker, signals: None, stale_turns: 0, stale_limit: STALE_TURNS };
        let fd = engine.waker.borrow().fd().as_raw_fd();
        engine.watch_own(fd, Tags::WAKER)?;
        Ok(engine)
    }

    /// After how many turns in a row with stale reports the kernel's set is rebuilt; [`STALE_TURNS`] from the start.
    pub fn set_stale_limit(&mut self, turns: u32) {
        self.stale_limit = turns;
    }

    /// The backend, for asking what it is.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The waker.
    pub fn waker(&self) -> &W {
        &self.waker
    }

    /// The waiting half of the backend; the loop needs one for its whole life.
    pub fn waiter(&self) -> Waiter {
        self.backend.waiter()
    }

    /// Watches a descriptor of the face's own for reading; `tag` is from [`Tags::FIRST`] to 8.
    ///
    /// # Errors
    /// What the kernel says; nothing has changed.
    pub fn watch_own(&mut self, fd: RawFd, tag: u8) -> io::Result<()> {
        match self.reactor.set_own(fd, tag).map_err(io::Error::other)? {
            Some(change) => self.backend.apply(&change).inspect_err(|_| self.forget_own(fd)),
            None => Ok(()),
        }
    }

    /// Ends [`watch_own`](Self::watch_own) where the kernel need not be told.
    fn forget_own(&mut self, fd: RawFd) {
        let _ = self.reactor.set_own(fd, 0);
    }

    /// Lets the event of `key` wait on a descriptor: [`Reactor::watch_fd`], and the kernel is told.
    ///
    /// # Errors
    /// Why it does not wait. Its slot lives on.
    #[inline]
    pub fn watch_fd(&mut self, key: Key, fd: Fd, interest: Interest, one_shot: bool) -> Result<(), WatchError> {
        match self.reactor.watch_fd(key, fd, interest, one_shot) {
            Ok(None) => Ok(()),
            Ok(Some(change)) => self.backend.apply(&change).map_err(|error| {
                self.reactor.undo_watch(key, Some(change));
                WatchError::Kernel(change, error)
            }),
            Err(refused) => Err(WatchError::Refused(refused)),
        }
    }

    /// Lets the event of `key` wait for a signal: [`Reactor::watch_signal`], and its deliveries arrive here.
    ///
    /// # Errors
    /// Why it does not wait. Its slot lives on.
    pub fn watch_signal(&mut self, key: Key, signo: i32) -> Result<(), WatchError> {
        let first = self.reactor.watch_signal(key, signo).map_err(WatchError::Refused)?;
        if !first {
            return Ok(());
        }
        self.signal_pipe().and_then(|pipe| pipe.subscribe(signo)).map_err(|error| {
            self.reactor.undo_watch(key, None);
            WatchError::Signal(error)
        })
    }

    /// The pipe that signals arrive in, made on first use.
    fn signal_pipe(&mut self) -> io::Result<&mut SignalPipe> {
        if self.signals.is_none() {
            let pipe = SignalPipe::new()?;
            self.watch_own(pipe.fd().as_raw_fd(), Tags::SIGNALS)?;
            self.signals = Some(pipe);
        }
        self.signals.as_mut().ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))
    }

    /// Takes an event out of every list and frees its slot: [`Reactor::remove`], and the kernel is told.
    #[inline]
    pub fn remove(&mut self, key: Key) {
        let removed = self.reactor.remove(key);
        self.tell(removed);
    }

    /// Finishes a pop: where the event ends by it, it leaves every list and the kernel is told. To be called at once.
    #[inline(always)]
    pub fn finish_popped(&mut self, popped: &Popped<T>) {
        if popped.after == After::Unlink
            && let Some(key) = popped.key
        {
            self.remove(key);
        }
    }

    /// Tells the kernel of a removal. Errors are not the caller's: the descriptor may be closed.
    #[inline]
    fn tell(&mut self, removed: Removed) {
        if let Some(change) = removed.change {
            let _ = self.backend.apply(&change);
        }
        if let (Some(signal), Some(pipe)) = (removed.signal, &self.signals) {
            let _ = pipe.unsubscribe(signal);
        }
    }

    /// Carries out what was put off until just before a wait, and shows the waiting half what is registered.
    ///
    /// # Errors
    /// `ENOMEM`; the wait may go on with what it knows.
    #[inline]
    pub fn begin_wait(&mut self, waiter: &mut Waiter) -> io::Result<()> {
        while let Some(change) = self.reactor.next_leftover() {
            // The descriptor may be closed by now.
            let _ = self.backend.apply(&change);
        }
        self.backend.prepare(waiter)
    }

    /// Makes ready what the wait found. Not to be called where it found nothing.
    ///
    /// # Errors
    /// Stale reports did not stop, and the kernel's set could not be rebuilt: it is as it was.
    #[inline(never)]
    pub fn finish_wait(&mut self, waiter: &Waiter) -> io::Result<Tags> {
        let finished = waiter.hand_to(Taker(&mut self.reactor));
        let mut tags = Tags { own: finished.internal, rebuilt: false };
        if finished.stale == 0 {
            self.stale_turns = 0;
        } else {
            self.stale_turns += 1;
            if self.stale_turns >= self.stale_limit {
                self.stale_turns = 0;
                self.rebuild()?;
                tags.rebuilt = true;
            }
        }
        Ok(tags)
    }

    /// Drains the waker, and makes the events of signals ready that arrived.
    #[inline]
    pub fn serve(&mut self, tags: Tags) {
        if !tags.is_empty() {
            self.drain(tags);
        }
    }

    #[cold]
    fn drain(&mut self, tags: Tags) {
        if tags.woken() {
            self.waker.borrow().drain();
        }
        if tags.contains(Tags::SIGNALS)
            && let Some(pipe) = &self.signals
        {
            let reactor = &mut self.reactor;
            pipe.drain(|signal, times| reactor.signalled(signal, times.min(i16::MAX as u32) as u16));
        }
    }

    /// Registers everything with a fresh set of the kernel.
    ///
    /// # Errors
    /// As [`Backend::rebuild`].
    pub fn rebuild(&mut self) -> io::Result<()> {
        let registrations = self.reactor.registrations();
        self.backend.rebuild(registrations)
    }
}

impl<T: Payload> Engine<T> {
    /// Rebuilds everything in the child after a fork: nothing inherited is touched. The waker keeps its numbers.
    ///
    /// # Errors
    /// The first of what the kernel says; the rest is tried all the same.
    pub fn reinit(&mut self) -> io::Result<()> {
        // The kernel's set comes first: a new descriptor of ours may get the number of one that the child closed.
        if let Some(pipe) = &self.signals {
            let fd = pipe.fd().as_raw_fd();
            self.forget_own(fd);
        }
        let waker = self.waker.fd().as_raw_fd();
        self.forget_own(waker);
        let mut result = self.rebuild();
        if let Some(mut pipe) = self.signals.take() {
            let renewed = pipe.reinit().and_then(|()| self.watch_own(pipe.fd().as_raw_fd(), Tags::SIGNALS));
            result = result.and(renewed);
            self.signals = Some(pipe);
        }
        let renewed = self.waker.renew().and_then(|()| self.watch_own(waker, Tags::WAKER));
        result.and(renewed)
    }
}

#[cfg(test)]
mod tests;
