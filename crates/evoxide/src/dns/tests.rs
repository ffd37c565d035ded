use super::*;
use crate::config::Config as LoopConfig;
use crate::stream::{StreamCtx, StreamEvent, StreamHandler};
use crate::{Clock, EventLoop};
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

fn address(ev: &mut EventLoop<Vec<String>>, id: crate::EventId) -> std::net::SocketAddr {
    ev.source::<UdpSocket>(id).unwrap().local_addr().unwrap()
}

#[test]
fn large_answers_come_over_tcp() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let [udp, _] = ev
        .dns_server("127.0.0.1:0", |_cx, query| {
            for n in 0..200 {
                query.answer(Duration::from_secs(5), [10, 0, 0, n].into());
            }
            rcode::NOERROR
        })
        .unwrap();
    let server = address(&mut ev, udp);
    let resolver = ev.resolver(Config::new().server(server)).unwrap();
    for _ in 0..2 {
        resolver.lookup(&mut ev, "big.example", rtype::A, None, |cx, answer| {
            let count = answer.map(|answer| answer.addresses().count());
            cx.state().push(format!("{count:?}"));
            if cx.state().len() == 2 {
                cx.exit();
            }
        });
    }
    ev.run().unwrap();
    assert_eq!(ev.state(), &["Ok(200)", "Ok(200)"]);
}

/// Time-outs pass in no time on the virtual clock.
#[test]
fn a_silent_server_is_a_time_out() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut ev = EventLoop::with_config(LoopConfig::new().clock(Clock::Virtual), Vec::new()).unwrap();
    let resolver = ev.resolver(Config::new().server(silent.local_addr().unwrap())).unwrap();
    let before = ev.now();
    resolver.lookup_host(&mut ev, "host.example", |cx, found| cx.state().push(format!("{found:?}")));
    ev.run().unwrap();
    assert_eq!(ev.state(), &["Err(Timeout)"]);
    assert!(ev.now() - before >= Duration::from_secs(6));
}

#[test]
fn names_and_servers_that_are_none_fail_at_once() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let resolver = ev.resolver(Config::new()).unwrap();
    for host in ["a..b", "host.example"] {
        resolver.lookup(&mut ev, host, rtype::A, None, |cx, answer| cx.state().push(format!("{:?}", answer.err())));
    }
    resolver.lookup_host(&mut ev, "x.localhost", |cx, found| cx.state().push(format!("{found:?}")));
    ev.run().unwrap();
    assert_eq!(ev.state(), &["Some(BadName)", "Some(NoServer)", "Ok([::1, 127.0.0.1])"]);
}

#[test]
fn the_first_address_that_works_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    // Nobody listens at the first two.
    let hosts = b"127.1.2.3 host.example\n127.1.2.4 host.example\n127.0.0.1 host.example";
    let resolver = ev.resolver(Config::new().hosts(hosts)).unwrap();
    resolver.connect(&mut ev, "host.example", port, |cx, socket| {
        cx.state().push(socket.unwrap().peer_addr().unwrap().ip().to_string());
    });
    resolver.connect(&mut ev, "none..example", port, |cx, socket| cx.state().push(format!("{}", socket.is_err())));
    ev.run().unwrap();
    ev.state_mut().sort();
    assert_eq!(ev.state(), &["127.0.0.1", "true"]);
}

#[cfg(feature = "async")]
#[test]
fn tasks_look_up_and_connect_by_name() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let [udp, _] = ev
        .dns_server("127.0.0.1:0", |cx: &mut crate::Context<'_, Vec<String>>, query| {
            let asked = format!("{} {}", query.name(), query.rtype()).to_lowercase();
            cx.state().push(asked);
            if query.rtype() == rtype::A {
                query.answer(Duration::from_secs(5), [127, 0, 0, 1].into());
            }
            rcode::NOERROR
        })
        .unwrap();
    let server = address(&mut ev, udp);
    let resolver = ev.resolver(Config::new().server(server)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cx = ev.task_cx();
    ev.block_on(async move {
        let listener = cx.accept_from(listener).unwrap();
        let stream = cx.connect_host(resolver, "host.example", port).await.unwrap();
        let (other, _peer) = listener.accept().await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut bytes = [0; 5];
        other.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
        let answer = cx.lookup(resolver, "other.example.", rtype::A, None).await.unwrap();
        assert_eq!(answer.addresses().count(), 1);
        // Dropped before it is answered.
        let none = Duration::ZERO;
        assert!(cx.timeout(none, cx.lookup(resolver, "third.example.", rtype::A, None)).await.is_err());
    })
    .unwrap();
    // The case of the letters is random.
    let asked = |text: &String| text.to_ascii_lowercase().starts_with("host.example");
    assert!(ev.state().iter().any(asked), "{:?}", ev.state());
}

