use super::*;
use crate::interest::Ready;
use crate::interest::{Interest, Report};

fn insert<T: Payload>(r: &mut Reactor<T>, payload: T, priority: u8, kind: Kind) -> Key {
    r.insert(payload, priority, kind).unwrap()
}

fn run(r: &mut Reactor<u32>) -> Vec<(u32, Ready)> {
    let mut out = Vec::new();
    r.begin_batch(|| 0);
    while let Some(p) = r.pop_ready() {
        if p.after == After::Unlink {
            let _ = r.remove(p.key.unwrap());
        }
        out.push((p.payload, p.ready));
    }
    out
}

#[test]
fn a_one_shot_descriptor_is_rearmed_with_one_change_and_removed_before_the_next_wait() {
    let mut r = Reactor::new();
    let k = insert(&mut r, 1, 0, Kind::default());
    let change = r.watch_fd(k, 5, Interest::READ, true).unwrap().unwrap();
    assert_eq!((change.old, change.new), (Interest::empty(), Interest::READ | Interest::ONESHOT));
    let report = Report { fd: 5, serial: change.serial, ready: Ready::READ };
    assert_eq!(r.finish_wait([report].into_iter()), Finished::default());
    r.begin_batch(|| 0);
    let p = r.pop_ready().unwrap();
    assert_eq!(p.after, After::Removed, "the kernel is not told");
    let k = insert(&mut r, 1, 0, Kind::default());
    let again = r.watch_fd(k, 5, Interest::READ, true).unwrap().unwrap();
    assert_eq!((again.old, again.new, again.serial), (change.new, change.new, change.serial));
    assert_eq!(r.next_leftover(), None);
    let _ = r.finish_wait([report].into_iter());
    assert_eq!(run(&mut r), [(1, Ready::READ)]);
    let del = r.next_leftover().unwrap();
    assert_eq!((del.fd, del.new), (5, Interest::empty()));
    assert_eq!(r.next_leftover(), None);
    assert!(r.counts().is_idle());
}

#[test]
fn an_explicit_removal_is_told_at_once() {
    let mut r = Reactor::new();
    let k = insert(&mut r, 1, 0, Kind::default());
    let change = r.watch_fd(k, 5, Interest::READ, true).unwrap().unwrap();
    assert_eq!(r.remove(k).change.unwrap().new, Interest::empty());
    let stale = r.finish_wait([Report { fd: 5, serial: change.serial, ready: Ready::READ }].into_iter());
    assert_eq!(stale.stale, 1);
}

#[test]
fn moving_a_timeout_later_keeps_the_true_minimum() {
    let mut r = Reactor::new();
    let (a, b) = (insert(&mut r, 1, 0, Kind::default()), insert(&mut r, 2, 0, Kind::default()));
    r.set_timeout(a, Some(10));
    r.set_timeout(b, Some(20));
    assert_eq!(r.first_deadline(0, u64::MAX), Some(10));
    r.set_timeout(a, Some(50));
    assert_eq!(r.first_deadline(0, u64::MAX), Some(20));
    r.expire(30);
    assert_eq!(run(&mut r), [(2, Ready::TIMEOUT)]);
    assert_eq!(r.first_deadline(0, u64::MAX), Some(50));
}

#[test]
fn a_more_urgent_event_ends_the_batch() {
    let mut r = Reactor::new();
    assert!(r.set_priorities(3));
    let keys: Vec<_> =
        (0..3u8).map(|i| insert(&mut r, u32::from(i), 2 - i, Kind { persist: true, internal: false })).collect();
    for k in &keys[..2] {
        r.activate(*k, Ready::READ, 1);
    }
    r.begin_batch(|| 0);
    assert_eq!(r.pop_ready().unwrap().payload, 1);
    r.activate(keys[2], Ready::READ, 1);
    assert!(r.pop_ready().is_none());
    assert_eq!(run(&mut r), [(2, Ready::READ)]);
    assert_eq!(run(&mut r), [(0, Ready::READ)]);
}

