use super::*;
use core::cmp::Ordering;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn v6_text(address: [u8; 16]) -> String {
    let mut text = String::new();
    write_ipv6(address, &mut text).unwrap();
    text
}

#[test]
fn ipv4_accepts_what_the_c_interface_accepts() {
    for (text, octets) in [
        ("1.2.3.4", [1, 2, 3, 4]),
        ("255.255.255.255", [255; 4]),
        ("001.02.0003.4", [1, 2, 3, 4]),
        (" 1. 2.+3.4", [1, 2, 3, 4]),
        ("4294967297.1.1.1", [1; 4]),
        ("1.2.3.-4294967290", [1, 2, 3, 6]),
    ] {
        assert_eq!(parse_ipv4(text.as_bytes()), Some(octets), "{text}");
    }
    for text in
        ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4x", "1.2.3.4 ", "1..3.4", "-1.2.3.4", "0x1.2.3.4", "1 .2.3.4"]
    {
        assert_eq!(parse_ipv4(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn ipv6_accepts_what_the_c_interface_accepts() {
    for text in [
        "::",
        "::1",
        "1::",
        "1::2",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "::ffff:1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4",
        "1:2:3:4:5::1.2.3.4",
    ] {
        let expected: Ipv6Addr = text.parse().unwrap();
        assert_eq!(parse_ipv6(text.as_bytes()), Some(expected.octets()), "{text}");
    }
    assert_eq!(parse_ipv6(b"::1:"), Some("::1".parse::<Ipv6Addr>().unwrap().octets()));
    assert_eq!(parse_ipv6(b"::0x1:2"), Some("::1:2".parse::<Ipv6Addr>().unwrap().octets()));
    assert_eq!(parse_ipv6(b"::1. 2.3.4"), Some("::1.2.3.4".parse::<Ipv6Addr>().unwrap().octets()));
    for text in [
        "",
        ":",
        "1:",
        ":1",
        ":::",
        "1:::2",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4::5:6:7:8",
        "1:2:3:4:5:6:7:8::",
        "12345::",
        "00001::",
        "g::",
        "::g",
        "::1 ",
        " ::1",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:6::1.2.3.4",
        "::0x123",
        "::-1.2.3.4",
        "::1..2",
        "::.1.2.3",
        "1.2.3.4",
        "::1.2.3.4:",
        "fe80::1%lo",
    ] {
        assert_eq!(parse_ipv6(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn ipv6_short_form() {
    for (address, text) in [
        ("::", "::"),
        ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
        ("1:0:0:4:0:0:7:8", "1::4:0:0:7:8"),
        ("1:0:0:4:0:0:0:8", "1:0:0:4::8"),
        ("0:0:1::", "0:0:1::"),
        ("::ffff:0:0", "::ffff:0.0.0.0"),
        ("::1.2.3.4", "::1.2.3.4"),
        ("::0.0.1.0", "::100"),
        ("::0.1.0.0", "::1:0"),
        ("::1:2:3", "::1:2:3"),
        ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
    ] {
        assert_eq!(v6_text(address.parse::<Ipv6Addr>().unwrap().octets()), text);
    }
}

#[test]
fn the_five_forms_of_host_and_port() {
    let parse = |text: &'static str| parse_host_port(text.as_bytes());
    let answer = |host: &'static str, v6, port| Some(HostPort { host: host.as_bytes(), v6, port });
    assert_eq!(parse("[::1]:80"), answer("::1", true, 80));
    assert_eq!(parse("[::1]"), answer("::1", true, 0));
    assert_eq!(parse("::1"), answer("::1", true, 0));
    assert_eq!(parse("1.2.3.4:80"), answer("1.2.3.4", false, 80));
    assert_eq!(parse("1.2.3.4"), answer("1.2.3.4", false, 0));
    assert_eq!(parse("[::1]x"), answer("::1", true, 0));
    assert_eq!(parse("1.2.3.4: +80x"), answer("1.2.3.4", false, 80));
    assert_eq!(parse("1.2.3.4:4294967376"), answer("1.2.3.4", false, 80));
    for text in [
        "1.2.3.4:",
        "1.2.3.4:0",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "[::1",
        "[::1]:",
        "[::1]:0",
        "1.2.3.4:99999999999999999999",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
    let long = format!("{}1.2.3.4:80", "0".repeat(121));
    assert_eq!(parse_host_port(long.as_bytes()), None);
}

#[test]
fn scopes() {
    assert_eq!(split_scope(b"fe80::1%lo"), (&b"fe80::1"[..], Some(&b"lo"[..])));
    assert_eq!(split_scope(b"fe80::1"), (&b"fe80::1"[..], None));
    for (text, index) in [
        ("", 0),
        ("1", 1),
        (" 1", 1),
        ("01", 1),
        ("-1", u32::MAX),
        ("4294967296", 0),
        ("99999999999999999999", u32::MAX),
    ] {
        assert_eq!(parse_scope(text.as_bytes()), Scope::Index(index), "{text}");
    }
    for text in ["lo", "1x", "0x1", "%", " "] {
        assert_eq!(parse_scope(text.as_bytes()), Scope::Invalid, "{text}");
    }
}

#[test]
fn dates() {
    let text = |date: &DateFields| {
        let mut text = String::new();
        write_rfc1123(date, &mut text).unwrap();
        text
    };
    assert_eq!(text(&DateFields::from_unix(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(text(&DateFields::from_unix(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(text(&DateFields::from_unix(951_782_400)), "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_eq!(text(&DateFields::from_unix(-1)), "Wed, 31 Dec 1969 23:59:59 GMT");
    let odd = DateFields { year: i32::MAX, month: 12, day: -5, weekday: -1, hour: 123, minute: 0, second: 0 };
    assert_eq!(text(&odd), "???, -5 ??? 2147485547 123:00:00 GMT");
    assert_eq!(DateFields::from_unix(i64::MAX / 2).year, i32::MAX);
}

#[test]
fn case_is_ignored_and_bytes_are_signed() {
    for (a, b, expected) in [
        (&b"abc"[..], &b"ABC"[..], Ordering::Equal),
        (b"abc", b"ABD", Ordering::Less),
        (b"ab", b"ABC", Ordering::Less),
        (b"b", b"A", Ordering::Greater),
        (b"[", b"{", Ordering::Less),
        (b"_", b"A", Ordering::Less),
        (b"\xff", b"a", Ordering::Less),
        (b"\xff", b"", Ordering::Less),
        (b"\xe4", b"\xc4", Ordering::Greater),
        (b"", b"", Ordering::Equal),
    ] {
        assert_eq!(cmp_bytes(a, b), expected, "{a:?} {b:?}");
        assert_eq!(cmp_bytes(b, a), expected.reverse(), "{b:?} {a:?}");
    }
}

proptest! {
    #[test]
    fn every_ipv4_text_of_std_is_read_back(address: [u8; 4]) {
        let mut text = String::new();
        write_ipv4(address, &mut text).unwrap();
        prop_assert_eq!(&text, &Ipv4Addr::from(address).to_string());
        prop_assert_eq!(parse_ipv4(text.as_bytes()), Some(address));
    }

    #[test]
    fn every_ipv6_address_survives_the_round_trip(groups in prop::array::uniform8(prop_oneof![Just(0u16), Just(0xffff), any::<u16>()])) {
        let address = Ipv6Addr::from(groups);
        let text = v6_text(address.octets());
        prop_assert_eq!(text.parse::<Ipv6Addr>().unwrap(), address);
        prop_assert_eq!(parse_ipv6(text.as_bytes()), Some(address.octets()));
        prop_assert_eq!(parse_ipv6(address.to_string().as_bytes()), Some(address.octets()));
    }

    #[test]
    fn what_std_accepts_is_accepted_alike(text in "[0-9a-f:.]{0,24}") {
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            prop_assert_eq!(parse_ipv6(text.as_bytes()), Some(address.octets()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            prop_assert_eq!(parse_ipv4(text.as_bytes()), Some(address.octets()));
        }
    }

    #[test]
    fn no_text_panics(text: Vec<u8>) {
        let _ = (parse_ipv4(&text), parse_ipv6(&text), parse_scope(&text));
        if let Some(found) = parse_host_port(&text) {
            prop_assert!(found.host.len() <= text.len());
        }
    }

    #[test]
    fn dates_follow_the_calendar(days in -700_000i64..700_000) {
        let (a, b) = (DateFields::from_unix(days * 86_400), DateFields::from_unix((days + 1) * 86_400));
        prop_assert_eq!((a.weekday + 1) % 7, b.weekday);
        prop_assert!(b.day == a.day + 1 || b.day == 1 && a.day >= 28);
        prop_assert!((1..=31).contains(&a.day) && (0..12).contains(&a.month));
    }

    #[test]
    fn comparison_is_an_order(a: Vec<u8>, b: Vec<u8>, c: Vec<u8>) {
        prop_assert_eq!(cmp_bytes(&a, &b), cmp_bytes(&b, &a).reverse());
        let strip = |v: Vec<u8>| v.into_iter().filter(|b| *b != 0).collect::<Vec<_>>();
        let (a, b, c) = (strip(a), strip(b), strip(c));
        if cmp_bytes(&a, &b).is_le() && cmp_bytes(&b, &c).is_le() {
            prop_assert!(cmp_bytes(&a, &c).is_le());
        }
    }
}

fn cmp_bytes(a: &[u8], b: &[u8]) -> Ordering {
    ascii_case_cmp(a.iter().copied(), b.iter().copied())
}
