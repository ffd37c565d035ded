//! `Buffer` against a `Vec<u8>`: 10,000 random sequences of operations on two buffers.

#[path = "buffer_model/world.rs"]
mod world;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn buffers_are_vectors(program in proptest::collection::vec(any::<u8>(), 0..300)) {
        world::World::run(&program);
    }
}