/// RFC 8305 on virtual time: an address that does not answer is given up on after 250 ms, and the next one wins.
#[test]
fn a_stream_is_connected_by_name_to_the_address_that_answers() {
    struct Client;

    impl StreamHandler<Vec<String>> for Client {
        fn on_read(&mut self, _cx: &mut StreamCtx<'_, Vec<String>>) {}

        fn on_event(&mut self, cx: &mut StreamCtx<'_, Vec<String>>, event: StreamEvent) {
            let peer = cx.stream.peer_addr().map(|peer| peer.ip().to_string());
            cx.state().push(format!("{event:?} {peer:?}"));
            cx.close();
        }
    }

    // A listener whose queue is full lets connections wait.
    let any = "127.0.0.3:0".parse::<std::net::SocketAddr>().unwrap().into();
    let full = evoxide_sys::socket::stream(&any, evoxide_sys::socket::Flags::LOOP).unwrap();
    evoxide_sys::socket::bind(&full, &any).unwrap();
    evoxide_sys::socket::listen(&full, 0).unwrap();
    let full = TcpListener::from(full);
    let busy = full.local_addr().unwrap();
    let _first = std::net::TcpStream::connect(busy).unwrap();
    let good = TcpListener::bind(("127.0.0.1", busy.port())).unwrap();

    let mut ev = EventLoop::with_config(LoopConfig::new().clock(Clock::Virtual), Vec::new()).unwrap();
    let resolver = ev.resolver(Config::new().hosts(b"127.0.0.3 two.example\n127.0.0.1 two.example")).unwrap();
    ev.set_resolver(resolver);
    let before = ev.now();
    ev.connect(("two.example", busy.port()), Client).unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state(), &["Connected Some(\"127.0.0.1\")"]);
    assert_eq!(ev.now() - before, Duration::from_millis(250));
    drop(good);

    // The time allowed for all of it passes.
    ev.state_mut().clear();
    let only = ev.resolver(Config::new().hosts(b"127.0.0.3 one.example")).unwrap();
    ev.set_resolver(only);
    let before = ev.now();
    ev.connect_timeout(("one.example", busy.port()), Duration::from_secs(2), Client).unwrap();
    ev.run().unwrap();
    assert!(ev.state()[0].starts_with("Error("), "{:?}", ev.state());
    assert_eq!(ev.now() - before, Duration::from_secs(2));

    // A malformed name is told to the handler, from the loop.
    ev.state_mut().clear();
    ev.connect("none..example:80", Client).unwrap();
    assert!(ev.state().is_empty());
    ev.run().unwrap();
    assert!(ev.state()[0].contains("BadName"), "{:?}", ev.state());
}

