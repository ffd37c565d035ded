//! The reactor against a naive model, in the simulated world: random additions, removals, activations, timeouts, signals,
//! closed and reopened descriptors, in every order; who is called, why, and in what order must agree, and so must the counts.

use evoxide_core::interest::{Change, Fd, Interest, Ready, Report};
use evoxide_core::key::Key;
use evoxide_core::reactor::{AddError, After, Kind, Options, Reactor, Removed, View, Walk};
use evoxide_core::sim::World;
use proptest::prelude::*;
use std::collections::VecDeque;

const PAIRS: usize = 4;
const PRIORITIES: usize = 3;
/// The clock's step; deadlines are unique because each operation adds its own number below it.
const STEP: u64 = 1000;

#[derive(Clone, Debug)]
enum Op {
    Insert { priority: u8, persist: bool },
    Watch { event: usize, pair: usize, interest: Interest },
    Signal { event: usize, signal: i32 },
    Timeout { event: usize, after: u64 },
    ClearTimeout { event: usize },
    Remove { event: usize },
    Activate { event: usize, ready: Ready },
    Later { event: usize },
    Deactivate { event: usize },
    Priority { event: usize, priority: u8 },
    Raise { signal: i32 },
    Send { pair: usize },
    Drain { pair: usize },
    Fill { pair: usize },
    Reopen { pair: usize, dup: bool },
    Refuse,
    Turn { steps: u64 },
    Pop,
}

fn op() -> impl Strategy<Value = Op> {
    let event = 0..12usize;
    let pair = 0..PAIRS;
    let conditions = prop_oneof![
        3 => Just(Interest::READ),
        2 => Just(Interest::WRITE),
        2 => Just(Interest::READ | Interest::WRITE),
        1 => Just(Interest::CLOSED),
        1 => Just(Interest::READ | Interest::EDGE),
    ];
    prop_oneof![
        6 => (0..PRIORITIES as u8 + 1, any::<bool>()).prop_map(|(priority, persist)| Op::Insert { priority, persist }),
        8 => (event.clone(), pair.clone(), conditions).prop_map(|(event, pair, interest)| Op::Watch { event, pair, interest }),
        2 => (event.clone(), 1..4i32).prop_map(|(event, signal)| Op::Signal { event, signal }),
        4 => (event.clone(), 0..8u64).prop_map(|(event, after)| Op::Timeout { event, after }),
        1 => event.clone().prop_map(|event| Op::ClearTimeout { event }),
        3 => event.clone().prop_map(|event| Op::Remove { event }),
        2 => (event.clone(), prop_oneof![Just(Ready::READ), Just(Ready::TIMEOUT)])
            .prop_map(|(event, ready)| Op::Activate { event, ready }),
        1 => event.clone().prop_map(|event| Op::Later { event }),
        1 => event.clone().prop_map(|event| Op::Deactivate { event }),
        1 => (event, 0..PRIORITIES as u8).prop_map(|(event, priority)| Op::Priority { event, priority }),
        2 => (1..4i32).prop_map(|signal| Op::Raise { signal }),
        5 => pair.clone().prop_map(|pair| Op::Send { pair }),
        2 => pair.clone().prop_map(|pair| Op::Drain { pair }),
        2 => pair.clone().prop_map(|pair| Op::Fill { pair }),
        2 => (pair, any::<bool>()).prop_map(|(pair, dup)| Op::Reopen { pair, dup }),
        1 => Just(Op::Refuse),
        8 => (0..4u64).prop_map(|steps| Op::Turn { steps }),
        12 => Just(Op::Pop),
    ]
}

/// One event of the model.
#[derive(Clone, Debug)]
struct Event {
    id: u32,
    key: Key,
    priority: usize,
    persist: bool,
    /// When it was inserted into its descriptor's or signal's list.
    order: u64,
    fd: Option<(Fd, Interest)>,
    signal: Option<i32>,
    deadline: Option<u64>,
    /// Whether its timeout came, and it was not called since.
    expired: bool,
    ready: Option<Ready>,
    later: bool,
}

impl Event {
    fn linked(&self) -> bool {
        self.fd.is_some() || self.signal.is_some() || self.deadline.is_some() || self.ready.is_some()
    }
}

