//! `ev_idle`, `ev_prepare`, `ev_check`, `ev_fork` and `ev_cleanup`.

use crate::abi::{ev_check, ev_cleanup, ev_fork, ev_idle, ev_loop, ev_prepare};
use crate::state::with;
use crate::watcher::W;
use evoxide_core::ev_loop::Kind;

macro_rules! plain {
    ($($t:ty, $kind:ident: $start:ident $stop:ident;)*) => { $(
        #[doc = concat!("`", stringify!($start), "`.")]
        ///
        /// # Safety
        /// A live loop of this thread; an initialised watcher.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $start(l: *mut ev_loop, w: *mut $t) {
            // SAFETY: the caller.
            unsafe { with(l, |m| m.list_start(Kind::$kind, W::new(w))) }
        }

        #[doc = concat!("`", stringify!($stop), "`.")]
        ///
        /// # Safety
        /// A live loop of this thread; an initialised watcher.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $stop(l: *mut ev_loop, w: *mut $t) {
            // SAFETY: the caller.
            unsafe { with(l, |m| m.list_stop(Kind::$kind, W::new(w))) }
        }
    )* };
}

plain! {
    ev_prepare, Prepare: ev_prepare_start ev_prepare_stop;
    ev_check, Check: ev_check_start ev_check_stop;
    ev_fork, Fork: ev_fork_start ev_fork_stop;
    ev_cleanup, Cleanup: ev_cleanup_start ev_cleanup_stop;
}

/// `ev_idle_start`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_idle_start(l: *mut ev_loop, w: *mut ev_idle) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.idle_start(W::new(w))) }
}

/// `ev_idle_stop`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_idle_stop(l: *mut ev_loop, w: *mut ev_idle) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.idle_stop(W::new(w))) }
}
