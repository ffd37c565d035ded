//! A loop for each core.

use crate::error::{Error, ErrorKind};
use crate::event_loop::{EventLoop, Handle, Hold};
use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Starts threads with a loop each, which `make` makes there; it is given the thread's number, from 0. All run until they are
/// [drained](Handles::drain) or [stopped](Handles::stop), or a handler ends them; meanwhile also where they have no events.
///
/// What threads share is the program's choice: each loop has a state of its own, and what is in an [`Arc`] is everybody's.
///
/// # Connections
/// - *By the system*: each loop has a listener of its own, and all of them the same address, by
///   [`SocketOptions::listen_many`](crate::stream::SocketOptions::listen_many). It scales with the threads; the system spreads connections
///   by their addresses, evenly only where there are many.
/// - *Handed over*: one loop accepts, and [posts](Handle::post) connections to [each in turn](Handles::in_turn). That is even from the
///   first connection on, and costs a message for each.
///
/// # Errors
/// Where `make` fails or panics in a thread, or the system gives no thread: the others end then.
///
/// # Examples
/// Two loops that serve HTTP at one address, and count together:
/// ```
/// # #[cfg(feature = "http")]
/// # {
/// use evoxide::EventLoop;
/// use evoxide::http::Server;
/// use evoxide::stream::SocketOptions;
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// let listeners = SocketOptions::new().listen_many("127.0.0.1:0", 2)?;
/// let addr = listeners[0].local_addr()?;
/// let count = Arc::new(AtomicU64::new(0));
/// let shared = Arc::clone(&count);
/// let mut threads = evoxide::threads(2, move |i| {
///     let mut ev = EventLoop::new(Arc::clone(&shared))?;
///     let server = Server::<Arc<AtomicU64>>::new().get("/", |cx, _request| {
///         cx.state().fetch_add(1, Ordering::Relaxed);
///         "hello\n"
///     });
///     ev.serve_from(listeners[i].try_clone()?, server)?;
///     Ok(ev)
/// })?;
///
/// for _ in 0..10 {
///     let mut client = TcpStream::connect(addr)?;
///     client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
///     let mut answer = String::new();
///     client.read_to_string(&mut answer)?;
///     assert!(answer.ends_with("hello\n"));
/// }
/// threads.handles().drain(Duration::from_secs(30));
/// threads.wait()?;
/// assert_eq!(count.load(Ordering::Relaxed), 10);
/// # }
/// # Ok::<(), evoxide::Error>(())
/// ```
pub fn threads<S, F>(count: usize, make: F) -> Result<Threads<S>, ThreadError>
where
    S: 'static,
    F: Fn(usize) -> Result<EventLoop<S>, Error> + Send + Sync + 'static,
{
    let ((tell, told), (end, ended)) = (mpsc::channel(), mpsc::channel());
    let mut threads = Threads { handles: Handles::new(Vec::new(), Vec::new()), ended, running: Vec::new() };
    let make = Arc::new(make);
    let mut failed = None;
    for number in 0..count {
        let (make, tell, end) = (Arc::clone(&make), tell.clone(), end.clone());
        let run = move || end.send((number, run(number, make, tell))).unwrap_or(());
        match thread::Builder::new().name(format!("evoxide {number}")).spawn(run) {
            Ok(thread) => threads.running.push(Some(thread)),
            Err(error) => {
                failed = Some(ThreadError { thread: number, cause: Cause::Error(error.into()) });
                break;
            }
        }
    }
    drop((make, tell, end));
    // Each thread says that its loop is there, or drops the sender.
    let mut made: Vec<_> = told.into_iter().collect();
    made.sort_by_key(|(number, _, _)| *number);
    let (handles, holds) = made.into_iter().map(|(_, handle, hold)| (handle, hold)).unzip();
    threads.handles = Handles::new(handles, holds);
    if failed.is_none() && threads.handles.len() == count {
        return Ok(threads);
    }
    threads.handles.stop();
    let first = threads.wait().err();
    while !threads.running.iter().all(Option::is_none) {
        let _ = threads.wait();
    }
    let nothing = || ThreadError { thread: 0, cause: Cause::Error(ErrorKind::Closed.into()) };
    Err(failed.or(first).unwrap_or_else(nothing))
}

type Made<S> = (usize, Handle<S>, Hold<S>);

