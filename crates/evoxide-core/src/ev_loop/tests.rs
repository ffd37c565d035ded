//! The machine against plain watchers in memory, and against naive models.

use super::*;
use core::cell::Cell;
use proptest::prelude::*;

#[derive(Debug, Default)]
struct Node<'a> {
    id: usize,
    active: Cell<i32>,
    pending: Cell<i32>,
    priority: Cell<i32>,
    next: Cell<Option<H<'a>>>,
    events: Cell<i32>,
    at: Cell<f64>,
    repeat: Cell<f64>,
}

#[derive(Clone, Copy, Debug)]
struct H<'a>(&'a Node<'a>);

impl PartialEq for H<'_> {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}
impl Eq for H<'_> {}

impl Watcher for H<'_> {
    fn active(self) -> i32 {
        self.0.active.get()
    }
    fn set_active(self, active: i32) {
        self.0.active.set(active);
    }
    fn pending(self) -> i32 {
        self.0.pending.get()
    }
    fn set_pending(self, pending: i32) {
        self.0.pending.set(pending);
    }
    fn priority(self) -> i32 {
        self.0.priority.get()
    }
    fn set_priority(self, priority: i32) {
        self.0.priority.set(priority);
    }
    fn next(self) -> Option<Self> {
        self.0.next.get()
    }
    fn set_next(self, next: Option<Self>) {
        self.0.next.set(next);
    }
    fn events(self) -> i32 {
        self.0.events.get()
    }
    fn set_events(self, events: i32) {
        self.0.events.set(events);
    }
    fn at(self) -> f64 {
        self.0.at.get()
    }
    fn set_at(self, at: f64) {
        self.0.at.set(at);
    }
    fn repeat(self) -> f64 {
        self.0.repeat.get()
    }
}

fn nodes<'a>(n: usize) -> Vec<Node<'a>> {
    (0..n).map(|id| Node { id, ..Node::default() }).collect()
}

fn order(m: &mut EvLoop<H<'_>>) -> Vec<(usize, i32)> {
    core::iter::from_fn(|| m.pop()).map(|(w, events)| (w.0.id, events)).collect()
}

fn changes(m: &mut EvLoop<H<'_>>) -> Vec<FdChange> {
    let mut from = 0;
    let mut all = Vec::new();
    while let Some(change) = m.next_change(&mut from) {
        if change.new != 0 {
            m.change_done(change);
        }
        all.push(change);
    }
    all
}

#[test]
fn queues_are_stacks_and_priorities_rule() {
    let n = nodes(4);
    let mut m = EvLoop::new(0., 0.);
    n[2].priority.set(2);
    n[3].priority.set(-2);
    for node in &n {
        m.feed(H(node), 1);
    }
    m.feed(H(&n[0]), 2);
    assert_eq!(m.pending_count(), 4);
    assert_eq!(order(&mut m), [(2, 1), (1, 1), (0, 3), (3, 1)]);
    assert_eq!(n[0].pending.get(), 0);
}

#[test]
fn cleared_watchers_are_skipped() {
    let n = nodes(3);
    let mut m = EvLoop::new(0., 0.);
    for node in &n {
        m.feed(H(node), 4);
    }
    assert_eq!(m.clear_pending(H(&n[1])), 4);
    assert_eq!(m.clear_pending(H(&n[1])), 0);
    assert_eq!(m.pending_count(), 3);
    assert_eq!(order(&mut m), [(2, 4), (0, 4)]);
}

#[test]
fn odd_priorities_count_as_the_nearest() {
    let n = nodes(2);
    let mut m = EvLoop::new(0., 0.);
    n[0].priority.set(i32::MIN);
    n[1].priority.set(i32::MAX);
    m.feed(H(&n[0]), 1);
    m.feed(H(&n[1]), 1);
    assert_eq!(order(&mut m), [(1, 1), (0, 1)]);
    m.list_start(Kind::Check, H(&n[1]));
    assert_eq!(n[1].priority.get(), MAX_PRIORITY);
}

#[test]
fn a_stop_and_start_costs_no_change() {
    let n = nodes(1);
    let mut m = EvLoop::new(0., 0.);
    let w = H(&n[0]);
    w.set_events(READ | FD_SET);
    assert!(m.io_start(w, 7));
    let first = changes(&mut m);
    assert_eq!((first.len(), first[0].fd, first[0].old, first[0].new, first[0].known), (1, 7, 0, READ as u8, false));
    m.io_stop(w, 7);
    assert!(m.io_start(w, 7));
    assert!(m.has_changes());
    assert_eq!(changes(&mut m), []);
    // Set again: the same number may mean another file.
    m.io_stop(w, 7);
    w.set_events(READ | FD_SET);
    assert!(m.io_start(w, 7));
    assert_eq!(changes(&mut m).len(), 1);
}

