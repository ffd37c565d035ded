//! The global base of libevent 1.x, which stands in where no base is given.

use super::base::evdns_base;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

static GLOBAL: AtomicPtr<evdns_base> = AtomicPtr::new(ptr::null_mut());

/// The base given, or the global one if there is none.
pub(super) fn or_global(dns: *mut evdns_base) -> *mut evdns_base {
    if dns.is_null() { GLOBAL.load(Ordering::Acquire) } else { dns }
}

/// The base ends.
pub(super) fn forget(dns: *mut evdns_base) {
    let _ = GLOBAL.compare_exchange(dns, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
}

/// Makes a base the global one, or none.
pub(super) fn set_global(dns: *mut evdns_base) {
    GLOBAL.store(dns, Ordering::Release);
}