struct Pair {
    near: Fd,
    far: Fd,
}

struct Bench {
    reactor: Reactor<u32>,
    world: World,
    pairs: Vec<Pair>,
    events: Vec<Event>,
    ready: Vec<VecDeque<u32>>,
    later: VecDeque<u32>,
    running: usize,
    interrupted: bool,
    popped: u32,
    deferred: bool,
    refuse: bool,
    number: u64,
    next_id: u32,
}

impl Bench {
    fn new(deferred: bool) -> Self {
        let mut reactor = Reactor::new();
        assert!(reactor.set_priorities(PRIORITIES as u16));
        reactor.set_options(Options { deferred, ..Options::default() });
        let mut world = World::new();
        let pairs = (0..PAIRS).map(|_| Self::pair(&mut world)).collect();
        Self {
            reactor,
            world,
            pairs,
            events: Vec::new(),
            ready: vec![VecDeque::new(); PRIORITIES],
            later: VecDeque::new(),
            running: 0,
            interrupted: false,
            popped: 0,
            deferred,
            refuse: false,
            number: 0,
            next_id: 0,
        }
    }

    fn pair(world: &mut World) -> Pair {
        let (far, near) = world.pair(2);
        Pair { near, far }
    }

    fn position(&self, id: u32) -> usize {
        self.events.iter().position(|e| e.id == id).expect("a queued event is in the model")
    }

    fn activate(&mut self, at: usize, ready: Ready) {
        let event = &mut self.events[at];
        if let Some(already) = &mut event.ready {
            *already |= ready;
            return;
        }
        event.ready = Some(ready);
        self.ready[event.priority].push_back(event.id);
        self.interrupted |= event.priority < self.running;
    }

    /// Drops events that wait for nothing, as the reactor frees their slots.
    fn forget_if_idle(&mut self, at: usize) {
        if !self.events[at].linked() {
            self.events.remove(at);
        }
    }

    fn told(&mut self, change: Option<Change>) {
        assert!(change.is_none() || !self.deferred, "in deferred mode changes wait");
        if let Some(change) = change {
            self.world.apply(&change).expect("an explicit change is carried out");
        }
    }

    fn gone(&mut self, gone: Removed) {
        let (change, signal) = (gone.change, gone.signal);
        self.told(change);
        if let Some(signal) = signal {
            assert!(self.events.iter().all(|e| e.signal != Some(signal)));
        }
    }

    fn remove(&mut self, at: usize) {
        let event = self.events.remove(at);
        for queue in self.ready.iter_mut().chain([&mut self.later]) {
            queue.retain(|id| *id != event.id);
        }
        let gone = self.reactor.remove(event.key);
        self.gone(gone);
        assert!(self.reactor.view(event.key).is_none());
    }

    fn watch(&mut self, at: usize, fd: Fd, interest: Interest) {
        let event = self.events[at].clone();
        let edge = |e: &Event| e.fd.filter(|f| f.0 == fd).map(|f| f.1.contains(Interest::EDGE));
        let conflict = self.events.iter().filter_map(edge).any(|e| e != interest.contains(Interest::EDGE));
        let answer = self.reactor.watch_fd(event.key, fd, interest, !event.persist);
        if event.fd.is_some() || event.signal.is_some() {
            assert_eq!(answer, Err(AddError::StaleKey));
        } else if conflict {
            assert_eq!(answer, Err(AddError::ModeConflict));
        } else {
            let change = answer.expect("the addition is legal");
            if let Some(change) = change.filter(|_| core::mem::take(&mut self.refuse)) {
                self.reactor.undo_watch(event.key, Some(change));
                assert_eq!(self.free_if_idle(event.key), event.linked());
            } else {
                self.told(change);
                self.events[at].fd = Some((fd, interest));
                self.events[at].order = self.number;
            }
        }
        self.forget_or_keep(at);
    }

    /// Frees the slot of an event that waits for nothing. Returns whether it lives on.
    fn free_if_idle(&mut self, key: Key) -> bool {
        let linked = |view: View<u32>| view.inserted || view.deadline.is_some() || view.ready.is_some();
        let lives = self.reactor.view(key).is_some_and(linked);
        if !lives {
            assert_eq!(self.reactor.remove(key), Removed::default());
        }
        lives
    }

