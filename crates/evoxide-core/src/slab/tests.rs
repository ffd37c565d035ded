use super::*;
use proptest::prelude::*;

#[test]
fn a_reused_index_does_not_answer_to_the_old_key() {
    let mut s = Slab::new();
    let a = s.insert(1);
    assert_eq!(s.remove(a), Some(1));
    let b = s.insert(2);
    assert_eq!(a.index, b.index);
    assert_eq!(s.get(a), None);
    assert_eq!(s.remove(a), None);
    assert_eq!(s.get(b), Some(&2));
}

#[test]
fn an_emptied_slab_returns_its_memory_and_still_rejects_old_keys() {
    let mut s = Slab::new();
    let keys: Vec<_> = (0..10_000).map(|i| s.insert(i)).collect();
    for k in &keys {
        assert!(s.remove(*k).is_some());
    }
    assert_eq!(s.entries.capacity(), 0);
    let _ = s.insert(7);
    assert!(keys.iter().all(|k| s.get(*k).is_none()));
}

proptest! {
    #[test]
    fn agrees_with_a_naive_map(ops in proptest::collection::vec((any::<bool>(), any::<u16>()), 0..400)) {
        let mut slab = Slab::new();
        let mut model: Vec<(Key, u16, bool)> = Vec::new();
        for (add, v) in ops {
            if add || model.is_empty() {
                let k = slab.insert(v);
                prop_assert!(model.iter().all(|(o, ..)| *o != k));
                model.push((k, v, true));
            } else {
                let i = usize::from(v) % model.len();
                let (k, v, live) = model[i];
                prop_assert_eq!(slab.remove(k), live.then_some(v));
                model[i].2 = false;
            }
            prop_assert_eq!(slab.len(), model.iter().filter(|m| m.2).count());
            for (k, v, live) in &model {
                prop_assert_eq!(slab.get(*k).copied(), live.then_some(*v));
                prop_assert_eq!(Key::from_bits(k.to_bits()), Some(*k));
            }
        }
    }
}
