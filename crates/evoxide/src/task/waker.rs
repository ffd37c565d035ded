//! How a task is woken: from its loop's thread through a list, from others through the loop's alarm.

use super::wake_list::{Mark, WakeList};
use crate::event_loop::event::EventId;
use crate::event_loop::mailbox::Alarm;
use std::cell::{Cell, RefCell};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

thread_local! {
    /// The loop that runs on this thread, and the tasks that were woken on it.
    static LOCAL: Local = const { Local { owner: Cell::new(0), woken: RefCell::new(Vec::new()) } };
}

struct Local {
    owner: Cell<u32>,
    woken: RefCell<Vec<EventId>>,
}

/// Takes the tasks of a loop that were woken on its thread; from now on its wakes come here.
pub(super) fn take_local(owner: u32) -> Vec<EventId> {
    LOCAL.with(|local| {
        local.owner.set(owner);
        let mut woken = local.woken.borrow_mut();
        if woken.is_empty() {
            return Vec::new();
        }
        let all = mem::take(&mut *woken);
        let (own, others) = all.into_iter().partition(|id| id.owner() == owner);
        *woken = others;
        own
    })
}

/// Nobody drives the loop any more: it must be rung for.
pub(super) fn leave_local(owner: u32) {
    LOCAL.with(|local| {
        if local.owner.get() == owner {
            local.owner.set(0);
        }
    });
}

/// What other threads wake a loop's tasks through.
pub(super) struct Wakes {
    alarm: Arc<Alarm>,
    list: WakeList<EventId>,
}

impl Wakes {
    pub fn new(alarm: Arc<Alarm>) -> Self {
        Self { alarm, list: WakeList::new() }
    }

    /// Takes the tasks that were woken by other threads.
    pub fn take(&self) -> Vec<EventId> {
        self.list.take()
    }
}

/// Wakes one task.
pub(super) struct TaskWaker {
    id: EventId,
    wakes: Arc<Wakes>,
    /// It is in the list of its thread. Touched by that thread alone.
    local: AtomicBool,
    /// It is in the list of other threads.
    foreign: Mark,
}

impl TaskWaker {
    pub fn new(id: EventId, wakes: Arc<Wakes>) -> Self {
        Self { id, wakes, local: AtomicBool::new(false), foreign: Mark::new() }
    }

    /// The task is about to be polled: later wakes count again.
    pub fn start(&self) {
        self.local.store(false, Ordering::Relaxed);
        self.foreign.clear();
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = LOCAL.try_with(|local| {
            if local.owner.get() != self.id.owner() {
                return false;
            }
            if !self.local.load(Ordering::Relaxed) {
                self.local.store(true, Ordering::Relaxed);
                local.woken.borrow_mut().push(self.id);
            }
            true
        });
        if here != Ok(true) && self.wakes.list.wake(&self.foreign, self.id) {
            self.wakes.alarm.wake();
        }
    }
}
