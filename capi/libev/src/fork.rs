//! After a fork, and when the backend reports files that are gone.

use crate::abi::ev_loop;
use crate::state::{Renew, with};
use crate::{periodic, stat, wake};

/// `ev_loop_fork`: everything that a parent may share is made anew before the next wait.
///
/// # Safety
/// A live loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_loop_fork(l: *mut ev_loop) {
    // SAFETY: the caller.
    unsafe { (*l).renew = Renew::All }
}

/// Makes anew what has to be.
#[cold]
pub(crate) unsafe fn renew(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let all = (*l).renew == Renew::All;
        (*l).backend.renew();
        with(l, |m| m.forget_kernel());
        if all {
            periodic::renew_clock_watch(l);
            stat::renew(l);
            wake::renew(l);
        }
        (*l).renew = Renew::Nothing;
    }
}
