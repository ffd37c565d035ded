//! Waiting for time to pass.

use super::executor::{Home, wake_now};
use crate::event_loop::context::{Callback, Context};
use crate::event_loop::event::{EventId, Fired, Kind};
use crate::timer::nanos;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context as Polled, Poll, Waker};
use std::time::Duration;

/// Waits for one of two futures, and drops the other one. Where both are ready, the first one counts.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use evoxide::task::race;
/// use std::future::pending;
/// use std::time::Duration;
///
/// let mut ev = EventLoop::new(())?;
/// let cx = ev.task_cx();
/// ev.block_on(async move { race(pending(), cx.sleep(Duration::from_millis(1))).await })?;
/// # Ok::<(), evoxide::Error>(())
/// ```
pub async fn race<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> T {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Pending => b.as_mut().poll(cx),
        ready => ready,
    })
    .await
}

/// A wait: see [`TaskCx::sleep`](super::TaskCx::sleep). It counts from when it is polled first; dropping it removes its timer.
pub struct Sleep {
    home: Rc<dyn Timers>,
    delay: Duration,
    flag: Rc<Flag>,
    id: Option<EventId>,
}

/// What a timer tells.
#[derive(Default)]
pub(super) struct Flag {
    fired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// Adds timers, whatever the loop's state is.
pub(super) trait Timers {
    fn add(&self, delay: Duration, flag: Rc<Flag>) -> EventId;
    fn drop_timer(&self, id: EventId);
}

impl<S: 'static> Timers for Home<S> {
    fn add(&self, delay: Duration, flag: Rc<Flag>) -> EventId {
        self.with(|cx| {
            let kind = Kind::Timer { after: nanos(delay), period: None };
            let id = cx.registry.insert(kind, None, true, OnFlag(flag));
            // A timer needs nothing of the system.
            let _ = cx.registry.arm(id);
            self.adopt(cx, id);
            id
        })
    }

    fn drop_timer(&self, id: EventId) {
        self.forget(id);
    }
}

struct OnFlag(Rc<Flag>);

impl<S: 'static> Callback<S> for OnFlag {
    fn call(&mut self, cx: &mut Context<'_, S>, _: Fired) {
        self.0.fired.set(true);
        wake_now(cx.registry, self.0.waker.take());
    }
}

impl Sleep {
    pub(super) fn new(home: Rc<dyn Timers>, delay: Duration) -> Self {
        Self { home, delay, flag: Rc::default(), id: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Polled<'_>) -> Poll<()> {
        if self.flag.fired.get() {
            self.id = None;
            return Poll::Ready(());
        }
        {
            let mut waker = self.flag.waker.borrow_mut();
            if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
        }
        if self.id.is_none() {
            self.id = Some(self.home.add(self.delay, Rc::clone(&self.flag)));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id.filter(|_| !self.flag.fired.get()) {
            self.home.drop_timer(id);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("delay", &self.delay).finish_non_exhaustive()
    }
}
