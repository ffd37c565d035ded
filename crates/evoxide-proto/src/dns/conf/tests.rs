use super::*;
use proptest::prelude::*;

fn parse(text: &[u8]) -> Conf {
    Conf::parse(text, |name| (name == b"eth0").then_some(7))
}

#[test]
fn every_option() {
    let conf = parse(
        b"options ndots:3 timeout:7 attempts:4 rotate use-vc edns0 trust-ad single-request inet6 no-tld-query debug what:1\n",
    );
    assert_eq!((conf.ndots, conf.timeout, conf.attempts), (3, 7, 4));
    assert!(conf.rotate && conf.use_tcp && conf.edns && conf.trust_ad && conf.single_request && conf.inet6);
    assert!(conf.no_tld_query);
    let none = parse(b"options no-aaaa no-reload ip6-bytestring no-check-names");
    assert!(none.no_aaaa && none.no_reload && !none.inet6);
    let capped = parse(b"options ndots:99 timeout:0 attempts:77 ndots: timeout:x attempts");
    assert_eq!((capped.ndots, capped.timeout, capped.attempts), (15, 1, 5));
}

#[test]
fn servers_with_ports_and_scopes() {
    let conf = parse(
        b"nameserver 10.0.0.1\nnameserver 10.0.0.2:5353\nnameserver fe80::1%eth0\nnameserver [::1]:54\nnameserver fe80::1%4\nnameserver 1.2.3\nnameserver\n",
    );
    let texts: Vec<String> = conf.servers.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["10.0.0.1:53", "10.0.0.2:5353", "[fe80::1%7]:53", "[::1]:54", "[fe80::1%4]:53"]);
}

#[test]
fn odd_files() {
    let conf = parse(
        b"; c\r\n# d\r\n\r\n\tsearch  a.example\tb.example ;x y\r\nnameserver\t10.0.0.1\r\n\0\xff\nnameserver 10.0.0.2",
    );
    assert_eq!(conf.search, [b"a.example".to_vec(), b"b.example".to_vec()]);
    assert_eq!(conf.servers.len(), 2);
    assert_eq!(parse(b"search a b\ndomain c").search, [b"c".to_vec()]);
    assert_eq!(parse(b"domain c\nsearch").search, Vec::<Vec<u8>>::new());
    let long = [b"search ".as_slice(), &b"name.example ".repeat(10_000)].concat();
    assert_eq!(parse(&long).search.len(), 10_000);
    assert_eq!(parse(b""), Conf::default());
}

#[test]
fn addresses_are_sorted_by_networks() {
    let sorted = |text: &str, found: &str| {
        let mut found: Vec<IpAddr> = found.split(' ').map(|address| address.parse().unwrap()).collect();
        parse(text.as_bytes()).sortlist.sort(&mut found);
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let found = "192.0.2.9 10.9.0.1 172.16.5.1 10.1.0.1 192.0.2.1";
    // Without a mask the class says it.
    assert_eq!(sorted("sortlist 10.0.0.0 172.16.0.0", found), "10.9.0.1 10.1.0.1 172.16.5.1 192.0.2.9 192.0.2.1");
    assert_eq!(sorted("sortlist 192.0.2.77", found), "192.0.2.9 192.0.2.1 10.9.0.1 172.16.5.1 10.1.0.1");
    let masked = "sortlist 10.1.7.7/255.255.0.0 bad 1.2.3 10.0.0.0/99 # 192.0.2.0\nsortlist 192.0.2.0/255.255.255.248";
    assert_eq!(sorted(masked, found), "10.1.0.1 192.0.2.1 192.0.2.9 10.9.0.1 172.16.5.1");
    assert_eq!(sorted("sortlist\nsortlist ::1 /255.0.0.0 1.2.3.4/", found), found);
    // Ten networks count, also over several lines; the widest mask takes everything.
    let many =
        "sortlist 1.0.0.1 1.0.0.2 1.0.0.3 1.0.0.4 1.0.0.5 1.0.0.6 1.0.0.7 1.0.0.8 1.0.0.9\nsortlist 1.0.1.0 10.0.0.0";
    assert_eq!(sorted(many, found), found);
    assert_eq!(sorted("sortlist 0.0.0.0/0.0.0.0 10.0.0.0", found), found);
    assert_eq!(
        sorted("sortlist 224.0.0.1 10.0.0.0", "::1 224.0.0.2 10.0.0.1 224.0.0.1"),
        "224.0.0.1 10.0.0.1 ::1 224.0.0.2"
    );
}

/// CVE-2016-10196: a bracketed address longer than any.
#[test]
fn a_long_address_is_refused() {
    let text = [b"[".as_slice(), &[b'1'; 4096], b"]:53"].concat();
    assert_eq!(parse_server(&text, |_| None), None);
}

proptest! {
    #[test]
    fn any_file_is_read(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&text);
    }
}
