//! Tests of URIs and query strings.

use super::*;
use proptest::prelude::*;

fn show(uri: &str, nonconformant: bool) -> String {
    let Some(p) = parse(uri.as_bytes(), Flags { nonconformant, unix_socket: false }) else { return "none".to_owned() };
    let s = |part: Option<&[u8]>| part.map_or("-".to_owned(), |p| String::from_utf8_lossy(p).into_owned());
    let port = p.port.map_or("-".to_owned(), |p| p.to_string());
    let path = String::from_utf8_lossy(p.path);
    format!("{} {} {} {port} {path} {} {}", s(p.scheme), s(p.userinfo), s(p.host), s(p.query), s(p.fragment))
}

#[test]
fn references_are_split() {
    for (uri, parts) in [
        ("http://a/b", "http - a - /b - -"),
        ("http://a:", "http - a -  - -"),
        ("http://a:0/", "http - a 0 / - -"),
        ("http://a:65536", "none"),
        ("http://a:-1", "none"),
        ("http://u:p@a:1/x?y#z", "http u:p a 1 /x y z"),
        ("http://[::1]:80/", "http - [::1] 80 / - -"),
        ("http://[v1.a]/", "http - [v1.a] - / - -"),
        ("http://[::1", "none"),
        ("http://[::1]x/", "none"),
        ("http://[]/", "none"),
        ("//a/b", "- - a - /b - -"),
        ("a:b", "a - - - b - -"),
        (":a", "none"),
        ("1http://a", "none"),
        ("http://u@v@a/", "none"),
        ("http://a b/", "none"),
        ("http://a/b c", "none"),
        ("http://a/%4", "none"),
        ("http://a/#b#c", "none"),
        ("http:///x", "http -  - /x - -"),
        ("a/b:c", "- - - - a/b:c - -"),
        ("", "- - - -  - -"),
    ] {
        assert_eq!(show(uri, false), parts, "{uri}");
    }
    assert_eq!(show("http://a/b c#d#e", true), "http - a - /b c - d#e");
}

#[test]
fn local_sockets() {
    let flags = Flags { unix_socket: true, ..Flags::default() };
    let p = parse(b"http://unix:/tmp/s:/x?y", flags).expect("well-formed");
    assert_eq!((p.unix_socket, p.path, p.query), (Some(&b"/tmp/s"[..]), &b"/x"[..], Some(&b"y"[..])));
    assert_eq!(parse(b"http://unix:/tmp/s", flags), None);
}

#[test]
fn queries() {
    let all = |text: &str, loose| {
        query(text.as_bytes(), loose)
            .map(|f| {
                f.map_or("error".to_owned(), |(k, v)| {
                    format!("{}={}", String::from_utf8_lossy(k), String::from_utf8_lossy(v))
                })
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(all("a=b&c=d=e&f=", false), "a=b c=d=e f=");
    assert_eq!(all("a", false), "error");
    assert_eq!(all("a=b&", false), "a=b");
    assert_eq!(all("a=b&&c=d", false), "a=b error");
    assert_eq!(all("a&=b&&c=d", true), "a= c=d");
}

#[test]
fn codes() {
    let decoded = |text: &str, plus| {
        let mut out = Vec::new();
        decode(text.as_bytes(), plus, &mut out);
        out
    };
    assert_eq!(decoded("a%2Bb+c%zz%4", Plus::Keep), b"a+b+c%zz%4");
    assert_eq!(decoded("a+b?c+%00", Plus::SpaceInQuery), b"a+b?c \0");
    assert_eq!(decoded("a+b", Plus::Space), b"a b");
}

proptest! {
    #[test]
    fn what_is_split_joins_again(uri in "[a-z]{0,3}:?/{0,2}[a-z@:0-9\\[\\]]{0,6}/?[a-z/%:]{0,6}(\\?[a-z]{0,2})?(#[a-z]{0,2})?") {
        if let Some(parts) = parse(uri.as_bytes(), Flags::default()) {
            let mut out = Vec::new();
            prop_assert!(join(&parts, None, &mut out).is_some());
            let again = parse(&out, Flags::default());
            prop_assert_eq!(again, Some(parts), "{}", uri);
        }
    }

    #[test]
    fn what_is_encoded_decodes_again(bytes in prop::collection::vec(any::<u8>(), 0..40), plus: bool) {
        let (mut text, mut back) = (Vec::new(), Vec::new());
        encode(&bytes, plus, &mut text);
        decode(&text, if plus { Plus::Space } else { Plus::Keep }, &mut back);
        prop_assert_eq!(back, bytes);
    }
}
