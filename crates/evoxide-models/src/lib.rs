//! Models of what threads share: the very files, compiled on loom's atomics, with tests that try every order of their steps.
//!
//! A file takes part by one line here, and by choosing its atomics with `cfg(loom)`; its model is in its own tests. `cargo xtask
//! loom` runs them, and so does `cargo test --workspace`.

#[path = "../../evoxide-sys/src/wake.rs"]
pub mod wake;

#[path = "../../evoxide/src/task/wake_list.rs"]
pub mod wake_list;
