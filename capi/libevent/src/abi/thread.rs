//! `event2/thread.h`.

use super::layout;

pub use evoxide_ffi::lock::ConditionCallbacks as evthread_condition_callbacks;
pub use evoxide_ffi::lock::LockCallbacks as evthread_lock_callbacks;

layout!(
    evthread_lock_callbacks,
    size = 40,
    align = 8,
    lock_api_version = 0,
    supported_locktypes = 4,
    alloc = 8,
    free = 16,
    lock = 24,
    unlock = 32
);
layout!(
    evthread_condition_callbacks,
    size = 40,
    align = 8,
    condition_api_version = 0,
    alloc_condition = 8,
    free_condition = 16,
    signal_condition = 24,
    wait_condition = 32
);
