//! Two buffers against two vectors: the input is a program of operations (see `world.rs`).
//!
//! `cargo +nightly fuzz run buffer`
#![no_main]

#[path = "../../crates/evoxide-core/tests/buffer_model/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|program: &[u8]| world::World::run(program));