#[test]
fn reports_reach_those_who_asked() {
    let n = nodes(2);
    let mut m = EvLoop::new(0., 0.);
    for (node, events) in n.iter().zip([READ, READ | WRITE]) {
        node.events.set(events | FD_SET);
        assert!(m.io_start(H(node), 3));
    }
    let serial = changes(&mut m)[0].serial;
    assert_eq!(m.report(3, serial, WRITE as u8), FdReport::Fed);
    assert_eq!(order(&mut m), [(1, WRITE)]);
    assert_eq!(m.report(3, serial.wrapping_sub(1), READ as u8), FdReport::Stale);
    assert_eq!(m.report(300, serial, READ as u8), FdReport::Stale);
    m.io_stop(H(&n[0]), 3);
    m.io_stop(H(&n[1]), 3);
    assert_eq!(changes(&mut m).len(), 1);
    let FdReport::Unwanted(fix) = m.report(3, serial, READ as u8) else { panic!("nobody wants it") };
    assert_eq!((fix.told, fix.wanted), ((READ | WRITE) as u8, 0));
    m.fix_done(fix);
    assert_eq!(m.report(3, serial, READ as u8), FdReport::Stale, "it fires although it was removed");
    assert_eq!(order(&mut m), []);
    assert_eq!(m.refs(), 0);
}

#[test]
fn a_killed_descriptor_stops_its_watchers() {
    let n = nodes(2);
    let mut m = EvLoop::new(0., 0.);
    for node in &n {
        node.events.set(READ | FD_SET);
        assert!(m.io_start(H(node), 3));
    }
    assert_eq!(changes(&mut m).len(), 1);
    m.kill_fd(3);
    assert_eq!(order(&mut m), [(0, ERROR | READ | WRITE), (1, ERROR | READ | WRITE)]);
    assert_eq!((n[0].active.get(), n[1].active.get(), m.refs()), (0, 0, 0));
}

#[test]
fn files_that_are_always_ready() {
    let n = nodes(1);
    let mut m = EvLoop::new(0., 0.);
    n[0].events.set(READ | FD_SET);
    assert!(m.io_start(H(&n[0]), 3));
    let mut from = 0;
    let change = m.next_change(&mut from).unwrap();
    m.always_ready(change.fd);
    assert_eq!(m.next_change(&mut from), None);
    assert!(m.has_always_ready());
    m.feed_always_ready();
    assert_eq!(order(&mut m), [(0, READ)]);
    m.io_stop(H(&n[0]), 3);
    assert_eq!(changes(&mut m).len(), 1);
    m.feed_always_ready();
    assert_eq!(order(&mut m), []);
    assert!(!m.has_always_ready());
}

#[test]
fn after_a_fork_everything_is_told_again() {
    let n = nodes(2);
    let mut m = EvLoop::new(0., 0.);
    for (fd, node) in n.iter().enumerate() {
        node.events.set(READ | FD_SET);
        assert!(m.io_start(H(node), fd as i32));
    }
    assert_eq!(changes(&mut m).len(), 2);
    m.forget_kernel();
    let again = changes(&mut m);
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|c| !c.known && c.new == READ as u8));
}

#[test]
fn timers_expire_in_order_and_repeat_without_drift() {
    let n = nodes(3);
    let mut m = EvLoop::new(100., 1000.);
    for (node, at) in n.iter().zip([3., 1., 2.]) {
        node.at.set(at);
        m.timer_start(H(node));
    }
    n[1].repeat.set(10.);
    assert!(!m.clock.advance(100.4));
    m.expire_timers();
    assert_eq!(order(&mut m), []);
    assert!(m.clock.advance(102.5));
    m.expire_timers();
    assert_eq!(order(&mut m), [(1, TIMER), (2, TIMER)]);
    assert_eq!((n[1].at.get(), n[2].active.get(), m.refs()), (111., 0, 2));
    // So late that several periods are lost: it fires once and starts over from now.
    m.clock.advance(200.);
    m.expire_timers();
    assert_eq!(order(&mut m), [(0, TIMER), (1, TIMER)]);
    assert_eq!(n[1].at.get(), 200.);
}