#[test]
fn what_is_patient_waits_for_the_end_of_the_batch() {
    let mut r = Reactor::new();
    assert!(r.set_priorities(3));
    let keys: Vec<_> = (0..3u32).map(|i| insert(&mut r, i, 2, Kind { persist: true, internal: false })).collect();
    for k in &keys {
        r.activate(*k, Ready::READ, 1);
    }
    r.begin_batch(|| 0);
    assert_eq!(r.pop_ready().unwrap().payload, 0);
    let _ = r.enqueue(9, 1, true, Ready::empty(), 1);
    assert_eq!(r.pop_ready().unwrap().payload, 1);
    assert_eq!(r.pop_ready().unwrap().payload, 2);
    assert!(r.pop_ready().is_none());
    assert_eq!(run(&mut r), [(9, Ready::empty())]);
}

#[test]
fn edge_and_level_do_not_mix() {
    let mut r = Reactor::new();
    let (a, b) = (insert(&mut r, 1, 0, Kind::default()), insert(&mut r, 2, 0, Kind::default()));
    assert!(r.watch_fd(a, 3, Interest::READ | Interest::EDGE, false).unwrap().is_some());
    assert_eq!(r.watch_fd(b, 3, Interest::READ, false), Err(AddError::ModeConflict));
    assert_eq!(r.remove(b), Removed::default());
}

#[test]
fn a_fired_one_shot_whose_event_lives_on_is_armed_again() {
    let mut r = Reactor::new();
    let k = insert(&mut r, 1, 0, Kind::default());
    let change = r.watch_fd(k, 5, Interest::READ, true).unwrap().unwrap();
    let report = Report { fd: 5, serial: change.serial, ready: Ready::READ };
    // Its readiness is taken back before it was popped.
    let _ = r.finish_wait([report].into_iter());
    r.deactivate(k);
    assert_eq!(r.next_leftover(), Some(Change { old: change.new, ..change }));
    assert_eq!(r.next_leftover(), None);
    // A report that means nothing to it.
    let _ = r.finish_wait([Report { ready: Ready::WRITE, ..report }].into_iter());
    assert_eq!(r.counts().active, 0);
    assert_eq!(r.next_leftover(), Some(Change { old: change.new, ..change }));
    // Removed meanwhile: told at once, and not armed again.
    let _ = r.finish_wait([report].into_iter());
    r.deactivate(k);
    assert_eq!(r.remove(k).change.unwrap().new, Interest::empty());
    assert_eq!(r.next_leftover(), None);
}

#[test]
fn fewer_priorities_take_pending_events_along() {
    let mut r = Reactor::new();
    assert!(r.set_priorities(3));
    let k = insert(&mut r, 1, 2, Kind::default());
    r.set_timeout(k, Some(5));
    assert!(r.set_priorities(1));
    r.expire(5);
    assert!(!r.set_priorities(2));
    assert_eq!(run(&mut r), [(1, Ready::TIMEOUT)]);
}

#[test]
fn a_trimmed_map_does_not_repeat_serials() {
    let mut r = Reactor::new();
    let mut last = 0;
    for _ in 0..100 {
        let k = insert(&mut r, 1, 0, Kind::default());
        let change = r.watch_fd(k, 500, Interest::READ, false).unwrap().unwrap();
        assert!(change.serial > last);
        last = change.serial;
        assert!(r.remove(k).change.is_some());
    }
}

#[test]
fn an_addition_that_the_kernel_refused_leaves_the_others_mode_as_it_was() {
    let mut r = Reactor::new();
    let (a, b) = (insert(&mut r, 1, 0, Kind::default()), insert(&mut r, 2, 0, Kind::default()));
    let first = r.watch_fd(a, 5, Interest::READ, true).unwrap().unwrap();
    let refused = r.watch_fd(b, 5, Interest::READ, true).unwrap().unwrap();
    r.undo_watch(b, Some(refused));
    assert_eq!(r.remove(b), Removed::default());
    // It never fired, so its removal is told at once even when it ends by a timeout.
    r.activate(a, Ready::TIMEOUT, 1);
    r.begin_batch(|| 0);
    let popped = r.pop_ready().unwrap();
    assert_eq!(popped.after, After::Unlink);
    let change = r.remove(popped.key.unwrap()).change.unwrap();
    assert_eq!((change.old, change.new), (first.new, Interest::empty()));
    assert_eq!(r.next_leftover(), None);
}

