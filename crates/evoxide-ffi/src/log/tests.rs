use super::*;
use std::sync::Mutex;

static SEEN: Mutex<Vec<(c_int, Vec<u8>)>> = Mutex::new(Vec::new());

unsafe extern "C-unwind" fn collect(severity: c_int, message: *const c_char) {
    // SAFETY: the message is terminated.
    let text = unsafe { crate::cstr::bytes(message) }.unwrap().to_vec();
    SEEN.lock().unwrap().push((severity, text));
}

fn collected(f: impl FnOnce()) -> Vec<(c_int, Vec<u8>)> {
    let _turn = crate::test_turn();
    set_log_callback(Some(collect));
    f();
    set_log_callback(None);
    std::mem::take(&mut SEEN.lock().unwrap())
}

#[test]
fn severities_and_error_text() {
    let seen = collected(|| {
        errno::set(libc::ENOENT);
        crate::warn!("open {}", 3);
        crate::warnx!("plain");
        crate::msgx!("note");
        crate::debugx!("not enabled");
        set_debug_mask(u32::MAX);
        crate::debugx!("enabled");
        set_debug_mask(0);
        errno::set(libc::EBADF);
        crate::sock_warn!(5, "sock");
    });
    let expected: Vec<(c_int, Vec<u8>)> = vec![
        (2, b"open 3: No such file or directory".to_vec()),
        (2, b"plain".to_vec()),
        (1, b"note".to_vec()),
        (0, b"enabled".to_vec()),
        (2, b"sock: Bad file descriptor".to_vec()),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn long_text_is_cut_at_1023() {
    let long = "x".repeat(5000);
    let seen = collected(|| {
        errno::set(libc::ENOENT);
        crate::warn!("{long}");
        errno::set(libc::ENOENT);
        crate::warn!("{}", &long[..1010]);
        errno::set(libc::ENOENT);
        crate::warn!("{}", &long[..1021]);
    });
    assert_eq!(seen[0].1.len(), 1023);
    assert_eq!(&seen[1].1[1003..], b"xxxxxxx: No such fil");
    assert_eq!(seen[2].1.len(), 1021);
}
