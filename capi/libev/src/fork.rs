//! After a fork, and when the backend reports files that are gone.

use crate::abi::ev_loop;
use crate::state::{Renew, of, with};
use crate::{own, periodic, stat};

/// `ev_loop_fork`: everything that a parent may share is rebuilt before the next wait.
///
/// # Safety
/// A live loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_loop_fork(l: *mut ev_loop) {
    // SAFETY: the caller.
    unsafe { (*of(l)).renew = Renew::All }
}

/// Rebuilds what has to be.
#[cold]
pub(crate) unsafe fn renew(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let all = (*of(l)).renew == Renew::All;
        (*of(l)).backend.renew();
        with(l, |m| m.forget_kernel());
        if all {
            periodic::renew_clock_watch(l);
            stat::renew(l);
            own::renew_wake(l);
        }
        (*of(l)).renew = Renew::Nothing;
    }
}
