//! Events: their names, and what the loop keeps of each.

use crate::context::Context;
use crate::interest::{Interest, Ready};
use crate::stream::Stream;
use evoxide_core::interest as core;
use evoxide_core::key::Key;
use std::any::Any;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

/// Names an event of a loop. Cheap to copy; an id whose event has gone is answered with "no", never with another event.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use std::time::Duration;
///
/// let mut ev = EventLoop::new(())?;
/// let id = ev.timer(Duration::from_secs(1), |_| {});
/// assert!(ev.remove(id));
/// assert!(!ev.remove(id));
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId(pub(crate) Key);

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({}v{})", self.0.index, self.0.generation)
    }
}

/// What made the loop call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fired {
    pub ready: core::Ready,
    pub calls: u16,
    /// How long the loop is about to wait, for prepare hooks.
    pub wait: Option<Duration>,
    pub side: Side,
}

impl Fired {
    /// Nothing but a call.
    pub fn plain(side: Side) -> Self {
        Self { ready: core::Ready::empty(), calls: 1, wait: None, side }
    }
}

/// Which part of an event it was; all but the first are for streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The event itself; of a stream, its reading side.
    Event,
    /// The writing side.
    Write,
    /// The end of the turn: what was written may be tried.
    TurnEnd,
    /// There is something in the rate limits again.
    Tick,
}

/// A handler with what it owns.
pub(crate) trait Callback<S> {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired);

    /// The descriptor of the source that it owns.
    fn fd(&self) -> Option<RawFd> {
        None
    }

    fn source(&mut self) -> Option<&mut dyn Any> {
        None
    }

    fn into_source(self: Box<Self>) -> Option<Box<dyn Any>> {
        None
    }

    fn stream(&mut self) -> Option<&mut Stream> {
        None
    }
}

pub(crate) struct Plain<H>(pub H);

impl<S, H: FnMut(&mut Context<'_, S>)> Callback<S> for Plain<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, _: Fired) {
        (self.0)(cx);
    }
}

pub(crate) struct OnSignal<H>(pub H);

impl<S, H: FnMut(&mut Context<'_, S>, u32)> Callback<S> for OnSignal<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        (self.0)(cx, u32::from(fired.calls.max(1)));
    }
}

pub(crate) struct OnPrepare<H>(pub H);

impl<S, H: FnMut(&mut Context<'_, S>, Option<Duration>)> Callback<S> for OnPrepare<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        (self.0)(cx, fired.wait);
    }
}

pub(crate) struct OnDescriptor<F, H> {
    pub source: F,
    pub handler: H,
}

impl<S, F, H> Callback<S> for OnDescriptor<F, H>
where
    F: AsFd + 'static,
    H: FnMut(&mut Context<'_, S>, &mut F, Ready),
{
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        (self.handler)(cx, &mut self.source, Ready::new(fired.ready));
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.source.as_fd().as_raw_fd())
    }

    fn source(&mut self) -> Option<&mut dyn Any> {
        Some(&mut self.source)
    }

    fn into_source(self: Box<Self>) -> Option<Box<dyn Any>> {
        Some(Box::new(self.source))
    }
}

/// What an event waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    Descriptor {
        fd: RawFd,
        interest: Interest,
        timeout: Option<u64>,
    },
    Timer {
        after: u64,
        period: Option<u64>,
    },
    Signal(i32),
    #[default]
    User,
    Prepare,
    Check,
    Idle,
    Stream,
}

/// One event.
pub(crate) struct Entry<S> {
    /// `None` while it runs.
    pub handler: Option<Box<dyn Callback<S>>>,
    pub kind: Kind,
    /// Its slot in the reactor, while it is pending or active.
    pub slot: Option<Key>,
    /// The slot of a stream's writing side.
    pub write_slot: Option<Key>,
    pub priority: u8,
    /// Ends when it has fired.
    pub once: bool,
    pub paused: bool,
}

impl<S> Default for Entry<S> {
    fn default() -> Self {
        Self { handler: None, kind: Kind::User, slot: None, write_slot: None, priority: 0, once: false, paused: false }
    }
}
