use super::*;

#[test]
fn hooks_say() {
    assert_eq!(
        [-1, 0, 1, 2].map(Verdict::from),
        [Verdict::Terminate, Verdict::Continue, Verdict::Pause, Verdict::Terminate]
    );
}

#[test]
fn only_200_may_reply() {
    assert_eq!([0, 200, 204, 404, 503].map(may_reply), [false, true, false, false, false]);
}

#[test]
fn meta_by_key() {
    let mut meta = Meta::default();
    assert!(meta.keep(b"a", b"1") && meta.keep(b"b", b"") && meta.keep(b"a", b"2"));
    assert_eq!(meta.find(b"a"), Some(b"1".as_slice()));
    assert_eq!(meta.find(b"b"), Some(b"".as_slice()));
    assert_eq!(meta.find(b"c"), None);
}
