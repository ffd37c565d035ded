//! The end of child processes.

use crate::error::Error;
use crate::event_loop::context::{Callback, Context};
use crate::event_loop::event::{EventId, Fired, Kind};
use crate::event_loop::registry::Registry;
use crate::signal::Signal;
use std::any::Any;
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
    #[track_caller]
    pub fn child<H>(&mut self, child: Child, handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, &mut Child, ExitStatus) + 'static,
    {
        let callback = OnChild { child, handler };
        let id = self.insert(Kind::Signal(Signal::CHLD.as_raw()), None, false, callback);
        let id = self.arm_new(id)?;
        // It may have ended before anybody listened.
        self.activate(id);
        Ok(id)
    }

    /// The child that an event waits for: to look at its id, or to [send](Signal::send) it a signal. `None` where `id` names no
    /// such event, or its handler is running.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Signal};
    /// use std::process::Command;
    ///
    /// let mut ev = EventLoop::new(false)?;
    /// let child = Command::new("sleep").arg("60").spawn()?;
    /// let id = ev.child(child, |cx, _child, status| *cx.state() = !status.success())?;
    /// let process = ev.child_mut(id).unwrap().id();
    /// Signal::TERM.send(process)?;
    /// ev.run()?;
    /// assert!(*ev.state());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn child_mut(&mut self, id: EventId) -> Option<&mut Child> {
        self.object(id)
    }
}

struct OnChild<H> {
    child: Child,
    handler: H,
}

impl<S, H> Callback<S> for OnChild<H>
where
    H: FnMut(&mut Context<'_, S>, &mut Child, ExitStatus) + 'static,
{
    fn call(&mut self, cx: &mut Context<'_, S>, _: Fired) {
        match self.child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => {
                cx.remove_self();
                (self.handler)(cx, &mut self.child, status);
            }
            Err(error) => {
                log::warn!("a child cannot be waited for: {error}");
                cx.remove_self();
            }
        }
    }

    fn object(&mut self) -> Option<&mut dyn Any> {
        Some(&mut self.child)
    }
}
