//! Signals and children for tasks.

use super::executor::{TaskCx, wake_now};
use crate::error::Error;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::signal::Signal;
use futures_core::Stream;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::process::{Child, ExitStatus};
use std::rc::Rc;
use std::task::{Context as Polled, Poll, Waker};

/// What a handler hands to a task.
pub(crate) struct Given<T> {
    value: Cell<Option<T>>,
    waker: RefCell<Option<Waker>>,
}

impl<T> Given<T> {
    pub fn new() -> Rc<Self> {
        Rc::new(Self { value: Cell::new(None), waker: RefCell::new(None) })
    }

    /// Hands it over.
    pub fn give<S: 'static>(&self, cx: &mut Context<'_, S>, value: T) {
        self.value.set(Some(value));
        wake_now(cx.registry, self.waker.take());
    }

    pub fn poll(&self, cx: &Polled<'_>) -> Poll<T> {
        match self.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Removes the event of a wait that is dropped.
struct Event {
    id: EventId,
    forget: Box<dyn Fn(EventId)>,
}

impl Drop for Event {
    fn drop(&mut self) {
        (self.forget)(self.id);
    }
}

/// Deliveries of a signal: see [`TaskCx::signal`]. Also a [`Stream`].
pub struct Signals {
    given: Rc<Given<u32>>,
    _event: Event,
}

impl Signals {
    /// Waits for the signal; returns how often it came since it was asked for last.
    ///
    /// # Examples
    /// See [`TaskCx::signal`].
    pub async fn recv(&mut self) -> u32 {
        poll_fn(|cx| self.given.poll(cx)).await
    }
}

impl Stream for Signals {
    type Item = u32;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Polled<'_>) -> Poll<Option<u32>> {
        self.given.poll(cx).map(Some)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}

impl<S: 'static> TaskCx<S> {
    /// Waits for deliveries of a signal, which does not do what it did before from now on.
    ///
    /// # Errors
    /// As [`Registry::signal`](crate::Registry::signal).
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Signal};
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let cx = ev.task_cx();
    /// ev.block_on(async move {
    ///     let mut signals = cx.signal(Signal::WINCH)?;
    ///     Signal::WINCH.send(std::process::id())?;
    ///     assert_eq!(signals.recv().await, 1);
    ///     Ok::<_, evoxide::Error>(())
    /// })??;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn signal(&self, signal: Signal) -> Result<Signals, Error> {
        let given = Given::new();
        let gives = Rc::clone(&given);
        let id = self.with(|cx| {
            cx.signal(signal, move |cx, times| {
                let before = gives.value.take().unwrap_or(0);
                gives.give(cx, before + times);
            })
        })?;
        Ok(Signals { given, _event: self.event(id) })
    }

    /// Waits for the end of a child. Dropping the future leaves the process alone, and nobody reaps it.
    ///
    /// # Errors
    /// As [`Registry::child`](crate::Registry::child).
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::process::Command;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let cx = ev.task_cx();
    /// let child = Command::new("sh").args(["-c", "exit 3"]).spawn()?;
    /// let status = ev.block_on(async move { cx.child(child).await })??;
    /// assert_eq!(status.code(), Some(3));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub async fn child(&self, child: Child) -> Result<ExitStatus, Error> {
        let given = Given::new();
        let gives = Rc::clone(&given);
        let id = self.with(|cx| cx.child(child, move |cx, _, status| gives.give(cx, status)))?;
        let _event = self.event(id);
        Ok(poll_fn(|cx| given.poll(cx)).await)
    }

    fn event(&self, id: EventId) -> Event {
        let home = Rc::clone(&self.home);
        self.with(|cx| home.adopt(cx, id));
        Event { id, forget: Box::new(move |id| home.forget(id)) }
    }
}
