//! Tasks as events of the loop.

use super::time::Sleep;
use super::waker::{TaskWaker, Wakes, leave_local, take_local};
use crate::error::{Error, ErrorKind};
use crate::event_loop::context::{Callback, Context, Core};
use crate::event_loop::event::{EventId, Fired, Kind};
use crate::event_loop::registry::Registry;
use crate::event_loop::run::{EventLoop, Outcome};
use evoxide_core::interest::Ready;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Polled, Poll, Waker};
use std::time::Duration;

/// Where a task finds its loop while it is polled.
pub(super) struct Home<S> {
    core: Cell<Option<Box<Core<S>>>>,
    /// The task that is polled does not keep the loop running, and so nothing that it waits for does.
    background: Cell<bool>,
    /// Events whose owners were dropped elsewhere.
    dropped: RefCell<Vec<EventId>>,
}

impl<S> Default for Home<S> {
    fn default() -> Self {
        Self { core: Cell::new(None), background: Cell::new(false), dropped: RefCell::default() }
    }
}

impl<S> Home<S> {
    /// Lends the loop, if it is there.
    pub fn try_with<R>(&self, work: impl FnOnce(&mut Context<'_, S>) -> R) -> Option<R> {
        /// Brings the loop back, also after a panic.
        struct Lent<'a, S> {
            home: &'a Home<S>,
            core: Option<Box<Core<S>>>,
        }
        impl<S> Drop for Lent<'_, S> {
            fn drop(&mut self) {
                self.home.core.set(self.core.take());
            }
        }
        let mut lent = Lent { home: self, core: self.core.take() };
        Some(work(&mut lent.core.as_mut()?.context(None)))
    }

    pub fn with<R>(&self, work: impl FnOnce(&mut Context<'_, S>) -> R) -> R {
        match self.try_with(work) {
            Some(answer) => answer,
            None => panic!("the loop is there only while it polls a task, and to one at a time"),
        }
    }

    /// A new event is what the task that is polled waits for.
    pub fn adopt(&self, cx: &mut Context<'_, S>, id: EventId) {
        if self.background.get() {
            cx.keep_alive(id, false);
        }
    }

    /// Removes an event, now or in the loop's next turn.
    pub fn forget(&self, id: EventId) {
        if self.try_with(|cx| cx.remove(id)).is_none() {
            self.dropped.borrow_mut().push(id);
        }
    }
}

/// What a loop keeps for its tasks.
struct Tasks<S> {
    home: Rc<Home<S>>,
    wakes: Option<Arc<Wakes>>,
}

impl<S> Default for Tasks<S> {
    fn default() -> Self {
        Self { home: Rc::default(), wakes: None }
    }
}

/// Lets a waker's task run in this turn.
pub(super) fn wake_now<S: 'static>(registry: &mut Registry<S>, waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
        registry.collect_tasks();
    }
}

