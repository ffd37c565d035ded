use super::*;
use proptest::prelude::*;

#[derive(Default)]
struct Owners(Vec<Option<u32>>);
impl Positions for Owners {
    fn moved(&mut self, id: u32, position: u32) {
        if self.0.len() <= id as usize {
            self.0.resize(id as usize + 1, None);
        }
        self.0[id as usize] = Some(position);
    }
}

fn check(heap: &Heap, owners: &Owners) {
    for (i, e) in heap.iter().enumerate() {
        assert!(i == 0 || heap.get(((i - 1) / ARITY) as u32).is_some_and(|p| p.deadline <= e.deadline));
        assert_eq!(owners.0[e.id as usize], Some(i as u32));
    }
}

#[test]
fn a_million_timers_leave_no_memory_behind() {
    let (mut heap, mut owners) = (Heap::new(), Owners::default());
    for id in 0..1_000_000u32 {
        heap.push(Entry { deadline: u64::from(id.wrapping_mul(2_654_435_761)), id }, &mut owners);
    }
    for id in 0..1_000_000usize {
        heap.remove(owners.0[id].unwrap_or(u32::MAX), &mut owners);
    }
    assert!(heap.is_empty());
    assert_eq!(heap.entries.capacity(), 0);
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_list(ops in proptest::collection::vec((0u8..4, any::<u16>(), any::<u16>()), 0..300)) {
        let (mut heap, mut owners) = (Heap::new(), Owners::default());
        let mut model: Vec<Entry> = Vec::new();
        let mut next = 0;
        for (op, pick, time) in ops {
            let deadline = u64::from(time);
            match op {
                0 => {
                    let e = Entry { deadline, id: next };
                    next += 1;
                    heap.push(e, &mut owners);
                    model.push(e);
                }
                1 if !model.is_empty() => {
                    let i = usize::from(pick) % model.len();
                    heap.set(owners.0[model[i].id as usize].unwrap_or(u32::MAX), deadline, &mut owners);
                    model[i].deadline = deadline;
                }
                2 if !model.is_empty() => {
                    let e = model.swap_remove(usize::from(pick) % model.len());
                    let gone = heap.remove(owners.0[e.id as usize].unwrap_or(u32::MAX), &mut owners);
                    prop_assert_eq!(gone, e);
                }
                3 => match heap.pop_due(deadline, &mut owners) {
                    Some(e) => {
                        prop_assert!(e.deadline <= deadline);
                        prop_assert_eq!(Some(e.deadline), model.iter().map(|m| m.deadline).min());
                        model.retain(|m| m.id != e.id);
                    }
                    None => prop_assert!(model.iter().all(|m| m.deadline > deadline)),
                },
                _ => {}
            }
            prop_assert_eq!(heap.len(), model.len());
            check(&heap, &owners);
        }
    }
}
