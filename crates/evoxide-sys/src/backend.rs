//! Readiness backends: which exist, and one type over all of them. The contract is at the head of the crate.

use crate::os::io;
use core::sync::atomic::{AtomicU64, Ordering};
use core::{ffi::CStr, fmt};
use rustix::fd::BorrowedFd;

use bitflags::bitflags;
use evoxide_core::interest::{Change, Interest, Report};

mod epoll;
mod poll;
mod select;

bitflags! {
    /// What a backend can do. The bit values are those of libevent's `EV_FEATURE_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Features: u32 {
        /// Edge-triggered reports.
        const ET = 0x01;
        /// Adding, removing and reporting one descriptor costs the same however many are registered.
        const O1 = 0x02;
        /// Any kind of descriptor, regular files too.
        const FDS = 0x04;
        /// `CLOSED` is reported without reading all pending data first.
        const EARLY_CLOSE = 0x08;
    }
}

/// What comes of a descriptor that is closed while it is registered (contract, 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// The kernel, which keeps the set, forgets it. Removals may be put off, since most descriptors are closed next.
    Forgotten,
    /// Waits report it as ready.
    Reported,
    /// Waits fail with `EBADF`.
    Fails,
}

/// How a backend is to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Wait to the nanosecond instead of to the millisecond. This may use system calls that the plain mode does not make.
    pub precise: bool,
}

/// The registering half of a backend. See the contract at the head of the crate.
pub trait Readiness: Sized {
    /// Its name, as programs write it.
    const NAME: &'static CStr;
    /// What it can do.
    const FEATURES: Features;
    /// The environment variable that rules it out in libevent's interface.
    const RULED_OUT_BY: &'static CStr;
    /// The system call that waits, as error reports name it.
    const WAIT_CALL: &'static CStr;
    /// The shortest wait that it knows in the plain mode, in nanoseconds.
    const RESOLUTION: u64;
    /// Its bit among libev's `EVBACKEND_*`.
    const EV_BIT: u32;
    /// What comes of a descriptor that is closed while it is registered.
    const CLOSED: Closed;
    /// Its waiting half.
    type Waiter: Wait;

    /// Makes an empty set.
    ///
    /// # Errors
    ///
    /// What the kernel says: `EMFILE`, `ENFILE`, `ENOMEM`, or `ENOSYS` where it has no such call.
    fn new(options: Options) -> io::Result<Self>;

    /// Makes a waiting half for this set.
    fn waiter(&self) -> Self::Waiter;

    /// Carries out a change whose `old` and `new` are not both empty.
    ///
    /// # Errors
    ///
    /// What the kernel says of the descriptor: `EBADF`, `EPERM` where its kind cannot be watched, `ENOMEM`, `ENOSPC`.
    fn apply(&mut self, change: &Change) -> io::Result<()>;

    /// Shows the waiting half what is registered now.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the waiting half is as it was.
    fn prepare(&self, waiter: &mut Self::Waiter) -> io::Result<()>;

    /// Forgets every registration without touching kernel state that another process may share.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); the set is as it was.
    fn renew(&mut self) -> io::Result<()>;

    /// The descriptor that becomes readable when something is ready, where the backend has one.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// The waiting half of a backend. See the contract at the head of the crate.
pub trait Wait {
    /// What [`reports`](Self::reports) returns.
    type Reports<'a>: Iterator<Item = Report> + Clone
    where
        Self: 'a;

    /// Waits for readiness, at most `timeout` nanoseconds, and returns how many descriptors are ready.
    ///
    /// # Errors
    ///
    /// What the kernel says, except `EINTR`, which counts as "nothing ready".
    fn wait(&mut self, timeout: Option<u64>) -> io::Result<usize>;

    /// What the last wait found. Does not change until the next wait or `prepare`.
    fn reports(&self) -> Self::Reports<'_>;
}

/// Who takes what a wait found (see [`Waiter::hand_to`]).
pub trait Take {
    /// What comes of it.
    type Answer;

    /// Takes the reports.
    fn take(self, reports: impl Iterator<Item = Report> + Clone) -> Self::Answer;
}

/// Everything that must name each backend. The order is the order of preference.
macro_rules! backends {
    (($d:tt) $($variant:ident => $module:ident::$kind:ident),+ $(,)?) => {
        /// A kind of backend, in order of preference.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", stringify!($module), "`")] $variant,)+
        }

        impl Method {
            /// Every kind, best first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, as programs write it, for C.
            pub const fn c_name(self) -> &'static CStr {
                match self { $(Self::$variant => <$module::$kind as Readiness>::NAME,)+ }
            }

            /// The environment variable that rules it out in libevent's interface.
            pub const fn ruled_out_by(self) -> &'static CStr {
                match self { $(Self::$variant => <$module::$kind as Readiness>::RULED_OUT_BY,)+ }
            }

