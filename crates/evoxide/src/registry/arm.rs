//! How events come into the reactor and out of it again.

#[cfg(target_os = "linux")]
use super::CLOCK;
use super::{Registry, SIGNALS};
use crate::error::{Error, ErrorKind};
use crate::event::{Callback, Entry, EventId, Kind};
use evoxide_core::interest as core;
use evoxide_core::key::Key;
use evoxide_core::reactor::{self, Gone};
use evoxide_sys::signal::SignalPipe;
use std::os::fd::{AsFd, AsRawFd};

impl<S> Registry<S> {
    /// The time that new timers count from.
    pub(crate) fn fresh_now(&mut self) -> u64 {
        if self.in_turn { self.time.now() } else { self.time.update() }
    }

    pub(crate) fn insert(
        &mut self,
        kind: Kind,
        priority: Option<u8>,
        once: bool,
        handler: Option<Box<dyn Callback<S>>>,
    ) -> EventId {
        let count = self.reactor.priorities();
        let priority = priority.unwrap_or((count / 2) as u8).min((count - 1) as u8);
        let entry = Entry { handler, kind, priority, once, ..Entry::default() };
        EventId(self.entries.insert(entry))
    }

    pub(crate) fn arm_new(&mut self, id: EventId) -> Result<EventId, Error> {
        match self.arm(id) {
            Ok(()) => Ok(id),
            Err(error) => {
                self.entries.remove(id.0);
                Err(error)
            }
        }
    }

    /// Gives an event a slot in the reactor, and waits for what it waits for.
    pub(crate) fn arm(&mut self, id: EventId) -> Result<(), Error> {
        let now = self.fresh_now();
        let Some(entry) = self.entries.get_mut(id.0) else { return Err(ErrorKind::NoSuchEvent.into()) };
        let payload = id.0.to_bits();
        let persist = match entry.kind {
            Kind::Descriptor { .. } => !entry.once,
            Kind::Timer { period, .. } => period.is_some(),
            Kind::Signal(_) => true,
            // Its slot waits for nothing, so that activating it is cheap.
            Kind::User => true,
            Kind::Prepare | Kind::Check | Kind::Idle => return Ok(()),
            Kind::Stream => {
                self.queued.push_back(id);
                return Ok(());
            }
        };
        let slot = self.reactor.insert(payload, entry.priority, reactor::Kind { persist, internal: false });
        let waits = match entry.kind {
            Kind::Descriptor { fd, interest, .. } => self.watch_slot(slot, fd, interest.bits(), !persist),
            Kind::Signal(signal) => self.watch_signal(slot, signal),
            _ => Ok(()),
        };
        if let Err(error) = waits {
            self.reactor.free_if_idle(slot);
            return Err(error);
        }
        let Some(entry) = self.entries.get_mut(id.0) else { return Ok(()) };
        entry.slot = Some(slot);
        let after = match entry.kind {
            Kind::Descriptor { timeout, .. } => timeout,
            Kind::Timer { after, .. } => Some(after),
            _ => None,
        };
        if let Some(after) = after {
            self.reactor.set_timeout(slot, now.saturating_add(after));
        }
        Ok(())
    }

    /// Lets a slot wait on a descriptor. Where that is refused, the slot is gone.
    pub(crate) fn watch_slot(
        &mut self,
        slot: Key,
        fd: core::Fd,
        interest: core::Interest,
        one_shot: bool,
    ) -> Result<(), Error> {
        let result = match self.reactor.watch_fd(slot, fd, interest, one_shot) {
            Ok(Some(change)) => self.backend.apply(&change).map_err(|error| {
                self.reactor.undo_watch_fd(slot, change);
                error.into()
            }),
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if result.is_err() {
            self.reactor.free_if_idle(slot);
        }
        result
    }

    fn watch_signal(&mut self, slot: Key, signal: i32) -> Result<(), Error> {
        let first = self.reactor.watch_signal(slot, signal)?;
        if !first {
            return Ok(());
        }
        let subscribed = self.signal_pipe().and_then(|pipe| Ok(pipe.subscribe(signal)?));
        if subscribed.is_err() {
            self.reactor.undo_watch_signal(slot);
        }
        subscribed
    }

    fn signal_pipe(&mut self) -> Result<&mut SignalPipe, Error> {
        if self.signals.is_none() {
            let pipe = SignalPipe::new()?;
            let change = self.reactor.register_internal(pipe.fd().as_raw_fd(), SIGNALS)?;
            if let Err(error) = self.backend.apply(&change) {
                let _ = self.reactor.unregister_internal(change.fd);
                return Err(error.into());
            }
            self.signals = Some(pipe);
        }
        self.signals.as_mut().ok_or_else(|| ErrorKind::System.into())
    }

    /// Lets the loop be told when the wall clock is set, where the system can tell.
    #[cfg(target_os = "linux")]
    pub(crate) fn watch_clock(&mut self) {
        if self.clock_watch.is_some() || self.time.is_virtual() {
            return;
        }
        let Ok(watch) = evoxide_sys::process::ClockWatch::new() else { return };
        if let Ok(change) = self.reactor.register_internal(watch.as_fd().as_raw_fd(), CLOCK) {
            if self.backend.apply(&change).is_ok() {
                self.clock_watch = Some(watch);
            } else {
                let _ = self.reactor.unregister_internal(change.fd);
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn watch_clock(&mut self) {}

    /// Puts posted work among what is ready. Its slot is gone when it runs: an idle loop holds none.
    pub(crate) fn ready_work(&mut self) {
        if !std::mem::replace(&mut self.work_is_ready, true) {
            let slot = self.reactor.insert(0, self.middle, reactor::Kind { persist: false, internal: true });
            self.reactor.activate(slot, core::Ready::READ, 1);
        }
    }

    /// Carries out what follows from a removal. The kernel may have forgotten the descriptor already.
    pub(crate) fn tell_gone(&mut self, gone: Gone) {
        if let Some(change) = gone.change {
            let _ = self.backend.apply(&change);
        }
        if let (Some(signal), Some(pipe)) = (gone.signal, &self.signals) {
            let _ = pipe.unsubscribe(signal);
        }
    }

    pub(crate) fn take_out(&mut self, id: EventId) -> Option<Entry<S>> {
        let mut entry = self.entries.remove(id.0)?;
        for slot in [entry.slot, entry.write_slot].into_iter().flatten() {
            let gone = self.reactor.remove(slot);
            self.tell_gone(gone);
        }
        if let Some(limit) = entry.handler.as_mut().and_then(|h| h.stream()?.take_limit()) {
            self.leave_limit(Some(limit));
        }
        match entry.kind {
            Kind::Prepare => self.prepares.retain(|i| *i != id),
            Kind::Check => self.checks.retain(|i| *i != id),
            Kind::Idle => {
                self.idles.retain(|i| *i != id);
                self.reactor.add_virtual(if entry.paused { 0 } else { -1 });
            }
            _ => {}
        }
        Some(entry)
    }

    pub(crate) fn activate_with(&mut self, id: EventId, ready: core::Ready) {
        let Some(entry) = self.entries.get_mut(id.0) else { return };
        let slot = match entry.slot {
            Some(slot) => slot,
            None => {
                let slot = self.reactor.insert(id.0.to_bits(), entry.priority, reactor::Kind::default());
                *entry.slot.insert(slot)
            }
        };
        self.reactor.activate(slot, ready, 1);
    }
}