#[test]
fn timer_again_and_remaining() {
    let n = nodes(1);
    let mut m = EvLoop::new(50., 50.);
    let w = H(&n[0]);
    n[0].at.set(5.);
    assert_eq!(m.timer_remaining(w), 5.);
    m.timer_start(w);
    m.clock.advance(51.);
    assert_eq!(m.timer_remaining(w), 4.);
    m.timer_again(w);
    assert_eq!(w.active(), 0, "not repeating: stopped");
    assert_eq!(m.timer_remaining(w), 4.);
    n[0].repeat.set(7.);
    m.timer_again(w);
    m.timer_again(w);
    assert_eq!((m.timer_remaining(w), m.refs()), (7., 1));
    m.shift_timers(1.);
    assert_eq!(m.timer_remaining(w), 8.);
    m.timer_stop(w);
    assert_eq!((w.active(), m.refs()), (0, 0));
}

#[test]
fn idle_waits_for_its_turn() {
    let n = nodes(3);
    let mut m = EvLoop::new(0., 0.);
    n[1].priority.set(-1);
    m.idle_start(H(&n[0]));
    m.idle_start(H(&n[1]));
    m.feed(H(&n[2]), 1);
    m.feed_idle();
    assert_eq!(order(&mut m), [(2, 1)], "something of the same priority is pending");
    m.feed_idle();
    assert_eq!(order(&mut m), [(0, IDLE)], "the highest priority only");
    m.idle_stop(H(&n[0]));
    m.feed_idle();
    assert_eq!(order(&mut m), [(1, IDLE)]);
    m.idle_stop(H(&n[1]));
    assert!(!m.has_idle());
}

#[test]
fn lists_keep_their_places() {
    let n = nodes(3);
    let mut m = EvLoop::new(0., 0.);
    for node in &n {
        m.list_start(Kind::Prepare, H(node));
    }
    m.list_stop(Kind::Prepare, H(&n[0]));
    assert_eq!((n[0].active.get(), n[2].active.get(), m.refs()), (0, 1, 2));
    assert!(m.verify());
    m.feed_list_of(Kind::Prepare, 5);
    assert_eq!(order(&mut m), [(1, 5), (2, 5)]);
    m.list_start(Kind::Cleanup, H(&n[0]));
    assert_eq!(m.refs(), 2, "cleanup watchers keep nothing alive");
}

#[test]
fn breaks_end_one_run_or_all() {
    let mut m = EvLoop::<H<'_>>::new(0., 0.);
    m.enter();
    m.enter();
    m.break_run(Break::One);
    assert!(m.broken());
    m.leave();
    assert!(!m.broken());
    m.enter();
    m.break_run(Break::All);
    m.leave();
    assert!(m.broken());
    m.leave();
    assert_eq!(m.depth(), 0);
    m.enter();
    assert!(!m.broken(), "a new run starts fresh");
}

#[test]
fn waits_are_as_long_as_the_next_deadline() {
    let n = nodes(2);
    let mut m = EvLoop::new(10., 1000.);
    assert_eq!(m.plan(60., 1e-3, 10.), Wait { sleep: 0., wait: 60. });
    n[0].at.set(5.);
    m.timer_start(H(&n[0]));
    n[1].at.set(1002.);
    m.periodic_start(H(&n[1]));
    assert_eq!(m.plan(60., 1e-3, 10.).wait, 2.);
    m.periodic_stop(H(&n[1]));
    assert_eq!(m.plan(60., 1e-3, 10.).wait, 5.);
    m.set_io_interval(0.5);
    assert_eq!(m.plan(60., 1e-3, 10.), Wait { sleep: 0.5, wait: 4.5 });
    assert_eq!(m.plan(60., 1e-3, 9.75).sleep, 0.25);
    m.set_io_interval(0.);
    m.clock.advance(14.9995);
    assert_eq!(m.plan(60., 1e-3, 10.).wait, 1e-3, "no shorter than the backend can");
    m.clock.advance(15.);
    assert_eq!(m.plan(60., 1e-3, 10.).wait, 0., "due: no wait");
    m.set_timeout_interval(2.);
    assert_eq!(m.plan(60., 1e-3, 10.).wait, 2.);
}

#[test]
fn occurrences() {
    assert_eq!(next_occurrence(0., 3600., 7200.), 10800.);
    assert_eq!(next_occurrence(10., 60., 69.), 70.);
    assert_eq!(next_occurrence(100., 10., 5.), 10.);
    let now = 1.7e9 + 0.25;
    let next = next_occurrence(0., 1e-9, now);
    assert!(next > now && next - now < 0.001);
    assert!(next_occurrence(1e300, 1e-9, now) >= now);
}