impl<S: 'static> Registry<S> {
    /// Starts a task: a future that the loop polls, on its own thread, whenever it is woken. It runs first in the loop's next
    /// turn, and keeps [`run`](EventLoop::run) going until it ends; with [`keep_alive`](Registry::keep_alive) neither it nor what it
    /// begins to wait for does.
    ///
    /// A panic ends the task and nothing else; who [joins](JoinHandle) it is told. Removing the task by its
    /// [id](JoinHandle::id), or [cancelling](JoinHandle::cancel) it, drops the future.
    ///
    /// # Examples
    /// See the [module](crate::task).
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.spawn_at(future, Location::caller())
    }

    /// A task that is reported, if it is slow, with that place.
    fn spawn_at<F>(&mut self, future: F, place: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.spawn_as(future, std::any::type_name::<F>(), place)
    }

    /// The same, under another name than its type's: of what the program gave us to put around it.
    pub(crate) fn spawn_as<F>(
        &mut self,
        future: F,
        name: &'static str,
        place: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let (home, wakes) = self.tasks();
        let state = Rc::new(RefCell::new(State { result: None, waker: None }));
        let id = self.reserve(Kind::Task);
        // It needs nothing of the system.
        let _ = self.arm(id);
        self.engine.reactor.add_virtual(1);
        let own = Arc::new(TaskWaker::new(id, wakes));
        let task = OnTask {
            future: Some(Box::pin(future)),
            waker: Arc::clone(&own).into(),
            own,
            home: Rc::clone(&home),
            state: Rc::clone(&state),
        };
        let kept = self.kept_as(task, name, place);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.handler = Some(kept);
        }
        self.activate_with(id, Ready::READ);
        JoinHandle { state, id, home }
    }

    /// As [`spawn`](Self::spawn), for a future that works with the loop: it is made with a [`TaskCx`] of its own.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// for i in 1..=3 {
    ///     ev.spawn_with(|cx| async move {
    ///         cx.sleep(Duration::from_millis(i)).await;
    ///         cx.with(|cx| *cx.state() += i);
    ///     });
    /// }
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 6);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_with<F>(&mut self, make: impl FnOnce(TaskCx<S>) -> F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let future = make(self.task_cx());
        self.spawn(future)
    }

    /// What tasks reach the loop through.
    ///
    /// # Examples
    /// See the [module](crate::task).
    pub fn task_cx(&mut self) -> TaskCx<S> {
        TaskCx { home: self.tasks().0 }
    }

    fn tasks(&mut self) -> (Rc<Home<S>>, Arc<Wakes>) {
        let Self { extensions, mailbox, collectors, leavers, .. } = self;
        let tasks = extensions.get::<Tasks<S>>();
        let wakes = tasks.wakes.get_or_insert_with(|| {
            collectors.push(Self::collect_tasks);
            leavers.push(|registry| leave_local(registry.entries.owner()));
            Arc::new(Wakes::new(Arc::clone(&mailbox.alarm)))
        });
        (Rc::clone(&tasks.home), Arc::clone(wakes))
    }

    /// Queues the tasks that were woken, and removes what they dropped.
    fn collect_tasks(&mut self) {
        let tasks = self.extensions.get::<Tasks<S>>();
        let foreign = tasks.wakes.as_ref().map(|wakes| wakes.take()).unwrap_or_default();
        let dropped = if tasks.home.dropped.borrow().is_empty() { Vec::new() } else { tasks.home.dropped.take() };
        for id in foreign.into_iter().chain(take_local(self.entries.owner())) {
            self.activate_with(id, Ready::READ);
        }
        for id in dropped {
            self.remove(id);
        }
    }
}

impl<S: 'static> EventLoop<S> {
    /// Runs the loop until a future is done, and returns its output. Events and other tasks run meanwhile.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`ErrorKind::Incomplete`] where the run was ended, or nothing is left to wait for, before the future
    /// was done. It is dropped then.
    ///
    /// # Panics
    /// Where the future does.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let cx = ev.task_cx();
    /// let answer = ev.block_on(async move {
    ///     cx.sleep(Duration::from_millis(1)).await;
    ///     42
    /// })?;
    /// assert_eq!(answer, 42);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn block_on<F: Future + 'static>(&mut self, future: F) -> Result<F::Output, Error> {
        let task = self.spawn(future);
        loop {
            let outcome = self.run_once()?;
            match task.take() {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) => match error.panic {
                    Some(panic) => resume_unwind(panic),
                    None => return Err(ErrorKind::Incomplete.into()),
                },
                None if outcome == Outcome::Turned => {}
                None => {
                    self.remove(task.id);
                    return Err(ErrorKind::Incomplete.into());
                }
            }
        }
    }
}

/// A loop for its tasks: clone it into each of them.
///
/// # Examples
/// See the [module](crate::task).
pub struct TaskCx<S> {
    pub(super) home: Rc<Home<S>>,
}

impl<S> Clone for TaskCx<S> {
    fn clone(&self) -> Self {
        Self { home: Rc::clone(&self.home) }
    }
}

impl<S> fmt::Debug for TaskCx<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskCx").finish_non_exhaustive()
    }
}