#[test]
fn what_was_made_ready_last_is_told_and_taken_back() {
    let mut r = Reactor::new();
    let warm = r.enqueue(0, 0, false, Ready::WRITE, 1);
    assert_eq!(r.last_detached(), Some((warm, 0)));
    r.deactivate(warm);
    assert_eq!(r.last_detached(), None);
    let first = r.enqueue(1, 0, false, Ready::WRITE, 1);
    let second = r.enqueue(2, 0, false, Ready::WRITE, 1);
    assert_eq!(r.last_detached(), Some((second, 2)));
    let (place, elsewhere) = r.activity();
    r.deactivate(second);
    assert_eq!((r.counts().active, r.last_detached()), (1, Some((first, 1))));
    assert_eq!(r.activity(), (place - 1, elsewhere));
    let third = insert(&mut r, 3, 0, Kind::default());
    r.activate(third, Ready::WRITE, 1);
    assert!(r.last_detached().is_none(), "a slot is no detached activation");
    assert_eq!(run(&mut r).iter().map(|(payload, _)| *payload).collect::<Vec<_>>(), [1, 3]);
    assert!(r.last_detached().is_none() && r.counts().active == 0);
}

#[test]
fn the_first_ready_events_of_each_priority_take_no_memory() {
    let mut r = Reactor::new();
    for priorities in [1, 3, 16] {
        assert!(r.set_priorities(priorities));
        let held = r.held_memory();
        for n in 0..16 {
            for priority in 0..priorities as u8 {
                let _ = r.enqueue(n, priority, false, Ready::WRITE, 1);
            }
        }
        assert_eq!(r.held_memory(), held);
        let _ = r.enqueue(16, 0, false, Ready::WRITE, 1);
        assert!(r.held_memory() > held);
        while !run(&mut r).is_empty() {}
    }
}

#[test]
fn a_ring_that_gave_its_memory_back_has_its_first_room_and_works() {
    let mut r = Reactor::new();
    let held = r.held_memory();
    for round in 0..3 {
        for n in 0..3000 + round {
            let _ = r.enqueue(n, 0, false, Ready::WRITE, 1);
        }
        let ran: Vec<u32> = run(&mut r).into_iter().map(|(n, _)| n).collect();
        assert!(ran.iter().copied().eq(0..3000 + round));
        r.begin_batch(|| 0);
        assert!(r.pop_ready().is_none());
        assert_eq!(r.held_memory(), held);
    }
}

#[test]
fn a_ring_that_grows_keeps_what_is_there() {
    for (before, after) in [(0, 40), (3, 40), (10, 1500), (40, 5)] {
        let mut r = Reactor::new();
        for n in 0..before {
            let _ = r.enqueue(n, 0, false, Ready::WRITE, 1);
        }
        for n in before..before + after {
            assert!(r.time_out(None, n, 0, false).is_some());
        }
        let ran: Vec<u32> = run(&mut r).into_iter().map(|(n, _)| n).collect();
        assert!(ran.into_iter().eq(0..before + after), "{before} {after}");
    }
}

#[test]
fn a_ring_of_gaps_is_packed_and_the_payloads_learn_their_keys() {
    use core::cell::Cell;
    #[derive(Clone, Copy, Default)]
    struct Named<'a>(Option<&'a Cell<Option<Key>>>);
    impl Payload for Named<'_> {
        fn renamed(self, from: Key, to: Key) {
            let cell = self.0.unwrap();
            assert_eq!(cell.replace(Some(to)), Some(from));
        }
    }
    let cells: Vec<Cell<Option<Key>>> = (0..3).map(|_| Cell::new(None)).collect();
    let mut r = Reactor::new();
    let active = |r: &mut Reactor<_>, n: usize| {
        let key = r.enqueue(Named(cells.get(n)), 0, false, Ready::WRITE, 1);
        cells[n].set(Some(key));
    };
    active(&mut r, 0);
    active(&mut r, 1);
    let held = r.held_memory();
    for n in 0..10_000 {
        // One of two stays, so that what is taken out leaves a gap.
        active(&mut r, 2 - n % 2);
        let key = cells[1 + n % 2].take();
        let _ = key.map(|key| r.remove(key));
    }
    assert_eq!(r.held_memory(), held);
    assert_eq!(r.counts().active, 2);
    let _ = r.remove(cells[0].get().unwrap());
    r.begin_batch(|| 0);
    let last = r.pop_ready().unwrap();
    assert!(core::ptr::eq(last.payload.0.unwrap(), &raw const cells[1]) && r.pop_ready().is_none());
}