    /// A slot that was inserted but waits for nothing is the caller's: this caller frees it.
    fn forget_or_keep(&mut self, at: usize) {
        let key = self.events[at].key;
        if !self.events[at].linked() {
            assert!(!self.free_if_idle(key));
        }
        self.forget_if_idle(at);
    }

    fn turn(&mut self, steps: u64) {
        // Promote.
        let promoted = self.later.len() as u32;
        for id in core::mem::take(&mut self.later) {
            let at = self.position(id);
            self.events[at].later = false;
            self.ready[self.events[at].priority].push_back(id);
        }
        assert_eq!(self.reactor.promote_next_turn(), promoted);
        // Wait.
        while let Some(change) = self.reactor.next_leftover() {
            let done = self.world.apply(&change);
            assert!(done.is_ok() || change.new.is_empty(), "{change:?} {done:?}");
        }
        let first = self.events.iter().filter_map(|e| e.deadline).min();
        let now = self.world.now();
        let found = self.reactor.first_deadline(now, u64::MAX);
        assert!(
            found == first || found.is_some_and(|found| first <= Some(found) && found <= now),
            "{found:?} {first:?}"
        );
        self.world.advance(steps * STEP);
        let reports = self.world.reports();
        self.check_reports(&reports);
        for report in &reports {
            let mut on: Vec<_> =
                self.events.iter().filter(|e| e.fd.is_some_and(|f| f.0 == report.fd)).cloned().collect();
            on.sort_by_key(|e| core::cmp::Reverse(e.order));
            for event in on {
                let (_, interest) = event.fd.expect("filtered");
                if event.expired && !interest.contains(Interest::EDGE) {
                    // Its timeout has come: the rest is told when it waits again.
                    continue;
                }
                let bits = interest.bits() & report.ready.bits();
                if bits & Interest::CONDITIONS.bits() != 0 {
                    self.activate(self.position(event.id), Ready::from_bits_retain(bits));
                }
            }
        }
        let found = self.reactor.finish_wait(reports.into_iter());
        assert_eq!((found.stale, found.internal), (0, 0));
        // Expire.
        let now = self.world.now();
        let mut due: Vec<_> =
            self.events.iter().filter_map(|e| e.deadline.filter(|d| *d <= now).map(|d| (d, e.id))).collect();
        due.sort_unstable();
        for (_, id) in due {
            let at = self.position(id);
            let event = &mut self.events[at];
            (event.deadline, event.expired) = (None, true);
            // Only an edge survives beside the timeout.
            if event.ready.is_some() && !event.fd.is_some_and(|f| f.1.contains(Interest::EDGE)) {
                event.ready = None;
                event.later = false;
                for queue in self.ready.iter_mut().chain([&mut self.later]) {
                    queue.retain(|other| *other != id);
                }
            }
            self.activate(at, Ready::TIMEOUT);
        }
        self.reactor.expire(now);
        // Begin.
        self.reactor.begin_batch(|| now);
        self.running = self.ready.iter().position(|q| !q.is_empty()).unwrap_or(0);
        self.interrupted = false;
        self.popped = 0;
    }

    /// Everything that is true and waited for (level-triggered) is reported, unless a one-shot event is ready already.
    fn check_reports(&self, reports: &[Report]) {
        for event in &self.events {
            let Some((fd, interest)) = event.fd else { continue };
            let truth = self.world.readiness(fd).expect("open").bits() & (interest & Interest::CONDITIONS).bits();
            let reported = reports.iter().any(|r| r.fd == fd && r.ready.bits() & truth == truth);
            let seen_before = self.events.iter().any(|e| e.ready.is_some() && e.fd.is_some_and(|f| f.0 == fd));
            if truth != 0 && !interest.contains(Interest::EDGE) && !seen_before {
                assert!(reported, "{event:?} {reports:?}");
            }
        }
    }

