use super::*;
use proptest::prelude::*;

#[derive(Clone, Copy, Default)]
struct Event {
    deadline: u64,
    position: u32,
    links: Links<usize>,
}

#[derive(Clone, Default)]
struct Table(Vec<Event>);

impl Table {
    fn new(n: usize) -> Self {
        Self(vec![Event::default(); n])
    }
}

impl Store for Table {
    type Id = usize;
    fn deadline(&self, id: usize) -> u64 {
        self.0[id].deadline
    }
    fn set_deadline(&mut self, id: usize, deadline: u64) {
        self.0[id].deadline = deadline;
    }
    fn position(&self, id: usize) -> u32 {
        self.0[id].position
    }
    fn set_position(&mut self, id: usize, position: u32) {
        self.0[id].position = position;
    }
    fn links(&self, id: usize) -> Links<usize> {
        let position = self.0[id].position;
        assert!(position == STAGED || queue_at(position).is_some());
        self.0[id].links
    }
    fn set_prev(&mut self, id: usize, prev: Option<usize>) {
        self.0[id].links.prev = prev;
    }
    fn set_next(&mut self, id: usize, next: Option<usize>) {
        self.0[id].links.next = next;
    }
}

/// What emptied timers may hold.
const EMPTY: usize = 2 * KEEP * size_of::<Entry<usize>>();

fn all_due(timers: &mut Timers<usize>, table: &mut Table, now: u64) -> Vec<(u64, usize)> {
    core::iter::from_fn(|| timers.pop_due(table, now)).map(|due| (due.deadline, due.id)).collect()
}

#[test]
fn a_stale_position_is_no_crash() {
    let (mut table, mut timers) = (Table::new(2), Timers::new());
    timers.arm(&mut table, 0, 5);
    assert_eq!(timers.first_deadline(&mut table, 0), Some(5));
    // Never armed, and says the position of another, or of none.
    for position in [0, 1000, NOWHERE] {
        table.0[1].position = position;
        timers.remove(&mut table, 1);
        timers.set(&mut table, 1, 1);
    }
    assert_eq!((timers.len(), timers.first_deadline(&mut table, 0)), (1, Some(5)));
}

#[test]
fn what_is_beyond_the_horizon_is_put_right_later() {
    let (mut table, mut timers) = (Table::new(2), Timers::new());
    timers.arm(&mut table, 0, 50);
    timers.arm(&mut table, 1, 70);
    assert_eq!(timers.first_deadline_within(&mut table, 0, 10), Some(50));
    timers.set(&mut table, 0, 90);
    // Its entry still says 50: early enough for a wait that ends before it matters.
    assert_eq!(timers.first_deadline_within(&mut table, 0, 49), Some(50));
    assert_eq!(timers.first_deadline_within(&mut table, 45, 55), Some(70));
    assert!(all_due(&mut timers, &mut table, 60).is_empty());
    assert_eq!(all_due(&mut timers, &mut table, 90), [(70, 1), (90, 0)]);
}

#[test]
fn what_is_disarmed_in_time_never_sees_the_heap() {
    let (mut table, mut timers) = (Table::new(1000), Timers::new());
    for round in 0..3 {
        for id in 0..1000 {
            timers.reserve().unwrap();
            timers.arm(&mut table, id, 7 + id as u64);
        }
        for id in round..1000 {
            timers.set(&mut table, id, 3);
            timers.remove(&mut table, id);
        }
        assert_eq!((timers.len(), timers.heap.len()), (round, 0));
        assert_eq!(timers.first_deadline(&mut table, 0), if round == 0 { None } else { Some(7) });
        while timers.take(&mut table).is_some() {}
        assert!(timers.held_memory() <= EMPTY);
    }
}

#[test]
fn what_is_staged_and_due_never_sees_the_heap_and_keeps_its_order() {
    let (mut table, mut timers) = (Table::new(100), Timers::new());
    for id in 0..100 {
        timers.arm(&mut table, id, if id % 10 == 0 { 50 } else { 5 });
    }
    assert_eq!(timers.first_deadline(&mut table, 10), Some(5));
    assert_eq!(timers.heap.len(), 1);
    let due = all_due(&mut timers, &mut table, 10);
    assert!(due.into_iter().eq((0..100).filter(|id| id % 10 != 0).map(|id| (5, id))));
    assert_eq!(timers.first_deadline(&mut table, 10), Some(50));
}