#[test]
fn periodics_are_handed_out_when_due() {
    let n = nodes(2);
    let mut m = EvLoop::new(0., 1000.);
    n[0].at.set(1001.);
    n[1].at.set(1000.5);
    m.periodic_start(H(&n[0]));
    m.periodic_start(H(&n[1]));
    assert_eq!(m.due_periodic(), None);
    m.clock.advance(2.);
    assert_eq!(m.due_periodic(), Some(H(&n[1])));
    n[1].at.set(1010.);
    m.periodic_moved(H(&n[1]));
    assert_eq!(m.due_periodic(), Some(H(&n[0])));
    m.periodic_over(H(&n[0]));
    assert_eq!(m.due_periodic(), None);
    m.feed_periodics();
    assert_eq!(order(&mut m), [(1, PERIODIC), (0, PERIODIC)]);
    assert_eq!((m.periodic_count(), n[0].active.get()), (1, 0));
    n[1].at.set(1.);
    m.reorder_periodics();
    assert_eq!(m.due_periodic(), Some(H(&n[1])));
}

#[test]
fn the_wall_clock_is_read_now_and_then_and_jumps_are_doubted() {
    let mut clock = Clock::new(10., 1000.);
    assert!(!clock.advance(10.4));
    assert_eq!(clock.wall(), 1000.4);
    assert!(clock.advance(10.6));
    let before = clock.offset();
    assert_eq!(clock.resync(10.6, 1000.6, before), Resync::Settled);
    assert_eq!(clock.resync(10.7, 5000., before), Resync::Doubt);
    assert_eq!(clock.wall(), 5000.);
}

#[test]
fn a_clock_that_was_set_is_followed_and_only_a_jump_changes_the_offset() {
    let mut clock = Clock::new(10., 1000.);
    clock.follow(10.5, 1000.625);
    assert_eq!((clock.mono(), clock.wall(), clock.offset()), (10., 1000.625, 990.));
    clock.follow(10.5, 5000.5);
    assert_eq!((clock.mono(), clock.wall(), clock.offset()), (10., 5000.5, 4990.));
}

