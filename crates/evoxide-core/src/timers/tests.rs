use super::*;
use core::cell::Cell;
use proptest::prelude::*;

#[derive(Default)]
struct Event<'a> {
    deadline: Cell<u64>,
    bound: Cell<u64>,
    position: Cell<u32>,
    links: Cell<[Option<Name<'a>>; 2]>,
}

#[derive(Clone, Copy)]
struct Name<'a>(&'a Event<'a>);

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}

impl Owner for Name<'_> {
    fn deadline(self) -> u64 {
        self.0.deadline.get()
    }
    fn set_deadline(self, deadline: u64) {
        self.0.deadline.set(deadline);
    }
    fn bound(self) -> u64 {
        let position = self.0.position.get();
        assert!(position != STAGED && queue_at(position).is_none());
        self.0.bound.get()
    }
    fn set_bound(self, bound: u64) {
        self.0.bound.set(bound);
    }
    fn links(self) -> [Option<Self>; 2] {
        let position = self.0.position.get();
        assert!(position == STAGED || queue_at(position).is_some());
        self.0.links.get()
    }
    fn set_prev(self, before: Option<Self>) {
        self.0.links.set([before, self.0.links.get()[1]]);
    }
    fn set_next(self, after: Option<Self>) {
        self.0.links.set([self.0.links.get()[0], after]);
    }
    fn position(self) -> u32 {
        self.0.position.get()
    }
    fn set_position(self, position: u32) {
        self.0.position.set(position);
    }
}

#[test]
fn a_stale_position_is_no_crash() {
    let (a, b) = (Event::default(), Event::default());
    let mut timers = Timers::new();
    timers.insert(Name(&a), 5).unwrap();
    // Never inserted, and says the position of another, or of none.
    timers.remove(Name(&b));
    b.bound.set(7);
    assert!(!timers.set(Name(&b), 1));
    b.position.set(1000);
    timers.remove(Name(&b));
    assert!(!timers.set(Name(&b), 1));
    assert_eq!((timers.len(), timers.first_deadline()), (1, Some(5)));
}

#[test]
fn what_is_disarmed_in_time_never_sees_the_heap() {
    let events: Vec<Event> = (0..1000).map(|_| Event::default()).collect();
    let mut timers = Timers::new();
    for round in 0..3 {
        for (i, e) in events.iter().enumerate() {
            timers.reserve().unwrap();
            assert!(timers.stage(Name(e), 7 + i as u64));
        }
        for e in events.iter().skip(round) {
            assert!(!timers.set(Name(e), 3));
            timers.remove(Name(e));
        }
        assert_eq!((timers.len(), timers.heap.len()), (round, 0));
        assert_eq!(timers.first_deadline(), if round == 0 { None } else { Some(7) });
        while timers.take().is_some() {}
        assert_eq!(timers.held_memory(), 0);
    }
}

#[test]
fn many_at_once_come_in_order() {
    let events: Vec<Event> = (0..6000).map(|_| Event::default()).collect();
    let mut timers = Timers::new();
    for (i, e) in events.iter().enumerate() {
        timers.insert(Name(e), 1 + i as u64 * 7919 % 6000).unwrap();
    }
    for e in events.iter().step_by(10) {
        timers.set(Name(e), 9_000);
    }
    let due = timers.take_many(5_000);
    assert!(due.is_sorted_by_key(|e| e.deadline));
    assert_eq!((due.len(), timers.len()), (4500, 1500));
    assert!(due.iter().all(|e| e.deadline <= 5_000));
    assert!(timers.first_deadline().is_some_and(|d| d > 5_000));
    assert!(timers.take_many(5_000).is_empty());
    while timers.take().is_some() {}
    assert_eq!(timers.held_memory(), 0);
}

