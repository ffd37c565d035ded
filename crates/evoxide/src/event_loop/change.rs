//! Changing and removing events.

use super::arm::new_slot;
use super::event::{EventId, Kind};
use super::registry::Registry;
use crate::error::{Error, ErrorKind};
use crate::interest::Interest;
use crate::timer::nanos;
use evoxide_core::interest as core;
use evoxide_core::reactor;
use std::time::Duration;

impl<S> Registry<S> {
    /// Removes an event, and drops its handler and source; if it is running now, when it returns. Returns whether there was
    /// one.
    ///
    /// # Examples
    /// See [`EventId`].
    pub fn remove(&mut self, id: EventId) -> bool {
        self.take_out(id).is_some()
    }

    /// Removes a descriptor event and gives its source back. `None`, with nothing changed, where `id` names no such event, or
    /// one that is running now, or `F` is not the type of its source.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Interest};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let id = ev.descriptor(UnixStream::pair()?.0, Interest::READ, |_, _, _| {})?;
    /// let socket: UnixStream = ev.take_source(id).unwrap();
    /// assert!(!ev.contains(id));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn take_source<F: 'static>(&mut self, id: EventId) -> Option<F> {
        self.source::<F>(id)?;
        let handler = self.take_out(id)?.handler?;
        handler.into_source()?.downcast().ok().map(|source| *source)
    }

    /// The source of a descriptor event, for use by others. `None` where `id` names no such event, or one that is running
    /// now (its handler has the source then), or `F` is not the type of its source.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Interest};
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (_a, b) = UnixStream::pair()?;
    /// let mut ev = EventLoop::new(())?;
    /// let id = ev.descriptor(b, Interest::READ, |_, _, _| {})?;
    /// ev.source::<UnixStream>(id).unwrap().write_all(b"hello")?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn source<F: 'static>(&mut self, id: EventId) -> Option<&mut F> {
        self.entries.get_mut(id)?.handler.as_mut()?.source()?.downcast_mut()
    }

    /// Makes an event happen, whether or not anything happened to it. Returns whether there is one, of a kind that can: a
    /// prepare, check or idle event cannot.
    ///
    /// # Examples
    /// See [`user`](Self::user).
    pub fn activate(&mut self, id: EventId) -> bool {
        let Some(entry) = self.entries.get(id) else { return false };
        let ready = match entry.kind {
            Kind::Descriptor { interest, .. } => {
                core::Ready::from_bits_truncate((interest.bits() & core::Interest::CONDITIONS).bits())
            }
            Kind::Timer { .. } => core::Ready::TIMEOUT,
            Kind::Signal(_) => core::Ready::SIGNAL,
            Kind::User | Kind::Task => core::Ready::READ,
            Kind::Prepare | Kind::Check | Kind::Idle | Kind::Extension => return false,
        };
        self.activate_with(id, ready);
        true
    }

    /// Lets an event rest: it does not happen, and does not keep the loop running, until it is [resumed](Self::resume).
    /// Returns whether there is one.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// let id = ev.timer(Duration::from_millis(1), |cx| *cx.state() += 1);
    /// ev.pause(id);
    /// ev.run()?; // Nothing to wait for.
    /// assert_eq!(*ev.state(), 0);
    /// ev.resume(id)?;
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 1);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn pause(&mut self, id: EventId) -> bool {
        let Some(entry) = self.entries.get_mut(id) else { return false };
        let slots = [entry.slot.take(), entry.second.take()];
        if !std::mem::replace(&mut entry.paused, true) && entry.kind == Kind::Idle && !entry.background {
            self.engine.reactor.add_virtual(-1);
        }
        for slot in slots.into_iter().flatten() {
            self.engine.remove(slot);
        }
        true
    }

    /// Ends a [pause](Self::pause). A timer starts again with its full delay.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`], or what the operating system says, as when it was added; it rests on then.
    ///
    /// # Examples
    /// See [`pause`](Self::pause).
    pub fn resume(&mut self, id: EventId) -> Result<(), Error> {
        let Some(entry) = self.entries.get_mut(id) else { return Err(ErrorKind::NoSuchEvent.into()) };
        if !entry.paused {
            return Ok(());
        }
        entry.paused = false;
        if entry.kind == Kind::Idle && !entry.background {
            self.engine.reactor.add_virtual(1);
        }
        let active = entry.slot.take().map(|slot| (slot, self.engine.reactor.view(slot).and_then(|view| view.ready)));
        if let Some((slot, _)) = active {
            self.engine.remove(slot);
        }
        let armed = self.arm(id);
        if let Some(entry) = self.entries.get_mut(id).filter(|_| armed.is_err()) {
            entry.paused = true;
        }
        if let Some(ready) = active.and_then(|(_, ready)| ready) {
            self.activate_with(id, ready);
        }
        armed
    }

    /// Starts the time of a timer, or the timeout of a descriptor event, again: it is due `after` from now. Inside the handler
    /// of a timer that is due once this keeps it. Returns whether there is such an event, and it does not rest.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// ev.timer(Duration::ZERO, |cx| {
    ///     *cx.state() += 1;
    ///     if *cx.state() < 3 {
    ///         let id = cx.id().unwrap();
    ///         cx.restart(id, Duration::from_millis(1));
    ///     }
    /// });
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 3);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn restart(&mut self, id: EventId, after: Duration) -> bool {
        self.fresh_now();
        let deadline = self.time.deadline(after);
        let Some(entry) = self.entries.get_mut(id).filter(|e| !e.paused) else { return false };
        let persist = match &mut entry.kind {
            Kind::Timer { after: delay, period } => {
                *delay = nanos(after);
                period.is_some()
            }
            Kind::Descriptor { timeout, .. } if entry.slot.is_some() => {
                *timeout = Some(nanos(after));
                !entry.once
            }
            _ => return false,
        };
        let slot = match entry.slot {
            Some(slot) => slot,
            None => {
                let kind = reactor::Kind { persist, internal: entry.background };
                *entry.slot.insert(new_slot(&mut self.engine.reactor, id.to_bits(), entry.priority, kind))
            }
        };
        self.engine.reactor.set_timeout(slot, Some(deadline));
        true
    }

    /// Changes what a descriptor event waits for.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`], or what the operating system says, as when it was added; it waits for the same as before
    /// then.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Interest};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (_a, b) = UnixStream::pair()?;
    /// let mut ev = EventLoop::new(false)?;
    /// let id = ev.descriptor(b, Interest::READ, |cx, _, ready| *cx.state() = ready.is_writable())?;
    /// ev.set_interest(id, Interest::READ | Interest::WRITE)?;
    /// ev.run_once()?;
    /// assert!(*ev.state());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn set_interest(&mut self, id: EventId, interest: Interest) -> Result<(), Error> {
        let Some(entry) = self.entries.get_mut(id) else { return Err(ErrorKind::NoSuchEvent.into()) };
        let Kind::Descriptor { fd, interest: old, timeout } = entry.kind else {
            return Err(ErrorKind::NoSuchEvent.into());
        };
        entry.kind = Kind::Descriptor { fd, interest, timeout };
        if old == interest || entry.paused {
            return Ok(());
        }
        let Some(slot) = entry.slot else { return Ok(()) };
        let (deadline, ready) = self.engine.reactor.view(slot).map_or((None, None), |view| (view.deadline, view.ready));
        let edge_changes = old.contains(Interest::EDGE) != interest.contains(Interest::EDGE);
        if edge_changes {
            entry.slot = None;
            self.engine.remove(slot);
        }
        // The new one comes before the old one goes: one change for the kernel, and none where they agree.
        let armed = self.arm(id);
        if armed.is_err() {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.kind = Kind::Descriptor { fd, interest: old, timeout };
            }
            if edge_changes {
                let _ = self.arm(id);
            }
            return armed;
        }
        if !edge_changes {
            self.engine.remove(slot);
        }
        let Some(slot) = self.entries.get(id).and_then(|e| e.slot) else { return Ok(()) };
        if let Some(deadline) = deadline {
            self.engine.reactor.set_timeout(slot, Some(deadline));
        }
        let kept = core::Interest::CONDITIONS & interest.bits();
        let ready = ready.map(|r| r & (core::Ready::from_bits_retain(kept.bits()) | core::Ready::TIMEOUT));
        if let Some(ready) = ready.filter(|r| !r.is_empty()) {
            self.engine.reactor.activate(slot, ready, 1);
        }
        Ok(())
    }

    /// Whether an event keeps [`run`](crate::EventLoop::run) going. Every event does, unless told otherwise: a run ends when
    /// only such events are left that do not. Returns whether there is such an event.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Outcome, Timer};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// let ticks = ev.timer(Timer::every(Duration::from_millis(1)), |cx| *cx.state() += 1);
    /// ev.keep_alive(ticks, false);
    /// ev.timer(Duration::from_millis(20), |_| {});
    /// assert_eq!(ev.run()?, Outcome::Idle);
    /// assert!(*ev.state() > 1);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn keep_alive(&mut self, id: EventId, keep: bool) -> bool {
        let Some(entry) = self.entries.get_mut(id) else { return false };
        if entry.background != keep {
            return true;
        }
        entry.background = !keep;
        let (kind, paused) = (entry.kind, entry.paused);
        let slots = [entry.slot.take(), entry.second.take()];
        if kind == Kind::Task || kind == Kind::Idle && !paused {
            self.engine.reactor.add_virtual(if keep { 1 } else { -1 });
        }
        let first = slots[0].and_then(|slot| self.engine.reactor.view(slot)).map(|view| (view.deadline, view.ready));
        if slots != [None, None] {
            // The new slot comes before the old one goes: nothing changes for the kernel.
            let _ = self.arm(id);
        }
        for slot in slots.into_iter().flatten() {
            self.engine.remove(slot);
        }
        if let (Some((deadline, ready)), Some(slot)) = (first, self.entries.get(id).and_then(|e| e.slot)) {
            if let Some(deadline) = deadline {
                self.engine.reactor.set_timeout(slot, Some(deadline));
            }
            if let Some(ready) = ready {
                self.engine.reactor.activate(slot, ready, 1);
            }
        }
        true
    }

    /// Gives an event another priority; 0 is the most urgent, and a number beyond the last means the last. An event that is
    /// ready already keeps its place in the queue for this once. Returns whether there is such an event.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Config, EventLoop};
    ///
    /// let mut ev = EventLoop::with_config(Config::new().priorities(2), Vec::new())?;
    /// let a = ev.user(|cx| cx.state().push('a'));
    /// let b = ev.user(|cx| cx.state().push('b'));
    /// ev.set_priority(b, 0);
    /// ev.activate(a);
    /// ev.activate(b);
    /// ev.run()?;
    /// assert_eq!(ev.state(), &['b', 'a']);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn set_priority(&mut self, id: EventId, priority: u8) -> bool {
        let last = (self.engine.reactor.priorities() - 1) as u8;
        let Some(entry) = self.entries.get_mut(id) else { return false };
        entry.priority = priority.min(last);
        for slot in [entry.slot, entry.second].into_iter().flatten() {
            self.engine.reactor.set_priority(slot, entry.priority);
        }
        true
    }
}