impl<S: 'static> TaskCx<S> {
    /// Calls a function with the loop and its state, as a handler is called. There is no await in it: nothing is lent across
    /// one.
    ///
    /// # Panics
    /// Outside a task of this loop, and inside another call.
    ///
    /// # Examples
    /// See the [module](crate::task).
    pub fn with<R>(&self, work: impl FnOnce(&mut Context<'_, S>) -> R) -> R {
        self.home.with(work)
    }

    /// As [`with`](Self::with), where the loop is there.
    #[cfg(feature = "dns")]
    pub(crate) fn try_with<R>(&self, work: impl FnOnce(&mut Context<'_, S>) -> R) -> Option<R> {
        self.home.try_with(work)
    }

    /// Starts a task beside this one: see [`Registry::spawn`].
    ///
    /// # Panics
    /// As [`with`](Self::with).
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let cx = ev.task_cx();
    /// let sum = ev.block_on(async move {
    ///     let parts: Vec<_> = (1..=3).map(|i| cx.spawn(async move { i * i })).collect();
    ///     let mut sum = 0;
    ///     for part in parts {
    ///         sum += part.await.unwrap();
    ///     }
    ///     sum
    /// })?;
    /// assert_eq!(sum, 14);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn<F: Future + 'static>(&self, future: F) -> JoinHandle<F::Output> {
        let place = Location::caller();
        self.with(|cx| cx.spawn_at(future, place))
    }

    /// Starts a task beside this one, with a [`TaskCx`] of its own: see [`Registry::spawn_with`].
    ///
    /// # Panics
    /// As [`with`](Self::with).
    ///
    /// # Examples
    /// As for [`Registry::spawn_with`].
    #[track_caller]
    pub fn spawn_with<F: Future + 'static>(&self, make: impl FnOnce(Self) -> F) -> JoinHandle<F::Output> {
        let future = make(self.clone());
        self.spawn(future)
    }

    /// Waits for a while, on the loop's clock.
    ///
    /// # Examples
    /// See the [module](crate::task).
    pub fn sleep(&self, delay: Duration) -> Sleep {
        let home: Rc<Home<S>> = Rc::clone(&self.home);
        Sleep::new(home, delay)
    }

    /// Waits for a future, but not for longer than `limit`.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`]; the future is dropped then.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{ErrorKind, EventLoop};
    /// use std::future::pending;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let cx = ev.task_cx();
    /// let late = ev.block_on(async move { cx.timeout(Duration::from_millis(1), pending::<()>()).await })?;
    /// assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Result<F::Output, Error> {
        let (mut future, mut sleep) = (pin!(future), self.sleep(limit));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| Err(ErrorKind::TimedOut.into())),
        })
        .await
    }

    /// Lets other events and tasks have their turn.
    ///
    /// # Examples
    /// ```
    /// # let mut ev = evoxide::EventLoop::new(())?;
    /// # let cx = ev.task_cx();
    /// ev.block_on(async move { cx.pass().await })?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub async fn pass(&self) {
        let mut passed = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut passed, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// How a task ended, for who joins it.
struct State<T> {
    result: Option<Result<T, JoinError>>,
    waker: Option<Waker>,
}

/// A task: wait for its answer by awaiting this, or cancel it. Dropping the handle leaves the task alone.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
///
/// let mut ev = EventLoop::new(())?;
/// let cx = ev.task_cx();
/// ev.block_on(async move {
///     let panics = cx.spawn(async { panic!("on purpose") });
///     assert!(panics.await.unwrap_err().is_panic());
///     let never = cx.spawn(std::future::pending::<()>());
///     never.cancel();
///     assert!(never.await.unwrap_err().is_cancelled());
/// })?;
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct JoinHandle<T> {
    state: Rc<RefCell<State<T>>>,
    id: EventId,
    home: Rc<dyn Forget>,
}

/// Removes events, whatever the loop's state is.
trait Forget {
    fn forget(&self, id: EventId);
}

impl<S> Forget for Home<S> {
    fn forget(&self, id: EventId) {
        Home::forget(self, id);
    }
}

