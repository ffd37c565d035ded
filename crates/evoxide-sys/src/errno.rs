//! The calling thread's `errno`, which is part of the C faces' contract and must survive a signal handler.

/// Its value.
pub fn get() -> i32 {
    // SAFETY: the C library answers a pointer that is good for the life of the thread.
    unsafe { *location() }
}

/// Sets it.
pub fn set(value: i32) {
    // SAFETY: as above; only this thread uses it.
    unsafe { *location() = value }
}

fn location() -> *mut libc::c_int {
    #[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "fuchsia"))]
    // SAFETY: takes nothing, answers a pointer, cannot fail.
    return unsafe { libc::__errno_location() };
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    // SAFETY: takes nothing, answers a pointer, cannot fail.
    return unsafe { libc::__errno() };
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    // SAFETY: takes nothing, answers a pointer, cannot fail.
    return unsafe { libc::__error() };
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_what_std_sees() {
        super::set(libc::ENOTTY);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOTTY));
        assert_eq!(super::get(), libc::ENOTTY);
        super::set(0);
        assert_eq!(super::get(), 0);
    }
}
