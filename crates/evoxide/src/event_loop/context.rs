//! What a handler is given.

use super::event::{EventId, Fired};
use super::registry::Registry;
use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::RawFd;

/// What a handler is given: the loop's events, to add to them, change and remove them, and the loop's state.
///
/// All verbs of [`Registry`] are there by dereference. A handler may remove itself or any other event, add events, and
/// activate events; those take effect at once. It cannot run the loop that calls it.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use std::time::Duration;
///
/// let mut ev = EventLoop::new(Vec::new())?;
/// ev.timer(Duration::ZERO, |cx| {
///     cx.state().push("first");
///     cx.timer(Duration::ZERO, |cx| cx.state().push("second"));
/// });
/// ev.run()?;
/// assert_eq!(ev.state(), &["first", "second"]);
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct Context<'a, S> {
    pub(crate) registry: &'a mut Registry<S>,
    pub(crate) state: &'a mut S,
    pub(crate) id: Option<EventId>,
}

impl<S> Context<'_, S> {
    /// The loop's state.
    ///
    /// # Examples
    /// See [`Context`].
    pub fn state(&mut self) -> &mut S {
        self.state
    }

    /// The loop's events and its state, both at once.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(vec![1, 2])?;
    /// ev.timer(Duration::ZERO, |cx| {
    ///     let (events, delays) = cx.parts();
    ///     for delay in delays.iter() {
    ///         events.timer(Duration::from_millis(*delay), |_| println!("tick"));
    ///     }
    /// });
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn parts(&mut self) -> (&mut Registry<S>, &mut S) {
        (self.registry, self.state)
    }

    /// The event that is being handled; `None` in work that was posted through a [`Handle`](crate::Handle).
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    ///
    /// let mut ev = EventLoop::new(None)?;
    /// let id = ev.user(|cx| *cx.state() = cx.id());
    /// ev.activate(id);
    /// ev.run()?;
    /// assert_eq!(*ev.state(), Some(id));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn id(&self) -> Option<EventId> {
        self.id
    }

    /// Removes the event that is being handled. Its handler, with what it owns, is dropped when it returns.
    ///
    /// # Examples
    /// See [`Timer`](crate::Timer).
    pub fn remove_self(&mut self) -> bool {
        self.id.is_some_and(|id| self.registry.remove(id))
    }
}

impl<S> Deref for Context<'_, S> {
    type Target = Registry<S>;

    fn deref(&self) -> &Registry<S> {
        self.registry
    }
}

impl<S> DerefMut for Context<'_, S> {
    fn deref_mut(&mut self) -> &mut Registry<S> {
        self.registry
    }
}

impl<S> fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A handler with what it owns: what the loop, or an extension, calls.
pub(crate) trait Callback<S> {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired);

    /// The descriptor of the source that it owns.
    fn fd(&self) -> Option<RawFd> {
        None
    }

    /// What users of the event may borrow.
    fn source(&mut self) -> Option<&mut dyn Any> {
        None
    }

    fn into_source(self: Box<Self>) -> Option<Box<dyn Any>> {
        None
    }

    /// What the extension that made it finds again.
    fn object(&mut self) -> Option<&mut dyn Any> {
        None
    }

    /// All of it, for the extension that made it.
    fn whole(&mut self) -> Option<&mut dyn Any> {
        None
    }

    /// The bytes in its buffers, if it is a stream.
    fn buffered(&self) -> Option<usize> {
        None
    }

    /// A [task](super::event::Kind::Task) is called with the loop itself instead of a [`Context`], and gives it back. Must not panic.
    fn call_with(&mut self, core: Box<Core<S>>, id: EventId) -> Box<Core<S>> {
        let _ = id;
        core
    }

    /// It panicked: its event is about to be removed.
    fn panicked(&mut self, cx: &mut Context<'_, S>) {
        let _ = cx;
    }

    /// Its event has been removed; it is dropped next.
    fn removed(&mut self, registry: &mut Registry<S>) {
        let _ = registry;
    }
}

/// A loop's events and its state.
pub(crate) struct Core<S> {
    pub state: S,
    pub registry: Registry<S>,
}

impl<S> Core<S> {
    pub fn context(&mut self, id: Option<EventId>) -> Context<'_, S> {
        Context { registry: &mut self.registry, state: &mut self.state, id }
    }
}

/// A handler as it is kept.
pub(crate) type Handler<S> = Box<dyn Callback<S>>;

/// Work that was posted to the loop.
pub(crate) type Job<S> = Box<dyn FnOnce(&mut Context<'_, S>) + Send>;