impl<T> JoinHandle<T> {
    /// The task as an event.
    ///
    /// # Examples
    /// ```
    /// let mut ev = evoxide::EventLoop::new(())?;
    /// let task = ev.spawn(async {});
    /// assert!(ev.contains(task.id()));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn id(&self) -> EventId {
        self.id
    }

    /// Whether the task has ended.
    ///
    /// # Examples
    /// ```
    /// let mut ev = evoxide::EventLoop::new(())?;
    /// let task = ev.spawn(async {});
    /// ev.run()?;
    /// assert!(task.is_finished());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn is_finished(&self) -> bool {
        self.state.borrow().result.is_some()
    }

    /// Drops the task's future, if it has not ended: now, or where it is running, or outside the loop, soon.
    ///
    /// # Examples
    /// See [`JoinHandle`].
    pub fn cancel(&self) {
        if !self.is_finished() {
            self.home.forget(self.id);
        }
    }

    /// Cancels the task when the answer is dropped.
    ///
    /// # Examples
    /// ```
    /// let mut ev = evoxide::EventLoop::new(())?;
    /// drop(ev.spawn(std::future::pending::<()>()).cancel_on_drop());
    /// ev.run()?; // Nothing is left to wait for.
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn cancel_on_drop(self) -> impl Future<Output = Result<T, JoinError>> + Unpin {
        struct Guard<T>(JoinHandle<T>);
        impl<T> Drop for Guard<T> {
            fn drop(&mut self) {
                self.0.cancel();
            }
        }
        impl<T> Future for Guard<T> {
            type Output = Result<T, JoinError>;
            fn poll(mut self: Pin<&mut Self>, cx: &mut Polled<'_>) -> Poll<Self::Output> {
                Pin::new(&mut self.0).poll(cx)
            }
        }
        Guard(self)
    }

    fn take(&self) -> Option<Result<T, JoinError>> {
        self.state.borrow_mut().result.take()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    /// After it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Polled<'_>) -> Poll<Self::Output> {
        match self.take() {
            Some(result) => Poll::Ready(result),
            None => {
                self.state.borrow_mut().waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a task has no answer.
///
/// # Examples
/// See [`JoinHandle`].
pub struct JoinError {
    panic: Option<Box<dyn Any + Send>>,
}

impl JoinError {
    /// It was cancelled.
    ///
    /// # Examples
    /// See [`JoinHandle`].
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// It panicked.
    ///
    /// # Examples
    /// See [`JoinHandle`].
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// What it panicked with, for [`resume_unwind`].
    ///
    /// # Examples
    /// ```
    /// let mut ev = evoxide::EventLoop::new(())?;
    /// let cx = ev.task_cx();
    /// ev.block_on(async move {
    ///     let error = cx.spawn(async { panic!("on purpose") }).await.unwrap_err();
    ///     assert_eq!(error.into_panic().unwrap().downcast_ref(), Some(&"on purpose"));
    /// })?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        self.panic
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_panic() { "JoinError(panic)" } else { "JoinError(cancelled)" })
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_panic() { "the task panicked" } else { "the task was cancelled" })
    }
}

impl std::error::Error for JoinError {}

/// A task's event.
struct OnTask<S, F: Future> {
    /// `None` when it has ended.
    future: Option<Pin<Box<F>>>,
    waker: Waker,
    own: Arc<TaskWaker>,
    home: Rc<Home<S>>,
    state: Rc<RefCell<State<F::Output>>>,
}

impl<S, F: Future> OnTask<S, F> {
    /// Drops the future and tells who joins.
    fn finish(&mut self, result: Result<F::Output, JoinError>) {
        let Some(future) = self.future.take() else { return };
        if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
            log::error!("a task panicked when it was dropped");
        }
        let waker = {
            let mut state = self.state.borrow_mut();
            state.result = Some(result);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<S, F: Future> Drop for OnTask<S, F> {
    fn drop(&mut self) {
        self.finish(Err(JoinError { panic: None }));
    }
}

impl<S: 'static, F: Future + 'static> Callback<S> for OnTask<S, F> {
    fn call(&mut self, _: &mut Context<'_, S>, _: Fired) {}

    fn call_with(&mut self, core: Box<Core<S>>, id: EventId) -> Box<Core<S>> {
        let Some(future) = &mut self.future else { return core };
        self.own.start();
        self.home.background.set(core.registry.entries.get(id).is_some_and(|entry| entry.background));
        self.home.core.set(Some(core));
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Polled::from_waker(&self.waker))));
        let ended = match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(answer)) => Some(Ok(answer)),
            Err(panic) => {
                if Rc::strong_count(&self.state) == 1 {
                    log::error!("a task that nobody joins panicked");
                }
                Some(Err(JoinError { panic: Some(panic) }))
            }
        };
        if let Some(result) = ended {
            self.finish(result);
            self.home.forget(id);
        }
        match self.home.core.take() {
            Some(core) => core,
            None => unreachable!("every loan of the loop ends before its function returns"),
        }
    }
}