#[test]
fn many_at_once_come_in_order() {
    let (mut table, mut timers) = (Table::new(6000), Timers::new());
    for id in 0..6000 {
        timers.arm(&mut table, id, 1 + id as u64 * 7919 % 6000);
    }
    assert_eq!(timers.first_deadline(&mut table, 0), Some(1));
    for id in (0..6000).step_by(10) {
        timers.set(&mut table, id, 9_000);
    }
    let due = all_due(&mut timers, &mut table, 5_000);
    assert!(due.is_sorted_by_key(|due| due.0) && due.iter().all(|due| due.0 <= 5_000));
    assert_eq!((due.len(), timers.len()), (4500, 1500));
    assert!(timers.first_deadline(&mut table, 0).is_some_and(|deadline| deadline > 5_000));
    assert!(timers.pop_due(&mut table, 5_000).is_none());
    while timers.take(&mut table).is_some() {}
    assert!(timers.held_memory() <= EMPTY);
}

#[test]
fn durations_have_one_list_each_up_to_a_bound() {
    let mut timers = Timers::<usize>::new();
    for n in 0..MAX_COMMON as u64 {
        assert_eq!(timers.common_queue(n), Some(n as u16));
        assert_eq!(timers.common_queue(n / 2), Some((n / 2) as u16));
        assert_eq!(timers.common_duration(n as u16), Some(n));
    }
    assert_eq!((timers.common_queue(1 << 40), timers.common_duration(256)), (None, None));
}

proptest! {
    #[test]
    fn agrees_with_a_list(ops in proptest::collection::vec((0u8..8, 0usize..40, 0u64..40), 0..400)) {
        let (mut table, mut timers) = (Table::new(40), Timers::new());
        let mut model = [None::<u64>; 40];
        let queues: Vec<u16> = (0..3).map(|n| timers.common_queue(n * 10).unwrap()).collect();
        for (op, id, time) in ops {
            match (op, model[id]) {
                (0 | 1, armed) => {
                    timers.reserve().unwrap();
                    if armed.is_some() {
                        timers.set(&mut table, id, time);
                    } else {
                        timers.arm(&mut table, id, time);
                    }
                    model[id] = Some(time);
                }
                (2, armed) => {
                    timers.set_common(&mut table, id, queues[id % 3], time, armed.is_some());
                    model[id] = Some(time);
                }
                (3, Some(_)) => {
                    timers.remove(&mut table, id);
                    model[id] = None;
                }
                (4, _) => {
                    let mut all: Vec<usize> = Vec::new();
                    let mut visit = Visit::default();
                    while let Some(id) = timers.next(&mut table, &mut visit) {
                        all.push(id);
                    }
                    all.sort_unstable();
                    prop_assert!(all.into_iter().eq((0..40).filter(|id| model[*id].is_some())));
                }
                (5, _) => {
                    let first = model.iter().flatten().min().copied();
                    let found = timers.first_deadline(&mut table, time);
                    prop_assert!(found == first || found.is_some_and(|found| first <= Some(found) && found <= time));
                    prop_assert!(found.is_none_or(|found| model.contains(&Some(found))));
                    let roughly = timers.first_deadline_within(&mut table, time, time + 1);
                    prop_assert!(roughly == found || roughly.is_some_and(|at| at > time + 1 && Some(at) < found));
                }
                (6, _) => {
                    let due = all_due(&mut timers, &mut table, time);
                    prop_assert!(due.is_sorted_by_key(|due| due.0));
                    for (deadline, id) in due {
                        prop_assert_eq!(model[id].take(), Some(deadline));
                    }
                    prop_assert!(model.iter().flatten().all(|deadline| *deadline > time));
                }
                (7, Some(deadline)) if time < 2 => {
                    prop_assert!(timers.postpone(&mut table, id, deadline) || queue_at(table.0[id].position).is_some());
                }
                _ => {}
            }
            prop_assert_eq!(timers.len(), model.iter().flatten().count());
        }
        while let Some(id) = timers.take(&mut table) {
            prop_assert!(model[id].take().is_some());
        }
        prop_assert!(timers.is_empty() && model.iter().all(Option::is_none));
    }
}
