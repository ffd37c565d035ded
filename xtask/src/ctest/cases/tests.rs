use super::{Case, diff, parse};

#[test]
fn output_is_cut_at_its_marks() {
    let cases = parse("== a\none\ntwo\n-- exit 0\n== b\nno end of line-- signal 6\n== c\n-- not a mark\n-- timeout\n");
    let got: Vec<(&str, &str, &str)> =
        cases.iter().map(|c| (c.name.as_str(), c.body.as_str(), c.end.as_str())).collect();
    assert_eq!(
        got,
        [("a", "one\ntwo\n", "exit 0"), ("b", "no end of line\n", "signal 6"), ("c", "-- not a mark\n", "timeout")]
    );
}

#[test]
fn a_case_that_never_ended_is_not_sound() {
    let cases = parse("== a\nhalf\n");
    assert!(!cases[0].sound());
    assert!(!parse("== a\nNO x == 1\n-- exit 0\n")[0].sound());
    assert!(parse("== a\nok x == 1\n-- exit 3\n")[0].sound());
}

#[test]
fn a_difference_shows_only_what_differs() {
    let case = |body: &str| Case { name: "a".into(), body: body.into(), end: "exit 0".into() };
    assert_eq!(diff(&case("1\n2\n3\n"), &case("1\nx\n3\n")), "    - 2\n    + x\n");
    assert_eq!(diff(&case("1\n"), &case("1\n2\n")), "    + 2\n");
}