#[test]
fn times_before_zero_are_past() {
    assert!(stamp(-1e9) < stamp(0.) && stamp(-0.) <= stamp(0.) && stamp(0.) < stamp(1e-9));
    assert_eq!(time(stamp(-2.5)), -2.5);
    assert!(stamp(1.) < stamp(1.5) && stamp(1.5) < stamp(f64::INFINITY));
    let n = nodes(1);
    let mut m = EvLoop::new(5., 5.);
    n[0].at.set(-1e9);
    m.timer_start(H(&n[0]));
    m.expire_timers();
    assert_eq!(order(&mut m), [(0, TIMER)]);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Start(usize, u16),
    Stop(usize),
    Again(usize, u16),
    Advance(u16),
    Feed(usize),
    Clear(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let at = 0..12_usize;
    prop_oneof![
        (at.clone(), 0..500_u16).prop_map(|(i, d)| Op::Start(i, d)),
        at.clone().prop_map(Op::Stop),
        (at.clone(), 0..500_u16).prop_map(|(i, d)| Op::Again(i, d)),
        (1..100_u16).prop_map(Op::Advance),
        at.clone().prop_map(Op::Feed),
        at.prop_map(Op::Clear),
    ]
}

proptest! {
    /// Feeding, clearing and popping against one list in the order of feeding.
    #[test]
    fn queues_match_a_naive_model(ops in prop::collection::vec((0..10_usize, 1..4_i32, 0..6_u8), 1..300)) {
        let n = nodes(10);
        for node in &n {
            node.priority.set(node.id as i32 % 7 - 3);
        }
        let mut m = EvLoop::new(0., 0.);
        // In the order of being fed, with the events.
        let mut model: Vec<(usize, i32)> = Vec::new();
        let level = |id: usize| n[id].priority.get().clamp(MIN_PRIORITY, MAX_PRIORITY);
        for (id, events, op) in ops {
            let (w, at) = (H(&n[id]), model.iter().position(|(i, _)| *i == id));
            match op {
                0..=2 => {
                    if op == 0 { m.feed_one(w, events) } else { m.feed(w, events) }
                    match at {
                        Some(at) => model[at].1 |= events,
                        None => model.push((id, events)),
                    }
                }
                3 => prop_assert_eq!(m.clear_pending(w), at.map_or(0, |at| model.remove(at).1)),
                _ => {
                    let next = (0..model.len()).max_by_key(|&at| (level(model[at].0), at));
                    let next = next.map(|at| model.remove(at));
                    prop_assert_eq!(m.pop().map(|(w, events)| (w.0.id, events)), next);
                }
            }
            prop_assert!(n.iter().all(|n| (n.pending.get() != 0) == model.iter().any(|(i, _)| *i == n.id)));
            prop_assert!(model.iter().all(|(i, _)| level(*i) - MIN_PRIORITY <= m.top() as i32));
        }
    }

    /// Timers and the queue against a list of deadlines and a set of pending ids.
    #[test]
    fn timers_match_a_naive_model(ops in prop::collection::vec(op(), 1..200)) {
        let n = nodes(12);
        let mut m = EvLoop::new(0., 0.);
        let mut now = 0_f64;
        let mut due: Vec<Option<f64>> = vec![None; 12];
        let mut repeat = [0_f64; 12];
        let mut pending = [false; 12];
        for op in ops {
            match op {
                Op::Start(i, d) => {
                    if due[i].is_none() {
                        n[i].at.set(f64::from(d));
                        due[i] = Some(now + f64::from(d));
                    }
                    m.timer_start(H(&n[i]));
                }
                Op::Stop(i) => {
                    m.timer_stop(H(&n[i]));
                    due[i] = None;
                    pending[i] = false;
                }
                Op::Again(i, d) => {
                    repeat[i] = f64::from(d);
                    n[i].repeat.set(repeat[i]);
                    m.timer_again(H(&n[i]));
                    pending[i] = false;
                    due[i] = if d == 0 { None } else { Some(now + repeat[i]) };
                }
                Op::Advance(d) => {
                    now += f64::from(d);
                    m.clock.advance(now);
                    m.expire_timers();
                    for i in 0..12 {
                        if let Some(at) = due[i] && at < now {
                            pending[i] = true;
                            due[i] = if repeat[i] != 0. { Some((at + repeat[i]).max(now)) } else { None };
                        }
                    }
                }
                Op::Feed(i) => {
                    m.feed(H(&n[i]), TIMER);
                    pending[i] = true;
                }
                Op::Clear(i) => {
                    m.clear_pending(H(&n[i]));
                    pending[i] = false;
                }
            }
            prop_assert!(m.verify());
            for i in 0..12 {
                prop_assert_eq!(n[i].active.get() != 0, due[i].is_some());
                prop_assert_eq!(n[i].pending.get() != 0, pending[i]);
                if let Some(at) = due[i] {
                    prop_assert_eq!(n[i].at.get(), at);
                }
            }
            prop_assert_eq!(m.refs() as usize, due.iter().flatten().count());
        }
        let mut got: Vec<usize> = order(&mut m).into_iter().map(|(id, _)| id).collect();
        got.sort_unstable();
        let want: Vec<usize> = (0..12).filter(|&i| pending[i]).collect();
        prop_assert_eq!(got, want);
    }

    /// What the kernel is told against the union of what the watchers want.
    #[test]
    fn descriptors_match_a_naive_model(ops in prop::collection::vec((0..8_usize, 0..4_i32, 0..3_u8), 1..200)) {
        let n = nodes(8);
        let mut m = EvLoop::new(0., 0.);
        let mut kernel = [0_u8; 4];
        for (i, events, what) in ops {
            let fd = (i % 4) as i32;
            let w = H(&n[i]);
            match what {
                0 if w.active() == 0 => {
                    w.set_events(events | FD_SET);
                    prop_assert!(m.io_start(w, fd));
                }
                1 => m.io_stop(w, fd),
                _ => {
                    for change in changes(&mut m) {
                        if change.new != 0 {
                            kernel[change.fd as usize] = change.new;
                        }
                    }
                    for (fd, told) in kernel.iter().enumerate() {
                        let want = (0..8).filter(|j| j % 4 == fd && n[*j].active.get() != 0);
                        let want = want.fold(0, |all, j| all | n[j].events.get()) as u8;
                        prop_assert_eq!(m.fd_watched(fd as i32), want != 0);
                        if want != 0 {
                            prop_assert_eq!(*told, want);
                        }
                    }
                }
            }
            prop_assert!(m.verify());
        }
    }
}
