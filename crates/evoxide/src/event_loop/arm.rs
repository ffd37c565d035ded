//! How events come into the reactor and out of it again.

use super::context::{Callback, Handler};
use super::event::{Entry, EventId, Kind, Side};
use super::registry::Registry;
use crate::error::{Error, ErrorKind};
use evoxide_core::interest as core;
use evoxide_core::key::Key;
use evoxide_core::reactor::{self, Reactor};
use std::alloc::{Layout, handle_alloc_error};
use std::sync::atomic::Ordering;

/// A slot. Without memory the process ends, as wherever the standard library needs some.
pub(super) fn new_slot(reactor: &mut Reactor<u64>, payload: u64, priority: u8, kind: reactor::Kind) -> Key {
    reactor.insert(payload, priority, kind).unwrap_or_else(|_| handle_alloc_error(Layout::new::<[Key; 8]>()))
}

impl<S> Registry<S> {
    /// The time that new timers count from.
    pub(crate) fn fresh_now(&mut self) -> u64 {
        if self.in_turn { self.time.now() } else { self.time.update() }
    }

    /// Makes an event, which waits for nothing yet.
    #[track_caller]
    pub(crate) fn insert<C>(&mut self, kind: Kind, priority: Option<u8>, once: bool, handler: C) -> EventId
    where
        C: Callback<S> + 'static,
    {
        let count = self.engine.reactor.priorities();
        let priority = priority.unwrap_or((count / 2) as u8).min((count - 1) as u8);
        let handler = Some(self.kept(handler));
        self.entries.insert(Entry { handler, kind, priority, once, ..Entry::default() })
    }

    /// Makes an event whose handler comes later.
    pub(crate) fn reserve(&mut self, kind: Kind) -> EventId {
        let priority = (self.engine.reactor.priorities() / 2) as u8;
        self.entries.insert(Entry { kind, priority, ..Entry::default() })
    }

    pub(crate) fn arm_new(&mut self, id: EventId) -> Result<EventId, Error> {
        match self.arm(id) {
            Ok(()) => Ok(id),
            Err(error) => {
                self.entries.remove(id);
                Err(error)
            }
        }
    }

    /// Gives an event a slot in the reactor, and waits for what it waits for.
    pub(crate) fn arm(&mut self, id: EventId) -> Result<(), Error> {
        let Some(entry) = self.entries.get_mut(id) else { return Err(ErrorKind::NoSuchEvent.into()) };
        let payload = id.to_bits();
        let persist = match entry.kind {
            Kind::Descriptor { .. } => !entry.once,
            Kind::Timer { period, .. } => period.is_some(),
            Kind::Signal(_) => true,
            // Its slot waits for nothing, so that activating it is cheap.
            Kind::User | Kind::Task => true,
            Kind::Prepare | Kind::Check | Kind::Idle => return Ok(()),
            Kind::Extension => {
                self.turn_end.push_back(id);
                return Ok(());
            }
        };
        let kind = reactor::Kind { persist, internal: entry.background };
        let slot = new_slot(&mut self.engine.reactor, payload, entry.priority, kind);
        let waits = match entry.kind {
            Kind::Descriptor { fd, interest, .. } => self.watch_slot(slot, fd, interest.bits(), !persist),
            Kind::Signal(signal) => self.engine.watch_signal(slot, signal).map_err(Error::watch),
            _ => Ok(()),
        };
        if let Err(error) = waits {
            self.engine.remove(slot);
            return Err(error);
        }
        let Some(entry) = self.entries.get_mut(id) else { return Ok(()) };
        entry.slot = Some(slot);
        let after = match entry.kind {
            Kind::Descriptor { timeout, .. } => timeout,
            Kind::Timer { after, .. } => Some(after),
            _ => None,
        };
        if let Some(after) = after {
            let due = self.fresh_now().saturating_add(after);
            self.engine.reactor.set_timeout(slot, Some(due));
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
        let result = self.engine.watch_fd(slot, fd, interest, one_shot);
        if result.is_err() {
            self.engine.remove(slot);
        }
        result.map_err(Error::watch)
    }

    /// Puts posted work, where there is any, among what is ready. Its slot is gone when it runs: an idle loop holds none.
    pub(crate) fn ready_posted(&mut self) {
        if self.mailbox.waiting.load(Ordering::SeqCst) > 0 && !std::mem::replace(&mut self.work_is_ready, true) {
            let kind = reactor::Kind { persist: false, internal: true };
            let slot = new_slot(&mut self.engine.reactor, 0, self.middle, kind);
            self.engine.reactor.activate(slot, core::Ready::READ, 1);
        }
    }

    pub(crate) fn take_out(&mut self, id: EventId) -> Option<Entry<Handler<S>>> {
        let mut entry = self.entries.remove(id)?;
        for slot in [entry.slot, entry.second].into_iter().flatten() {
            self.engine.remove(slot);
        }
        if let Some(handler) = &mut entry.handler {
            handler.removed(self);
        }
        match entry.kind {
            Kind::Prepare => self.prepares.retain(|i| *i != id),
            Kind::Check => self.checks.retain(|i| *i != id),
            Kind::Idle => {
                self.idles.retain(|i| *i != id);
                self.engine.reactor.add_virtual(if entry.paused || entry.background { 0 } else { -1 });
            }
            Kind::Task => self.engine.reactor.add_virtual(if entry.background { 0 } else { -1 }),
            _ => {}
        }
        Some(entry)
    }

    pub(crate) fn activate_with(&mut self, id: EventId, ready: core::Ready) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let slot = match entry.slot {
            Some(slot) => slot,
            None => {
                let kind = reactor::Kind { persist: false, internal: entry.background };
                *entry.slot.insert(new_slot(&mut self.engine.reactor, id.to_bits(), entry.priority, kind))
            }
        };
        self.engine.reactor.activate(slot, ready, 1);
    }