    fn pop(&mut self) {
        let mut expected = None;
        if !self.interrupted {
            if self.ready[self.running].is_empty() && self.popped == 0 {
                self.running = self.ready.iter().position(|q| !q.is_empty()).unwrap_or(self.running);
            }
            expected = self.ready[self.running].pop_front();
        }
        let popped = self.reactor.pop_ready();
        let Some(id) = expected else {
            assert!(popped.is_none(), "{popped:?}");
            return;
        };
        let popped = popped.expect("the model has a ready event");
        let at = self.position(id);
        let event = &mut self.events[at];
        assert_eq!((popped.payload, Some(popped.ready)), (id, event.ready));
        assert_eq!(popped.kept_key(), event.persist.then_some(event.key));
        if event.expired && event.persist && event.fd.is_some() {
            event.order = self.number;
        }
        (event.ready, event.expired) = (None, false);
        self.popped += 1;
        let stays = matches!(popped.after, After::Pending | After::Unchanged);
        assert_eq!((popped.kept(), stays), (event.persist, event.persist && event.linked()));
        assert!(popped.after != After::Unchanged || !popped.ready.contains(Ready::TIMEOUT));
        let (key, linked) = (event.key, stays);
        if !linked {
            self.events.remove(at);
        }
        if popped.after == After::Unlink {
            let gone = self.reactor.remove(popped.key.unwrap());
            self.gone(gone);
        }
        assert_eq!(self.free_if_idle(key), linked);
    }

    fn reopen(&mut self, pair: usize, dup: bool) {
        let Pair { near, far } = self.pairs[pair];
        while let Some(at) = self.events.iter().position(|e| e.fd.is_some_and(|f| f.0 == near)) {
            self.remove(at);
        }
        if dup && !self.deferred {
            // The file lives on elsewhere: nothing of it may be reported.
            self.world.dup(near).expect("open");
        }
        self.world.close(near).expect("open");
        self.world.close(far).expect("open");
        self.pairs[pair] = Self::pair(&mut self.world);
    }

    fn step(&mut self, op: &Op) {
        self.number += 1;
        let count = self.events.len();
        let pick = |event: usize| if count == 0 { None } else { Some(event % count) };
        match *op {
            Op::Insert { priority, persist } => {
                let id = self.next_id;
                self.next_id += 1;
                let key = self.reactor.insert(id, priority, Kind { persist, internal: false }).unwrap();
                // Give it something to wait for at once; other operations may add to it.
                let deadline = self.world.now() + 50 * STEP + self.number;
                assert!(self.reactor.set_timeout(key, Some(deadline)));
                self.events.push(Event {
                    id,
                    key,
                    priority: usize::from(priority).min(PRIORITIES - 1),
                    persist,
                    order: 0,
                    fd: None,
                    signal: None,
                    deadline: Some(deadline),
                    expired: false,
                    ready: None,
                    later: false,
                });
            }
            Op::Watch { event, pair, interest } => {
                if let Some(at) = pick(event) {
                    self.watch(at, self.pairs[pair].near, interest);
                }
            }
            Op::Signal { event, signal } => {
                let Some(at) = pick(event) else { return };
                let first = self.events.iter().all(|e| e.signal != Some(signal));
                let e = &mut self.events[at];
                let answer = self.reactor.watch_signal(e.key, signal);
                if e.fd.is_some() || e.signal.is_some() {
                    assert_eq!(answer, Err(AddError::StaleKey));
                } else {
                    assert_eq!(answer, Ok(first));
                    (e.signal, e.order) = (Some(signal), self.number);
                }
            }
            Op::Timeout { event, after } => {
                if let Some(at) = pick(event) {
                    let deadline = self.world.now() + after * STEP + self.number;
                    (self.events[at].deadline, self.events[at].expired) = (Some(deadline), false);
                    assert!(self.reactor.set_timeout(self.events[at].key, Some(deadline)));
                }
            }
            Op::ClearTimeout { event } => {
                if let Some(at) = pick(event) {
                    (self.events[at].deadline, self.events[at].expired) = (None, false);
                    let lives = self.events[at].linked();
                    assert_eq!(self.reactor.set_timeout(self.events[at].key, None), lives);
                    self.forget_if_idle(at);
                }
            }
            Op::Remove { event } => {
                if let Some(at) = pick(event) {
                    self.remove(at);
                }
            }
            Op::Activate { event, ready } => {
                if let Some(at) = pick(event) {
                    self.reactor.activate(self.events[at].key, ready, 1);
                    self.activate(at, ready);
                }
            }
            Op::Later { event } => {
                if let Some(at) = pick(event) {
                    self.reactor.activate_next_turn(self.events[at].key, Ready::WRITE);
                    let e = &mut self.events[at];
                    if e.ready.is_none() {
                        (e.ready, e.later) = (Some(Ready::WRITE), true);
                        self.later.push_back(e.id);
                    }
                }
            }
            Op::Deactivate { event } => {
                if let Some(at) = pick(event) {
                    let id = self.events[at].id;
                    for queue in self.ready.iter_mut().chain([&mut self.later]) {
                        queue.retain(|i| *i != id);
                    }
                    let e = &mut self.events[at];
                    (e.ready, e.later, e.expired) = (None, false, false);
                    self.reactor.deactivate(self.events[at].key);
                    self.forget_or_keep(at);
                }
            }
            Op::Priority { event, priority } => {
                if let Some(at) = pick(event) {
                    self.reactor.set_priority(self.events[at].key, priority);
                    if self.events[at].ready.is_none() {
                        self.events[at].priority = usize::from(priority);
                    }
                }
            }
            Op::Raise { signal } => {
                let mut on: Vec<_> = self.events.iter().filter(|e| e.signal == Some(signal)).cloned().collect();
                on.sort_by_key(|e| core::cmp::Reverse(e.order));
                // One that its timeout has ended gets no signal.
                for event in on.iter().filter(|e| !e.expired) {
                    self.activate(self.position(event.id), Ready::SIGNAL);
                }
                self.reactor.signalled(signal, 1);
            }
            Op::Send { pair } => {
                let _ = self.world.write(self.pairs[pair].far, b"x");
            }
            Op::Drain { pair } => {
                let _ = self.world.read(self.pairs[pair].near, &mut [0; 8]);
            }
            Op::Fill { pair } => {
                let _ = self.world.write(self.pairs[pair].near, b"xx");
            }
            Op::Reopen { pair, dup } => self.reopen(pair, dup),
            Op::Refuse => self.refuse = true,
            Op::Turn { steps } => self.turn(steps),
            Op::Pop => self.pop(),
        }
        self.check();
    }