            /// The system call that waits, as error reports name it.
            pub const fn wait_call(self) -> &'static CStr {
                match self { $(Self::$variant => <$module::$kind as Readiness>::WAIT_CALL,)+ }
            }

            /// The shortest wait that it knows in the plain mode, in nanoseconds.
            pub const fn resolution(self) -> u64 {
                match self { $(Self::$variant => <$module::$kind as Readiness>::RESOLUTION,)+ }
            }

            /// Its bit among libev's `EVBACKEND_*`.
            pub const fn ev_bit(self) -> u32 {
                match self { $(Self::$variant => <$module::$kind as Readiness>::EV_BIT,)+ }
            }

            /// What comes of a descriptor that is closed while it is registered.
            pub const fn closed(self) -> Closed {
                match self { $(Self::$variant => <$module::$kind as Readiness>::CLOSED,)+ }
            }

            /// What it can do.
            pub const fn features(self) -> Features {
                match self { $(Self::$variant => <$module::$kind as Readiness>::FEATURES,)+ }
            }
        }

        /// Calls another macro with the variants of [`Method`], best first: for who needs a type of its own like it.
        #[macro_export]
        macro_rules! with_methods {
            ($d then:ident) => {
                $d then! { $($variant),+ }
            };
        }

        // A tag of its own, not one hidden in a field: it is read several times a turn.
        #[repr(usize)]
        enum Set { $($variant($module::$kind),)+ }

        #[repr(usize)]
        enum Half { $($variant(<$module::$kind as Readiness>::Waiter),)+ }

        impl Set {
            fn new(method: Method, options: Options) -> io::Result<Self> {
                Ok(match method { $(Method::$variant => Self::$variant($module::$kind::new(options)?),)+ })
            }

            fn method(&self) -> Method {
                match self { $(Self::$variant(_) => Method::$variant,)+ }
            }

            fn waiter(&self) -> Half {
                match self { $(Self::$variant(set) => Half::$variant(set.waiter()),)+ }
            }

            #[inline]
            fn apply(&mut self, change: &Change) -> io::Result<()> {
                match self { $(Self::$variant(set) => set.apply(change),)+ }
            }

            #[inline]
            fn prepare(&self, half: &mut Half) -> io::Result<()> {
                match (self, half) {
                    $((Self::$variant(set), Half::$variant(waiter)) => set.prepare(waiter),)+
                    (_, half) => self.prepare_another(half),
                }
            }

            /// The half is of another kind: it becomes one of this.
            #[cold]
            fn prepare_another(&self, half: &mut Half) -> io::Result<()> {
                *half = self.waiter();
                match (self, half) {
                    $((Self::$variant(set), Half::$variant(waiter)) => set.prepare(waiter),)+
                    _ => Ok(()),
                }
            }

            fn renew(&mut self) -> io::Result<()> {
                match self { $(Self::$variant(set) => set.renew(),)+ }
            }

            fn fd(&self) -> Option<BorrowedFd<'_>> {
                match self { $(Self::$variant(set) => set.fd(),)+ }
            }
        }

        impl Half {
            #[inline(always)]
            fn wait(&mut self, timeout: Option<u64>) -> io::Result<usize> {
                match self { $(Self::$variant(waiter) => waiter.wait(timeout),)+ }
            }

            #[inline(always)]
            fn hand_to<T: Take>(&self, taker: T) -> T::Answer {
                match self { $(Self::$variant(waiter) => taker.take(waiter.reports()),)+ }
            }

            #[inline(always)]
            fn reports(&self) -> Each<'_> {
                match self { $(Self::$variant(waiter) => Each::$variant(waiter.reports()),)+ }
            }
        }

        enum Each<'a> { $($variant(<<$module::$kind as Readiness>::Waiter as Wait>::Reports<'a>),)+ }

        impl Iterator for Each<'_> {
            type Item = Report;

            #[inline]
            fn next(&mut self) -> Option<Report> {
                match self { $(Self::$variant(reports) => reports.next(),)+ }
            }

            #[inline(always)]
            fn fold<A, F: FnMut(A, Report) -> A>(self, start: A, each: F) -> A {
                match self { $(Self::$variant(reports) => reports.fold(start, each),)+ }
            }
        }
    };
}

// The one list.
backends! {
    ($)
    Epoll => epoll::Epoll,
    Poll => poll::Poll,
    Select => select::Select,
}

