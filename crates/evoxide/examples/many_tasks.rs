//! Many tasks: `many_tasks [COUNT]` spawns and joins COUNT tasks, cancels as many, and wakes as many from four threads. `cargo xtask tasks`
//! runs it with 1,000,000, and under the sanitizers.

use evoxide::{Error, EventLoop};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Instant;

const THREADS: u32 = 4;

/// What other threads count up for one task.
#[derive(Default)]
struct Counter {
    count: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

impl Counter {
    fn add(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn is_full(&self) {
        poll_fn(|cx| {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            if self.count.load(Ordering::SeqCst) == THREADS { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

fn spawn_and_join(count: usize) -> Result<usize, Error> {
    let mut ev = EventLoop::new(())?;
    let cx = ev.task_cx();
    ev.block_on(async move {
        let tasks: Vec<_> = (0..count).map(|i| cx.spawn(async move { i % 2 })).collect();
        let mut odd = 0;
        for task in tasks {
            odd += task.await.expect("it neither panics nor is cancelled");
        }
        odd
    })
}

fn cancel(count: usize) -> Result<usize, Error> {
    let mut ev = EventLoop::new(())?;
    let cx = ev.task_cx();
    ev.block_on(async move {
        let tasks: Vec<_> = (0..count).map(|_| cx.spawn(pending::<()>())).collect();
        cx.pass().await;
        // One half while they wait, the other half by dropping what guards them.
        let (mut cancelled, half) = (0, tasks.len() / 2);
        for (at, task) in tasks.into_iter().enumerate() {
            if at < half {
                task.cancel();
                cancelled += usize::from(task.await.is_err_and(|error| error.is_cancelled()));
            } else {
                drop(task.cancel_on_drop());
                cancelled += 1;
            }
        }
        cancelled
    })
}

fn wake(count: usize) -> Result<usize, Error> {
    let mut ev = EventLoop::new(0)?;
    let counters: Arc<Vec<Counter>> = Arc::new((0..count).map(|_| Counter::default()).collect());
    for at in 0..count {
        let counters = Arc::clone(&counters);
        ev.spawn_with(|cx| async move {
            counters[at].is_full().await;
            cx.with(|cx| *cx.state() += 1);
        });
    }
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let counters = Arc::clone(&counters);
            thread::spawn(move || counters.iter().for_each(Counter::add))
        })
        .collect();
    ev.run()?;
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    Ok(ev.into_state())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(100_000), |arg| arg.parse())?;
    for (what, work, expected) in [
        ("spawned and joined", spawn_and_join as fn(usize) -> Result<usize, Error>, count / 2),
        ("cancelled", cancel, count),
        ("woken from four threads", wake, count),
    ] {
        let began = Instant::now();
        assert_eq!(work(count)?, expected);
        println!("{count} tasks {what}: {:.0} ns each", began.elapsed().as_nanos() as f64 / count as f64);
    }
    Ok(())
}