#[test]
fn changes_of_the_files_are_taken_over() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = std::env::temp_dir().join(format!("evoxide-dns-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (conf, hosts) = (folder.join("resolv.conf"), folder.join("hosts"));
    let say = |server: std::net::SocketAddr| format!("nameserver {server}\r\noptions timeout:30\r\n");
    std::fs::write(&conf, say(silent.local_addr().unwrap())).unwrap();
    std::fs::write(&hosts, "192.0.2.1 printer\n").unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let [udp, _] = ev
        .dns_server("127.0.0.1:0", |_cx, query| {
            query.answer(Duration::from_secs(5), [10, 0, 0, 1].into());
            rcode::NOERROR
        })
        .unwrap();
    let server = address(&mut ev, udp);
    let resolver = ev.resolver(Config::files(&conf, &hosts)).unwrap();
    // It is asked of a server that says nothing, until the file names another.
    resolver.lookup(&mut ev, "host.example", rtype::A, None, move |cx, answer| {
        let found: Vec<_> = answer.iter().flat_map(Answer::addresses).collect();
        cx.state().push(format!("{found:?}"));
        cx.exit();
    });
    ev.timer(Duration::from_millis(20), move |_cx| std::fs::write(&conf, say(server)).unwrap());
    ev.run().unwrap();
    assert_eq!(ev.state(), &["[10.0.0.1]"]);
    std::fs::write(&hosts, "192.0.2.2 printer\n").unwrap();
    // The change is told in a turn that comes.
    for _ in 0..500 {
        resolver.lookup_host(&mut ev, "printer", |cx, found| {
            cx.state().push(format!("{found:?}"));
            cx.exit();
        });
        ev.run().unwrap();
        if ev.state().last().is_some_and(|text| text == "Ok([192.0.2.2])") {
            break;
        }
    }
    assert_eq!(ev.state().last().unwrap(), "Ok([192.0.2.2])");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_options_of_a_file() {
    let config = Config::new().resolv_conf(
        b"nameserver fe80::1%lo\nsearch a.example b.example\noptions ndots:2 timeout:3 attempts:4 rotate use-vc trust-ad edns0 \
          single-request no-tld-query\n",
    );
    let options = &config.options;
    assert_eq!((options.ndots, options.timeout, options.attempts), (2, 3_000_000_000, 4));
    assert!(options.rotate && options.use_tcp && options.trust_ad && options.no_tld_query && config.one_by_one);
    assert_eq!((options.edns, options.search.len()), (Some(1232), 2));
    assert_eq!(config.all_servers().next().unwrap().to_string(), "[fe80::1%1]:53");
}

#[cfg(feature = "async")]
#[test]
fn hosts_have_their_addresses_in_the_order_of_the_file() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let [udp, _] = ev
        .dns_server("127.0.0.1:0", |cx, query| {
            let asked = query.rtype();
            cx.state().push(format!("asked for {asked}"));
            for n in 1..=2 {
                match asked {
                    rtype::A => query.answer(Duration::from_secs(5), [192, 0, n, 1].into()),
                    _ => query.answer(Duration::from_secs(5), [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)].into()),
                }
            }
            rcode::NOERROR
        })
        .unwrap();
    let server = address(&mut ev, udp);
    let hosts = b"192.0.1.9 listed.example\n192.0.2.9 listed.example";
    let sorted = Config::new().server(server).hosts(hosts).resolv_conf(b"sortlist 192.0.2.0");
    let sorted = ev.resolver(sorted).unwrap();
    let single = Config::new().server(server).resolv_conf(b"options no-aaaa");
    let single = ev.resolver(single).unwrap();
    sorted.lookup_host(&mut ev, "host.example", move |cx, found| {
        cx.state().sort();
        cx.state().push(format!("{found:?}"));
        sorted.lookup_host(cx, "listed.example", move |cx, found| {
            cx.state().push(format!("{found:?}"));
            single.lookup_host(cx, "host.example", |cx, found| {
                cx.state().push(format!("{found:?}"));
                cx.exit();
            });
        });
    });
    ev.run().unwrap();
    let want = [
        "asked for 1",
        "asked for 28",
        "Ok([2001:db8::1, 2001:db8::2, 192.0.2.1, 192.0.1.1])",
        "Ok([192.0.2.9, 192.0.1.9])",
        "asked for 1",
        "Ok([192.0.1.1, 192.0.2.1])",
    ];
    assert_eq!(ev.state(), &want);
}

#[test]
fn a_task_connects_by_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let resolver = ev.resolver(Config::new().hosts(b"127.0.0.9 host.example\n127.0.0.1 host.example")).unwrap();
    ev.set_resolver(resolver);
    let cx = ev.task_cx();
    ev.spawn(async move {
        let good = cx.connect(("host.example", port)).await.map(|_| ()).map_err(|_| ());
        let bad = cx.connect("none..example:80").await.map(|_| ()).map_err(|_| ());
        cx.with(|cx| cx.state().push(format!("{good:?} {bad:?}")));
    });
    ev.run().unwrap();
    assert_eq!(ev.state(), &["Ok(()) Err(())"]);
}