    fn check(&self) {
        let counts = self.reactor.counts();
        let lists = |e: &Event| {
            u32::from(e.fd.is_some() || e.signal.is_some())
                + u32::from(e.deadline.is_some())
                + u32::from(e.ready.is_some())
        };
        assert_eq!(counts.added, self.events.iter().map(lists).sum::<u32>());
        assert_eq!(counts.active, self.events.iter().filter(|e| e.ready.is_some()).count() as u32);
        assert_eq!(self.reactor.counts().is_idle(), self.events.is_empty());
        let mut walk = Walk::default();
        let mut seen = Vec::new();
        while let Some(view) = self.reactor.walk(&mut walk, false) {
            seen.push(view.payload);
        }
        seen.sort_unstable();
        for event in &self.events {
            let view = self.reactor.view(event.key).expect("alive");
            assert_eq!((view.key, view.ready, view.later), (event.key, event.ready, event.later));
            assert_eq!((view.payload, view.deadline), (event.id, event.deadline));
            assert_eq!(view.inserted, event.fd.is_some() || event.signal.is_some());
        }
        let walked = |e: &&Event| e.fd.is_some() || e.signal.is_some() || e.ready.is_some();
        let mut all: Vec<_> = self.events.iter().filter(walked).map(|e| e.id).collect();
        all.sort_unstable();
        assert_eq!(seen, all);
    }
}

fn run(ops: &[Op], deferred: bool) {
    let mut bench = Bench::new(deferred);
    for op in ops {
        bench.step(op);
    }
    // The end: everything goes, and nothing is left behind in the kernel.
    while !bench.events.is_empty() {
        bench.remove(0);
        bench.check();
    }
    bench.turn(0);
    assert!(bench.reactor.counts().is_idle());
    assert_eq!(bench.world.reports(), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_model(ops in proptest::collection::vec(op(), 1..160)) {
        run(&ops, false);
    }

    #[test]
    fn agrees_with_the_model_when_changes_are_deferred(ops in proptest::collection::vec(op(), 1..160)) {
        run(&ops, true);
    }
}