    /// Lets one side of an extension's event wait on a descriptor, or no more. `fresh`: the timeout starts again.
    pub(crate) fn watch_side(
        &mut self,
        id: EventId,
        side: Side,
        fd: core::Fd,
        wanted: Option<core::Interest>,
        timeout: Option<u64>,
        fresh: bool,
    ) -> Result<(), Error> {
        let Some(entry) = self.entries.get_mut(id) else { return Err(ErrorKind::NoSuchEvent.into()) };
        let second = side == Side::Second;
        let kept = if second { &mut entry.second } else { &mut entry.slot };
        let Some(interest) = wanted else {
            if let Some(slot) = kept.take() {
                self.engine.remove(slot);
            }
            return Ok(());
        };
        let slot = match *kept {
            Some(slot) => slot,
            None => {
                let kind = reactor::Kind { persist: true, internal: entry.background };
                let slot = new_slot(&mut self.engine.reactor, id.to_bits(), entry.priority, kind);
                self.watch_slot(slot, fd, interest, false)?;
                if let Some(entry) = self.entries.get_mut(id) {
                    *(if second { &mut entry.second } else { &mut entry.slot }) = Some(slot);
                }
                slot
            }
        };
        self.renew_timeout(slot, timeout, fresh);
        Ok(())
    }

    /// Lets the timeout of a slot begin, if it is `fresh` or was not there, or end.
    #[inline]
    pub(crate) fn renew_timeout(&mut self, slot: Key, timeout: Option<u64>, fresh: bool) {
        let reactor = &mut self.engine.reactor;
        if fresh && timeout.is_some() || timeout.is_some() != reactor.view(slot).is_some_and(|v| v.deadline.is_some()) {
            let deadline = timeout.map(|after| self.fresh_now().saturating_add(after));
            self.engine.reactor.set_timeout(slot, deadline);
        }
    }

    /// What an extension made the handler of an event of, if it is not running.
    pub(crate) fn object<T: 'static>(&mut self, id: EventId) -> Option<&mut T> {
        self.entries.get_mut(id)?.handler.as_mut()?.object()?.downcast_mut()
    }

    /// Makes an event an extension's own, which users neither see nor count.
    pub(crate) fn hide(&mut self, id: EventId) {
        self.entries.hide(id);
    }
}
