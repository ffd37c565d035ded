//! Timers by the million: `timers_rust [-n COUNT] [-r ROUNDS] LIBRARY` with evoxide, tokio (`sleep`), delay_queue (tokio-util) or
//! calloop. Prints nanoseconds of the processor for each insert, re-arm to another time, and cancel; medians of the rounds. The same pseudo-random
//! delays of up to a minute for all, none of which comes.

use rustix::time::{ClockId, clock_gettime};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

/// What one library does in a round.
struct Round {
    insert: Duration,
    rearm: Duration,
    cancel: Duration,
}

/// Delays in nanoseconds, from 10 s to 70 s.
fn delays(count: usize, mut seed: u64) -> Vec<Duration> {
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        Duration::from_nanos(10_000_000_000 + seed % 60_000_000_000)
    };
    (0..count).map(|_| next()).collect()
}

/// How much time of the processor this thread has had.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = processor_time();
    let answer = work();
    (answer, processor_time() - began)
}

fn evoxide(first: &[Duration], second: &[Duration]) -> Round {
    let mut ev = evoxide::EventLoop::new(0_u64).unwrap();
    let mut cx = ev.context();
    let (ids, insert) = timed(|| first.iter().map(|d| cx.timer(*d, |cx| *cx.state() += 1)).collect::<Vec<_>>());
    let ((), rearm) = timed(|| ids.iter().zip(second).for_each(|(id, d)| assert!(cx.restart(*id, *d))));
    let ((), cancel) = timed(|| ids.iter().for_each(|id| assert!(cx.remove(*id))));
    Round { insert, rearm, cancel }
}

fn tokio_sleep(first: &[Duration], second: &[Duration]) -> Round {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut sleeps, insert) = timed(|| {
            let sleeps = first.iter().map(|d| {
                let mut sleep = Box::pin(tokio::time::sleep(*d));
                assert!(sleep.as_mut().poll(&mut cx).is_pending());
                sleep
            });
            sleeps.collect::<Vec<Pin<Box<tokio::time::Sleep>>>>()
        });
        let again = |(s, d): (&mut Pin<Box<tokio::time::Sleep>>, &Duration)| s.as_mut().reset(tokio::time::Instant::now() + *d);
        let ((), rearm) = timed(|| sleeps.iter_mut().zip(second).for_each(again));
        let ((), cancel) = timed(|| drop(sleeps));
        Round { insert, rearm, cancel }
    })
}

fn delay_queue(first: &[Duration], second: &[Duration]) -> Round {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut queue = tokio_util::time::DelayQueue::new();
        let (keys, insert) = timed(|| first.iter().map(|d| queue.insert(0_u64, *d)).collect::<Vec<_>>());
        let ((), rearm) = timed(|| keys.iter().zip(second).for_each(|(key, d)| queue.reset(key, *d)));
        let ((), cancel) = timed(|| keys.iter().for_each(|key| drop(black_box(queue.remove(key)))));
        Round { insert, rearm, cancel }
    })
}

fn calloop(first: &[Duration], second: &[Duration]) -> Round {
    use calloop::timer::{TimeoutAction, Timer};
    let ev = calloop::EventLoop::<u64>::try_new().unwrap();
    let handle = ev.handle();
    let add = |d: &Duration| {
        handle.insert_source(Timer::from_duration(*d), |_, _, n| {
            *n += 1;
            TimeoutAction::Drop
        })
    };
    let (tokens, insert) = timed(|| first.iter().map(|d| add(d).unwrap()).collect::<Vec<_>>());
    // There is no other way than a new one.
    let (tokens, rearm) = timed(|| {
        let again = tokens.into_iter().zip(second).map(|(token, d)| {
            handle.remove(token);
            add(d).unwrap()
        });
        again.collect::<Vec<_>>()
    });
    let ((), cancel) = timed(|| tokens.into_iter().for_each(|token| handle.remove(token)));
    Round { insert, rearm, cancel }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (mut count, mut rounds, mut library) = (1_000_000, 5, String::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-n" => count = args.next().and_then(|n| n.parse().ok()).expect("a count"),
            "-r" => rounds = args.next().and_then(|n| n.parse().ok()).expect("a number of rounds"),
            _ => library = arg,
        }
    }
    let run = match library.as_str() {
        "evoxide" => evoxide,
        "tokio" => tokio_sleep,
        "delay_queue" => delay_queue,
        "calloop" => calloop,
        _ => panic!("usage: timers_rust [-n COUNT] [-r ROUNDS] evoxide|tokio|delay_queue|calloop"),
    };
    let (first, second) = (delays(count, 88172645463325252), delays(count, 1181783497276652981));
    let all: Vec<Round> = (0..rounds).map(|_| run(&first, &second)).collect();
    let median = |of: fn(&Round) -> Duration| {
        let mut times: Vec<Duration> = all.iter().map(of).collect();
        times.sort_unstable();
        times[times.len() / 2].as_nanos() as f64 / count as f64
    };
    println!("insert {:.1} ns/op", median(|r| r.insert));
    println!("rearm {:.1} ns/op", median(|r| r.rearm));
    println!("cancel {:.1} ns/op", median(|r| r.cancel));
}