/// The life of a thread.
fn run<S, F>(number: usize, make: Arc<F>, tell: mpsc::Sender<Made<S>>) -> Result<(), ThreadError>
where
    F: Fn(usize) -> Result<EventLoop<S>, Error>,
{
    let life = || {
        let mut ev = make(number)?;
        // What it brought along goes before anybody hears that the loop is there.
        drop(make);
        let handle = ev.handle();
        let hold = handle.hold();
        let _ = tell.send((number, handle, hold));
        drop(tell);
        ev.run().map(|_| ())
    };
    let cause = match catch_unwind(AssertUnwindSafe(life)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => Cause::Error(error),
        Err(panic) => Cause::Panic(Mutex::new(panic)),
    };
    let error = ThreadError { thread: number, cause };
    log::error!("{error}");
    Err(error)
}

/// Threads that run loops: what [`threads`] made. When this is dropped, the loops are stopped, and not waited for.
///
/// # Examples
/// See [`threads`].
#[must_use]
pub struct Threads<S: 'static> {
    handles: Handles<S>,
    ended: mpsc::Receiver<(usize, Result<(), ThreadError>)>,
    /// By number; those that have ended are none.
    running: Vec<Option<JoinHandle<()>>>,
}

impl<S: 'static> Threads<S> {
    /// Handles of all loops.
    ///
    /// # Examples
    /// See [`threads`].
    pub fn handles(&self) -> &Handles<S> {
        &self.handles
    }

    /// Waits until all loops have ended.
    ///
    /// # Errors
    /// As soon as one of them ends with an error or a panic, which was logged too. The others go on; to wait for them, call this again.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut threads = evoxide::threads(2, |_number| EventLoop::new(()))?;
    /// threads.handles()[1].post(|_cx| panic!("that was that"))?;
    /// let error = threads.wait().unwrap_err();
    /// assert_eq!((error.thread(), error.panic_text()), (1, Some("that was that".to_owned())));
    /// threads.handles().drain(Duration::from_secs(30));
    /// threads.wait()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn wait(&mut self) -> Result<(), ThreadError> {
        while self.running.iter().any(Option::is_some) {
            let Ok((number, result)) = self.ended.recv() else {
                // Nobody is left who would tell.
                self.running.clear();
                break;
            };
            if let Some(thread) = self.running.get_mut(number).and_then(Option::take) {
                let _ = thread.join();
            }
            result?;
        }
        Ok(())
    }
}

impl<S: 'static> Drop for Threads<S> {
    fn drop(&mut self) {
        self.handles.stop();
    }
}

impl<S> fmt::Debug for Threads<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.running.iter().flatten().count();
        f.debug_struct("Threads").field("running", &running).finish_non_exhaustive()
    }
}

/// Handles of several loops, one for each thread. Cheap to clone; it dereferences to the slice of them.
///
/// # Examples
/// One loop accepts, and hands the connections to two others:
/// ```
/// use evoxide::EventLoop;
/// use evoxide::stream::{StreamCtx, StreamHandler};
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
/// use std::time::Duration;
///
/// struct Echo;
///
/// impl StreamHandler<usize> for Echo {
///     fn on_read(&mut self, cx: &mut StreamCtx<'_, usize>) {
///         let text = format!("thread {}: ", cx.state());
///         let (input, output) = cx.io();
///         output.append(text);
///         output.append_buffer(input);
///         cx.close_after_flush();
///     }
/// }
///
/// let mut threads = evoxide::threads(2, EventLoop::new)?;
/// let handles = threads.handles().clone();
/// let mut ev = EventLoop::new(())?;
/// let listener = ev.listen("127.0.0.1:0", move |_cx, conn, _peer| {
///     handles.in_turn().post(move |cx| {
///         let _ = cx.open(conn, Echo);
///     })
/// })?;
///
/// let addr = ev.source::<TcpListener>(listener).unwrap().local_addr()?;
/// let mut clients = Vec::new();
/// for _ in 0..2 {
///     let mut client = TcpStream::connect(addr)?;
///     client.write_all(b"hello")?;
///     clients.push(client);
/// }
/// // Those who were let in before get their answers.
/// ev.drain(Duration::from_secs(30));
/// ev.run()?;
/// threads.handles().drain(Duration::from_secs(30));
/// threads.wait()?;
/// for (i, mut client) in clients.into_iter().enumerate() {
///     let mut text = String::new();
///     client.read_to_string(&mut text)?;
///     assert_eq!(text, format!("thread {i}: hello"));
/// }
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct Handles<S> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    handles: Vec<Handle<S>>,
    /// Keep the loops running.
    holds: Mutex<Vec<Hold<S>>>,
    next: AtomicUsize,
}

