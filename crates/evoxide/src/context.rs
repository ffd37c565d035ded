//! What a handler is given.

use crate::event::EventId;
use crate::registry::Registry;
use std::fmt;
use std::ops::{Deref, DerefMut};

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
