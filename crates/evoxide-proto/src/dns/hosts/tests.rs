use super::*;
use proptest::prelude::*;

fn found(hosts: &Hosts, name: &str) -> Vec<String> {
    hosts.find(name.as_bytes()).map(|a| a.to_string()).collect()
}

#[test]
fn files_are_read_in_order() {
    let mut hosts = Hosts::default();
    hosts
        .load(b"# c\r\n10.0.0.1 one One.Example #x y\r\n10.0.0.2\ttwo one\nfe80::1%lo six\nnonsense a\n10.0.0.3\n\xff\xfe\n::1 one.")
        .unwrap();
    assert_eq!(found(&hosts, "ONE"), ["10.0.0.1", "10.0.0.2", "::1"]);
    assert_eq!(found(&hosts, "one.example."), ["10.0.0.1"]);
    assert_eq!(found(&hosts, "six"), ["fe80::1"]);
    assert!(found(&hosts, "a").is_empty() && found(&hosts, "y").is_empty() && found(&hosts, "").is_empty());
    hosts.add(b"one", [10, 0, 0, 9].into()).unwrap();
    assert_eq!(found(&hosts, "one").last().unwrap(), "10.0.0.9");
    hosts.clear();
    assert!(hosts.is_empty() && found(&hosts, "one").is_empty());
}

#[test]
fn localhost_and_below() {
    for yes in ["localhost", "LOCALHOST.", "a.localhost", "a.b.localhost."] {
        assert!(is_localhost(yes.as_bytes()), "{yes}");
    }
    for no in ["", "localhos", "xlocalhost", "localhost.com"] {
        assert!(!is_localhost(no.as_bytes()), "{no}");
    }
}

proptest! {
    #[test]
    fn any_file_is_read(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut hosts = Hosts::default();
        hosts.load(&text).unwrap();
        for entry in entries(&text) {
            for name in entry.names {
                prop_assert!(hosts.find(name).any(|a| a == entry.address));
            }
        }
    }
}