proptest! {
    #[test]
    fn agrees_with_a_list(ops in proptest::collection::vec((0u8..10, 0usize..12, 0u64..40), 0..300)) {
        let events: Vec<Event> = (0..12).map(|_| Event::default()).collect();
        let mut model = [None::<u64>; 12];
        let mut timers = Timers::new();
        for (op, i, time) in ops {
            let name = Name(&events[i]);
            match (op, model[i]) {
                (0, None) => {
                    timers.reserve().unwrap();
                    prop_assert!(timers.stage(name, time));
                    model[i] = Some(time);
                }
                (1, None) => {
                    let known = timers.heap.first().map(|e| e.deadline);
                    prop_assert_eq!(timers.insert(name, time).unwrap(), known.is_none_or(|first| time < first));
                    model[i] = Some(time);
                }
                (0 | 1, Some(_)) => {
                    timers.set_any(name, time).unwrap();
                    model[i] = Some(time);
                }
                (8, _) => {
                    let queue = (i % 3) as u16 * 100;
                    if model[i].is_some() {
                        timers.remove(name);
                    }
                    prop_assert!(timers.reserve_common(queue));
                    let first = timers.insert_common(name, queue, time).unwrap();
                    prop_assert_eq!(timers.common_queue(name), Some(queue));
                    model[i] = None;
                    prop_assert!(first || model.iter().flatten().any(|deadline| *deadline <= time));
                    model[i] = Some(time);
                }
                (2, Some(_)) => {
                    timers.remove(name);
                    model[i] = None;
                }
                (6, _) => {
                    let mut all: Vec<usize> = Vec::new();
                    let mut visit = Visit::default();
                    while let Some(id) = timers.next(&mut visit) {
                        all.push(events.iter().position(|e| id == Name(e)).unwrap());
                    }
                    all.sort_unstable();
                    prop_assert!(all.into_iter().eq((0..12).filter(|i| model[*i].is_some())));
                }
                (9, _) => {
                    if let Some((queue, end)) = timers.due_list(time) {
                        let mut last = None;
                        while let Some(due) = timers.pop_before(queue, end) {
                            let at = events.iter().position(|e| due.id == Name(e)).unwrap();
                            prop_assert!(due.deadline <= time && model.iter().flatten().all(|d| *d >= due.deadline));
                            prop_assert_eq!(model[at].take(), Some(due.deadline));
                            last = Some(at);
                        }
                        prop_assert!(last.is_some());
                    }
                }
                (3, _) => prop_assert_eq!(timers.first_deadline(), model.iter().flatten().min().copied()),
                (4, _) => match timers.pop_due(time) {
                    Some(due) => {
                        let at = events.iter().position(|e| due.id == Name(e)).unwrap();
                        prop_assert_eq!(model[at], Some(due.deadline));
                        prop_assert_eq!(model.iter().flatten().min(), Some(&due.deadline));
                        prop_assert!(due.deadline <= time);
                        model[at] = None;
                    }
                    None => prop_assert!(model.iter().flatten().all(|d| *d > time)),
                },
                (5 | 7, _) => {
                    if op == 7 {
                        let late = events.iter().zip(&model).any(|(e, m)| {
                            e.position.get() == STAGED && m.is_some_and(|deadline| deadline <= time)
                        });
                        prop_assert_eq!(timers.is_staged_due(time), late);
                    }
                    let due = if op == 5 { timers.take_many(time) } else { timers.take_staged(time) };
                    prop_assert!(due.is_sorted_by_key(|e| e.deadline));
                    if !due.is_empty() {
                        prop_assert!(due.iter().all(|e| queue_at(e.id.position()).is_none()));
                        prop_assert_eq!(due.len(), model.iter().flatten().filter(|d| **d <= time).count());
                    }
                    for entry in due {
                        let at = events.iter().position(|e| entry.id == Name(e)).unwrap();
                        prop_assert_eq!(model[at].take(), Some(entry.deadline));
                    }
                }
                _ => {}
            }
            prop_assert_eq!(timers.len(), model.iter().flatten().count());
        }
    }
}
