//! Callbacks that run from the loop without an event: deferred callbacks of buffers and streams, and the loop's exit.

use crate::abi::event::{CallbackFn, DeferredFn, closure, event_callback};
use crate::base::{Base, Cb, Core};
use core::ffi::c_void;
use evoxide_core::interest::Ready;
use evoxide_core::reactor::Kind;

/// The number of deferred callbacks that run in one turn; the others wait for the next, so that they cannot starve the rest.
const MAX_PER_TURN: u32 = 32;

/// Prepares a deferred callback. The struct must stay in place until it has run or was cancelled.
pub(crate) fn init(cb: &event_callback, priority: u8, function: DeferredFn, arg: *mut c_void) {
    cb.evcb_flags.set(0);
    cb.evcb_closure.set(closure::SELF);
    cb.evcb_pri.set(priority);
    cb.evcb_cb.set(CallbackFn { deferred: Some(function) });
    cb.evcb_arg.set(arg);
}

impl Core {
    /// Makes a callback active in this turn.
    ///
    /// # Safety
    /// It is prepared, and stays in place until it ran.
    pub unsafe fn activate_callback(&mut self, cb: &event_callback, priority: u8) {
        if self.key_of(cb).is_none() {
            let key = self.engine.reactor.enqueue(Cb::bare(cb), priority, false, Ready::empty(), 1);
            Self::mark(cb, key);
        }
    }
}

impl Base {
    /// Has a deferred callback run soon. Returns whether it was not scheduled yet.
    ///
    /// # Safety
    /// As for [`Core::activate_callback`].
    pub(crate) unsafe fn schedule_deferred(&self, cb: &event_callback) -> bool {
        let fresh = self.section(|core| {
            if core.key_of(cb).is_some() {
                return false;
            }
            if core.deferred > MAX_PER_TURN {
                let inserted = core.engine.reactor.insert(Cb::bare(cb), cb.evcb_pri.get(), Kind::default());
                let Ok(key) = inserted else { return false };
                Core::mark(cb, key);
                core.engine.reactor.activate_next_turn(key, Ready::empty());
            } else {
                core.deferred += 1;
                // However urgent it is, it does not end the batch.
                let key = core.engine.reactor.enqueue(Cb::bare(cb), cb.evcb_pri.get(), true, Ready::empty(), 1);
                Core::mark(cb, key);
            }
            true
        });
        if fresh {
            self.wake_if_waiting();
        }
        fresh
    }
}
