//! A loop within a loop.

use crate::error::{Error, ErrorKind};
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::event_loop::run::EventLoop;
use crate::interest::Interest;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A loop that another one runs: the source of an event made by [`Registry::embed`].
///
/// # Examples
/// See [`Registry::embed`].
pub struct Embedded<T> {
    inner: EventLoop<T>,
    fd: OwnedFd,
}

impl<T> AsFd for Embedded<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<T> Deref for Embedded<T> {
    type Target = EventLoop<T>;

    fn deref(&self) -> &EventLoop<T> {
        &self.inner
    }
}

impl<T> DerefMut for Embedded<T> {
    fn deref_mut(&mut self) -> &mut EventLoop<T> {
        &mut self.inner
    }
}

impl<T: fmt::Debug> fmt::Debug for Embedded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Embedded").field(&self.inner).finish()
    }
}

impl<S> Registry<S> {
    /// Runs another loop inside this one: whenever something is ready or due in it, its handlers are called, and then
    /// `handler`. It is the [source](Self::source) of the event, as an [`Embedded`].
    ///
    /// # Errors
    /// [`ErrorKind::NoMethod`] where the method of the inner loop has no descriptor to wait on; what the operating system
    /// says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::watch::Embedded;
    /// use std::time::Duration;
    ///
    /// let mut inner = EventLoop::new(0)?;
    /// inner.timer(Duration::from_millis(1), |cx| *cx.state() += 1);
    ///
    /// let mut outer = EventLoop::new(())?;
    /// let id = outer.embed(inner, |cx, inner| {
    ///     if *inner.state() == 1 {
    ///         cx.exit();
    ///     }
    /// })?;
    /// outer.run()?;
    /// let inner: Embedded<i32> = outer.take_source(id).unwrap();
    /// assert_eq!(*inner.state(), 1);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn embed<T, H>(&mut self, inner: EventLoop<T>, mut handler: H) -> Result<EventId, Error>
    where
        T: 'static,
        H: FnMut(&mut Context<'_, S>, &mut EventLoop<T>) + 'static,
    {
        let fd = inner.poll_fd().ok_or(ErrorKind::NoMethod)?.try_clone_to_owned()?;
        let id = self.descriptor(Embedded { inner, fd }, Interest::READ, move |cx, embedded, _| {
            if let Err(error) = embedded.inner.poll() {
                log::warn!("an embedded loop failed: {error}");
                cx.remove_self();
                return;
            }
            handler(cx, &mut embedded.inner);
        })?;
        // Timers of the inner loop do not show on its descriptor, and what is ready already does not either.
        self.prepare(move |cx, _| {
            let Some(embedded) = cx.source::<Embedded<T>>(id) else {
                cx.remove_self();
                return;
            };
            let now = embedded.inner.update_now();
            if embedded.inner.has_work() {
                cx.activate(id);
            } else if let Some(due) = embedded.inner.next_deadline() {
                let wait = due.saturating_duration_since(now);
                if wait == Duration::ZERO {
                    cx.activate(id);
                } else {
                    cx.restart(id, wait);
                }
            }
        });
        // Its own prepare hooks may have to run before it knows when it is due.
        self.activate(id);
        Ok(id)
    }
}