impl Method {
    /// Its name, as programs write it.
    pub const fn name(self) -> &'static str {
        match self.c_name().to_str() {
            Ok(name) => name,
            Err(_) => "",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The registering half of whichever backend was chosen.
pub struct Backend {
    set: Set,
}

impl Backend {
    /// Makes an empty set of that kind.
    ///
    /// # Errors
    ///
    /// What the kernel says: `EMFILE`, `ENFILE`, `ENOMEM`, or `ENOSYS` where it has no such call.
    pub fn new(method: Method, options: Options) -> io::Result<Self> {
        Ok(Self { set: Set::new(method, options)? })
    }

    /// Which kind it is.
    pub fn method(&self) -> Method {
        self.set.method()
    }

    /// What it can do.
    pub fn features(&self) -> Features {
        self.method().features()
    }

    /// Makes a waiting half. A loop needs one for its whole life.
    pub fn waiter(&self) -> Waiter {
        Waiter { half: self.set.waiter() }
    }

    /// Carries out a change.
    ///
    /// # Errors
    ///
    /// What the kernel says of the descriptor: `EBADF`, `EPERM` where its kind cannot be watched, `ENOMEM`, `ENOSPC`.
    /// Nothing has changed then. Removing what is not registered, or not even open, is no error.
    #[inline]
    pub fn apply(&mut self, change: &Change) -> io::Result<()> {
        if change.old.union(change.new).intersects(Interest::CONDITIONS) { self.set.apply(change) } else { Ok(()) }
    }

    /// Shows the waiting half what is registered now. Called inside the section, before each wait; cheap where nothing
    /// has changed.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the waiting half is as it was.
    #[inline]
    pub fn prepare(&self, waiter: &mut Waiter) -> io::Result<()> {
        self.set.prepare(&mut waiter.half)
    }

    /// Rebuilds the kernel's set from what is registered: after a fork, or because a stale entry keeps firing. Only `new` and `serial`
    /// of the changes count. The set before is closed and not otherwise touched, since a parent may still use it.
    ///
    /// # Errors
    ///
    /// Where no new set can be made, the old one is kept. Otherwise all changes are tried and the first error is
    /// answered; what failed is not registered.
    pub fn rebuild(&mut self, registered: impl IntoIterator<Item = Change>) -> io::Result<()> {
        self.set.renew()?;
        let mut result = Ok(());
        for mut change in registered {
            change.old = Interest::empty();
            let applied = self.apply(&change);
            result = result.and(applied);
        }
        result
    }

    /// The descriptor that becomes readable when something is ready, where the backend has one (epoll).
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.set.fd()
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backend").field(&self.method()).finish()
    }
}

/// The waiting half of whichever backend was chosen, used with nothing locked.
///
/// It keeps the kernel's set open, so it may outlive its [`Backend`]; what it then waits on is the last set it was
/// [prepared](Backend::prepare) with.
pub struct Waiter {
    half: Half,
}

impl Waiter {
    /// Waits for readiness, at most `timeout` nanoseconds (`None`: without end), and returns how many descriptors are
    /// ready.
    ///
    /// # Errors
    ///
    /// What the kernel says, except `EINTR`, which counts as "nothing ready".
    #[inline(always)]
    pub fn wait(&mut self, timeout: Option<u64>) -> io::Result<usize> {
        self.half.wait(timeout)
    }

    /// Hands over what the last wait found, with the backend chosen once and not for each report.
    #[inline(always)]
    pub fn hand_to<T: Take>(&self, taker: T) -> T::Answer {
        self.half.hand_to(taker)
    }

    /// What the last wait found. Does not change until the next [`wait`](Self::wait) or [`prepare`](Backend::prepare).
    ///
    /// `for_each` and `fold` choose the backend once, `next` for each report.
    #[inline(always)]
    pub fn reports(&self) -> Reports<'_> {
        Reports { each: self.half.reports() }
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").finish_non_exhaustive()
    }
}

/// What a wait found, one report a descriptor.
pub struct Reports<'a> {
    each: Each<'a>,
}

impl Iterator for Reports<'_> {
    type Item = Report;

    #[inline]
    fn next(&mut self) -> Option<Report> {
        self.each.next()
    }

    #[inline(always)]
    fn fold<A, F: FnMut(A, Report) -> A>(self, start: A, each: F) -> A {
        self.each.fold(start, each)
    }
}

impl fmt::Debug for Reports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").finish_non_exhaustive()
    }
}

/// No condition is waited for.
fn is_none(interest: Interest) -> bool {
    !interest.intersects(Interest::CONDITIONS)
}

/// A number that no two states of any polled array share.
fn next_version() -> u64 {
    static VERSION: AtomicU64 = AtomicU64::new(1);
    VERSION.fetch_add(1, Ordering::Relaxed)
}

/// The milliseconds that calls like `poll` take: rounded up, clamped, -1 without end.
fn millis(timeout: Option<u64>) -> libc::c_int {
    match timeout {
        None => -1,
        Some(0) => 0,
        // Not `div_ceil`, which takes twice the instructions.
        Some(ns) => (ns.saturating_add(999_999) / 1_000_000).min(libc::c_int::MAX as u64) as libc::c_int,
    }
}

/// The answer of a waiting call: how many, with `EINTR` as none.
fn counted(answer: libc::c_int) -> io::Result<usize> {
    if answer >= 0 {
        return Ok(answer as usize);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EINTR) { Ok(0) } else { Err(error) }
}

#[cfg(test)]
mod tests;