impl<S> Handles<S> {
    fn new(handles: Vec<Handle<S>>, holds: Vec<Hold<S>>) -> Self {
        Self { shared: Arc::new(Shared { handles, holds: Mutex::new(holds), next: AtomicUsize::new(0) }) }
    }

    /// Another one each time: one after the other, and from the beginning.
    ///
    /// # Panics
    /// Where there is no thread.
    ///
    /// # Examples
    /// See [`Handles`].
    pub fn in_turn(&self) -> &Handle<S> {
        let next = self.shared.next.fetch_add(1, Ordering::Relaxed);
        &self.shared.handles[next % self.shared.handles.len()]
    }

    /// Ends all loops in order, within a time: see [`Registry::drain`](crate::Registry::drain). What was posted before is done before.
    ///
    /// # Examples
    /// See [`threads`].
    pub fn drain(&self, within: Duration)
    where
        S: 'static,
    {
        for handle in &self.shared.handles {
            // A loop that has gone needs no end.
            let _ = handle.drain(within);
        }
        self.release();
    }

    /// Ends the runs of all loops as they are: see [`Handle::stop`].
    ///
    /// # Examples
    /// ```
    /// let mut threads = evoxide::threads(2, evoxide::EventLoop::new)?;
    /// threads.handles().stop();
    /// threads.wait()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn stop(&self) {
        self.shared.handles.iter().for_each(Handle::stop);
        self.release();
    }

    fn release(&self) {
        let holds = std::mem::take(&mut *self.shared.holds.lock().unwrap_or_else(PoisonError::into_inner));
        drop(holds);
    }
}

impl<S> std::ops::Deref for Handles<S> {
    type Target = [Handle<S>];

    fn deref(&self) -> &[Handle<S>] {
        &self.shared.handles
    }
}

impl<S> Clone for Handles<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S> fmt::Debug for Handles<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handles").field(&self.len()).finish()
    }
}

/// How a thread with a loop ended that should not have.
///
/// # Examples
/// See [`Threads::wait`].
#[derive(Debug)]
pub struct ThreadError {
    thread: usize,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Error(Error),
    /// The lock is never waited for: it makes the error shareable.
    Panic(Mutex<Box<dyn Any + Send>>),
}

impl ThreadError {
    /// The thread's number.
    ///
    /// # Examples
    /// See [`Threads::wait`].
    pub fn thread(&self) -> usize {
        self.thread
    }

    /// The error of the loop, or of what made it; `None`: a handler panicked.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Config, EventLoop};
    ///
    /// let made = evoxide::threads(2, |_number| EventLoop::with_config(Config::new().priorities(0), ()));
    /// assert_eq!(made.unwrap_err().error().unwrap().argument(), Some("priorities"));
    /// ```
    pub fn error(&self) -> Option<&Error> {
        match &self.cause {
            Cause::Error(error) => Some(error),
            Cause::Panic(_) => None,
        }
    }

    /// What a handler panicked with, where that is a text.
    ///
    /// # Examples
    /// See [`Threads::wait`].
    pub fn panic_text(&self) -> Option<String> {
        let Cause::Panic(panic) = &self.cause else { return None };
        let panic = panic.lock().unwrap_or_else(PoisonError::into_inner);
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
    }

    /// What a handler panicked with, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Examples
    /// ```no_run
    /// let mut threads = evoxide::threads(2, evoxide::EventLoop::new)?;
    /// if let Err(error) = threads.wait()
    ///     && let Some(panic) = error.into_panic()
    /// {
    ///     std::panic::resume_unwind(panic);
    /// }
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        match self.cause {
            Cause::Error(_) => None,
            Cause::Panic(panic) => Some(panic.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl fmt::Display for ThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {}: ", self.thread)?;
        match (&self.cause, self.panic_text()) {
            (Cause::Error(error), _) => error.fmt(f),
            (_, Some(text)) => write!(f, "panicked: {text}"),
            (_, None) => f.write_str("panicked"),
        }
    }
}

impl std::error::Error for ThreadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error().map(|error| error as _)
    }
}

impl From<ThreadError> for Error {
    fn from(error: ThreadError) -> Self {
        match error.cause {
            Cause::Error(error) => error,
            Cause::Panic(_) => io::Error::other(error).into(),
        }
    }
}
