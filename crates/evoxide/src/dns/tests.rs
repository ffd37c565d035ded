use super::*;
use crate::config::Config as LoopConfig;
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
            let asked = format!("{} {}", query.name(), query.rtype());
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
    assert!(ev.state().iter().any(|asked| asked.starts_with("host.example")), "{:?}", ev.state());
}