/// Queries over UDP and TCP that are answered in another turn, and one that never is.
#[test]
fn late_answers_are_sent() {
    let mut ev = EventLoop::with_config(LoopConfig::new(), Vec::new()).unwrap();
    let [udp, _] = ev
        .dns_server("127.0.0.1:0", |cx, query| {
            let query = query.defer();
            if query.name().labels().next().is_some_and(|label| label.eq_ignore_ascii_case(b"drop")) {
                return rcode::NOERROR;
            }
            let mut query = Some(query);
            cx.timer(Duration::from_millis(1), move |cx| {
                let mut query = query.take().unwrap();
                query.answer(Duration::from_secs(5), [10, 0, 0, 1].into());
                query.respond(cx, rcode::NOERROR);
            });
            rcode::REFUSED
        })
        .unwrap();
    let server = address(&mut ev, udp);
    for tcp in [false, true] {
        let resolver = ev.resolver(Config::new().server(server).tcp_only(tcp)).unwrap();
        resolver.lookup(&mut ev, "a.example", rtype::A, None, |cx, answer| {
            cx.state().push(format!("{:?}", answer.map(|answer| answer.addresses().count())));
        });
        let soon = Some(Duration::from_millis(50));
        resolver.lookup(&mut ev, "drop.example", rtype::A, soon, |cx, answer| {
            cx.state().push(format!("{:?}", answer.map(|answer| answer.addresses().count())));
            cx.exit();
        });
        ev.run().unwrap();
        assert_eq!(ev.state(), &["Ok(1)", "Err(Timeout)"]);
        ev.state_mut().clear();
    }
}

/// Look-ups of hosts end by themselves and by the clock; what is cancelled asks no more and keeps no loop.
#[test]
fn look_ups_of_hosts_are_cancelled_and_have_a_deadline() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = silent.local_addr().unwrap();
    let mut ev = EventLoop::with_config(LoopConfig::new().clock(Clock::Virtual), Vec::new()).unwrap();
    let before = ev.now();
    let config = || Config::new().server(server);
    for config in [config(), config().resolv_conf(b"options single-request"), config().resolv_conf(b"options no-aaaa")]
    {
        let resolver = ev.resolver(config.hosts(b"192.0.2.1 printer")).unwrap();
        for host in ["host.example", "printer"] {
            let lookup = resolver.lookup_host(&mut ev, host, |_cx, _found| unreachable!());
            assert!(lookup.cancel(&mut ev) && !lookup.cancel(&mut ev));
        }
    }
    ev.run().unwrap();
    assert!(ev.now() - before < Duration::from_secs(1));
    let resolver = ev.resolver(config().deadline(Duration::from_secs(1))).unwrap();
    let lookup = resolver.lookup_host(&mut ev, "host.example", |cx, found| cx.state().push(format!("{found:?}")));
    ev.run().unwrap();
    assert_eq!(ev.state(), &["Err(Timeout)"]);
    assert!(!lookup.cancel(&mut ev));
    let took = ev.now() - before;
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(2), "{took:?}");
}

/// A hundred clients over TCP are served, and not one more.
#[test]
fn clients_over_tcp_are_capped() {
    use std::io::{Read, Write};
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let [udp, _tcp] = ev.dns_server("127.0.0.1:0", |_cx, _query| rcode::NXDOMAIN).unwrap();
    let (server, handle) = (address(&mut ev, udp), ev.handle());
    let clients = std::thread::spawn(move || {
        let mut clients: Vec<std::net::TcpStream> =
            (0..101).map(|_| std::net::TcpStream::connect(server).unwrap()).collect();
        let one_more = clients.pop().map(|mut last| last.read(&mut [0; 1]));
        let mut reply = [0; 21];
        clients[99].write_all(b"\0\x13\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01").unwrap();
        clients[99].read_exact(&mut reply).unwrap();
        handle.stop();
        (one_more.unwrap().unwrap_or(0), reply[5] & 15)
    });
    ev.run().unwrap();
    assert_eq!(clients.join().unwrap(), (0, 3));
}
