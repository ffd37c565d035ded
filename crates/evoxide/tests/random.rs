//! Random programs: handlers that add, remove, pause, resume, restart and activate one another, on a virtual clock. Nobody is
//! called after it was removed, everybody's handler is dropped once, and every run ends.

use evoxide::{Clock, Config, Context, EventId, EventLoop, Interest, Outcome, Timer, Watch};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A small generator, so that runs can be repeated by their number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

struct World {
    dice: Dice,
    ids: Vec<EventId>,
    removed: HashSet<EventId>,
    writers: Vec<UnixStream>,
    calls: u32,
    alive: u32,
}

/// Counts handlers from inside them.
struct Token(std::rc::Rc<std::cell::Cell<u32>>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

type Drops = std::rc::Rc<std::cell::Cell<u32>>;

/// What every handler does.
fn act(cx: &mut Context<'_, World>, drops: &Drops) {
    let id = cx.id().expect("an event");
    assert!(!cx.state().removed.contains(&id), "called after its removal");
    cx.state().calls += 1;
    if cx.state().calls > 400 {
        return cx.stop();
    }
    for _ in 0..cx.state().dice.roll(3) {
        step(cx, drops);
    }
}

fn step(cx: &mut Context<'_, World>, drops: &Drops) {
    let world = cx.state();
    let (what, delay) = (world.dice.roll(12), Duration::from_millis(world.dice.roll(20)));
    let one =
        if world.ids.is_empty() { None } else { Some(world.ids[world.dice.roll(world.ids.len() as u64) as usize]) };
    let token = Token(drops.clone());
    let added = match what {
        0 => Some(cx.timer(delay, move |cx| act(cx, &token.0.clone()))),
        1 => Some(
            cx.timer(Timer::every(delay + Duration::from_millis(1)).priority(0), move |cx| act(cx, &token.0.clone())),
        ),
        2 => Some(cx.user(move |cx| act(cx, &token.0.clone()))),
        3 => {
            let (a, b) = UnixStream::pair().expect("a pair");
            b.set_nonblocking(true).expect("set");
            cx.state().writers.push(a);
            let once = cx.state().dice.roll(2) == 0;
            let watch = Watch::new(Interest::READ).timeout(delay);
            let watch = if once { watch.once() } else { watch };
            let id = cx.descriptor(b, watch, move |cx, b, ready| {
                if ready.is_readable() {
                    let _ = b.read(&mut [0; 4]);
                }
                act(cx, &token.0.clone());
            });
            Some(id.expect("added"))
        }
        _ => {
            // No handler takes it.
            std::mem::forget(token);
            None
        }
    };
    if let Some(id) = added {
        cx.state().alive += 1;
        cx.state().ids.push(id);
    }
    let (true, Some(one)) = (added.is_none(), one) else { return };
    let exists = cx.contains(one);
    match what {
        4 | 5 => {
            assert_eq!(cx.remove(one), exists);
            cx.state().removed.insert(one);
        }
        6 => assert_eq!(cx.pause(one), exists),
        7 => assert_eq!(cx.resume(one).is_ok(), exists),
        8 => assert!(!cx.restart(one, delay) || exists),
        9 => assert_eq!(cx.activate(one), exists),
        10 => {
            let both = Interest::READ | Interest::WRITE;
            let wanted = if cx.state().dice.roll(2) == 0 { both } else { Interest::READ };
            let _ = cx.set_interest(one, wanted);
        }
        _ => {
            let count = cx.state().writers.len() as u64;
            if count > 0 {
                let at = cx.state().dice.roll(count) as usize;
                let _ = cx.state().writers[at].write(b"x");
            }
            cx.set_priority(one, what as u8 % 3);
        }
    }
}

#[test]
fn random_programs_end_and_keep_their_promises() {
    let mut calls = 0;
    for seed in 1..=300_u64 {
        let drops = Drops::default();
        let world = World {
            dice: Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)),
            ids: Vec::new(),
            removed: HashSet::new(),
            writers: Vec::new(),
            calls: 0,
            alive: 0,
        };
        let config = Config::new().clock(Clock::Virtual).priorities(3);
        let mut ev = EventLoop::with_config(config, world).expect("a loop");
        for _ in 0..30 {
            step(&mut ev.context(), &drops);
        }
        for _ in 0..20 {
            if ev.run_once().expect("a turn") != Outcome::Turned {
                break;
            }
        }
        // However much is going on, a limited run ends.
        ev.exit_after(Duration::from_millis(50));
        ev.run().expect("a run");
        let counts = ev.counts();
        assert!(counts.ready <= counts.events && counts.waiting <= counts.events);
        let living = ev.state().ids.iter().filter(|id| ev.contains(**id)).count();
        assert!(living <= counts.events);
        let world = ev.into_state();
        calls += world.calls;
        assert_eq!(drops.get(), world.alive, "seed {seed}: every handler is dropped once");
    }
    assert!(calls > 300 * 50, "only {calls} calls: the programs do too little");
}
