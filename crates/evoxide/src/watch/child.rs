//! The end of child processes.

use crate::error::Error;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::signal::Signal;
use std::process::{Child, ExitStatus};

impl<S> Registry<S> {
    /// Calls `handler` once, when a child process has ended. The loop owns the child, and lends it to the handler, which finds
    /// what is left in its pipes. The child is reaped then; removing the event earlier leaves the process alone, and
    /// nobody reaps it.
    ///
    /// # Errors
    /// As for [`signal`](Self::signal): the loop listens for SIGCHLD.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::process::Command;
    ///
    /// let mut ev = EventLoop::new(None)?;
    /// let child = Command::new("sh").args(["-c", "exit 3"]).spawn()?;
    /// ev.child(child, |cx, _child, status| *cx.state() = status.code())?;
    /// ev.run()?;
    /// assert_eq!(*ev.state(), Some(3));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn child<H>(&mut self, mut child: Child, mut handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, &mut Child, ExitStatus) + 'static,
    {
        let id = self.signal(Signal::CHLD, move |cx, _| match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => {
                cx.remove_self();
                handler(cx, &mut child, status);
            }
            Err(error) => {
                log::warn!("a child cannot be waited for: {error}");
                cx.remove_self();
            }
        })?;
        // It may have ended before anybody listened.
        self.activate(id);
        Ok(id)
    }
}
