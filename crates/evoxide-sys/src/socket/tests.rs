use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

use evoxide_core::interest::{Change, Interest, Ready};

use super::*;
use crate::backend::{Backend, Method, Options};
use crate::io::{is_cloexec, is_nonblocking, read, write};

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

fn loopback() -> Addr {
    Addr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// Waits until the descriptor is ready for that.
fn wait(fd: impl AsFd, interest: Interest) -> Ready {
    let mut backend = Backend::new(Method::Poll, Options::default()).unwrap();
    let mut waiter = backend.waiter();
    let fd = fd.as_fd().as_raw_fd();
    backend.apply(&Change { fd, serial: 1, old: Interest::empty(), new: interest }).unwrap();
    backend.prepare(&mut waiter).unwrap();
    waiter.wait(None).unwrap();
    waiter.reports().next().unwrap().ready
}

#[test]
fn a_connection() {
    let listening = listener(&loopback(), 8).unwrap();
    assert!(sockopt::socket_acceptconn(&listening).unwrap());
    assert!(is_nonblocking(&listening).unwrap() && is_cloexec(&listening).unwrap());
    assert_eq!(errno(accept(&listening, Flags::LOOP)), libc::EAGAIN);
    let addr = local_addr(&listening).unwrap();

    let client = connector(&addr).unwrap();
    wait(&client, Interest::WRITE);
    assert!(finished_connecting(&client).unwrap());
    wait(&listening, Interest::READ);
    let (server, peer) = accept(&listening, Flags { nonblocking: false, cloexec: true }).unwrap();
    assert!(!is_nonblocking(&server).unwrap() && is_cloexec(&server).unwrap());
    assert_eq!(peer.unwrap(), local_addr(&client).unwrap());
    assert_eq!(peer_addr(&client).unwrap().unwrap(), addr);
    assert_eq!(family(&server).unwrap(), libc::AF_INET);

    set_no_delay(&client, true).unwrap();
    set_keepalive(&client, true).unwrap();
    set_tcp_keepalive(&client, Duration::from_secs(30)).unwrap();
    set_tcp_keepalive(&client, Duration::ZERO).unwrap();
    assert_eq!(errno(set_tcp_keepalive(&client, Duration::from_secs(1 << 20))), libc::EINVAL);

    assert_eq!(write(&client, b"hi").unwrap(), 2);
    shutdown(&client, Shutdown::Write).unwrap();
    let mut bytes = [0; 4];
    assert_eq!(read(&server, &mut bytes).unwrap(), 2);
    assert_eq!(read(&server, &mut bytes).unwrap(), 0);
    shutdown(&client, Shutdown::Read).unwrap();
    shutdown(&server, Shutdown::Both).unwrap();
    assert!(take_error(&client).unwrap().is_none());
}

#[test]
fn a_connection_refused() {
    let listening = listener(&loopback(), 1).unwrap();
    let addr = local_addr(&listening).unwrap();
    drop(listening);
    let result = connector(&addr).and_then(|client| {
        wait(&client, Interest::WRITE);
        finished_connecting(&client)
    });
    assert_eq!(errno(result), libc::ECONNREFUSED);
    let in_progress = io::Error::from_raw_os_error(libc::EINPROGRESS);
    assert!(is_connecting(&in_progress));
    assert!(!is_connecting(&io::Error::from_raw_os_error(libc::ECONNREFUSED)));
}

#[test]
fn local_sockets() {
    let path = std::env::temp_dir().join(format!("evoxide-sys-{}.sock", std::process::id()));
    let addr = Addr::unix(&path).unwrap();
    let listening = listener(&addr, 1).unwrap();
    assert_eq!(local_addr(&listening).unwrap().to_path(), Some(path.as_path()));
    assert_eq!(errno(listener(&addr, 1)), libc::EADDRINUSE);
    let client = connector(&addr).unwrap();
    let (server, peer) = accept(&listening, Flags::LOOP).unwrap();
    assert_eq!(peer.unwrap().to_path(), None);
    assert_eq!(peer_addr(&client).unwrap().unwrap().family(), libc::AF_UNIX);
    std::fs::remove_file(&path).unwrap();
    drop(server);
    assert_eq!(errno(set_no_delay(&client, true)), libc::EOPNOTSUPP);
    assert_eq!(errno(Addr::unix("x".repeat(200))), libc::ENAMETOOLONG);
    assert_eq!(errno(Addr::unix("a\0b")), libc::EINVAL);
}

#[test]
fn datagrams() {
    let ours = datagram(&loopback(), Flags::LOOP).unwrap();
    let theirs = datagram(&loopback(), Flags::LOOP).unwrap();
    bind(&ours, &loopback()).unwrap();
    bind(&theirs, &loopback()).unwrap();
    let mut bytes = [0; 8];
    assert_eq!(errno(recv_from(&ours, &mut bytes)), libc::EAGAIN);
    assert_eq!(send_to(&theirs, b"data", &local_addr(&ours).unwrap()).unwrap(), 4);
    wait(&ours, Interest::READ);
    let (len, from) = recv_from(&ours, &mut bytes).unwrap();
    assert_eq!((&bytes[..len], from.unwrap()), (&b"data"[..], local_addr(&theirs).unwrap()));
}

#[test]
fn pairs_with_the_numbers_of_c() {
    let flags = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let (ours, theirs) = pair(libc::AF_UNIX, flags, 0).unwrap();
    assert!(is_nonblocking(&ours).unwrap() && is_cloexec(&theirs).unwrap());
    let (ours, theirs) = pair(libc::AF_UNIX, libc::SOCK_DGRAM, 0).unwrap();
    assert!(!is_nonblocking(&ours).unwrap() && !is_cloexec(&theirs).unwrap());
    assert_eq!(errno(pair(libc::AF_INET, libc::SOCK_STREAM, 0)), libc::EOPNOTSUPP);
    assert_eq!(errno(pair(-1, libc::SOCK_STREAM, 0)), libc::EAFNOSUPPORT);
}

#[test]
fn sockets_that_cannot_be() {
    assert_eq!(errno(socket(-1, libc::SOCK_STREAM, 0)), libc::EAFNOSUPPORT);
    assert_eq!(errno(socket(70_000, libc::SOCK_STREAM, 0)), libc::EAFNOSUPPORT);
    assert_eq!(errno(socket(libc::AF_INET, 77, 0)), libc::EINVAL);
    assert_eq!(errno(socket(libc::AF_INET, libc::SOCK_STREAM, 250)), libc::EPROTONOSUPPORT);
    assert_eq!(errno(socket(libc::AF_INET, libc::SOCK_STREAM, -1)), libc::EINVAL);
    assert!(socket(libc::AF_INET6, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, libc::IPPROTO_UDP).is_ok());
}

#[test]
fn options_before_binding() {
    let any = Addr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
    let socket = stream(&any, Flags::LOOP).unwrap();
    for on in [true, false] {
        set_reuse_addr(&socket, on).unwrap();
        set_reuse_port(&socket, on).unwrap();
        set_v6_only(&socket, on).unwrap();
        set_defer_accept(&socket, on).unwrap();
    }
    set_v6_only(&socket, true).unwrap();
    bind(&socket, &any).unwrap();
    assert_eq!(errno(set_v6_only(&socket, false)), libc::EINVAL);
    set_recv_buffer_size(&socket, 20_000).unwrap();
    set_send_buffer_size(&socket, 20_000).unwrap();
    assert!(sockopt::socket_recv_buffer_size(&socket).unwrap() >= 20_000);
    assert!(sockopt::socket_send_buffer_size(&socket).unwrap() >= 20_000);
    assert!(!sockopt::socket_acceptconn(&socket).unwrap());
    assert_eq!(errno(peer_addr(&socket)), libc::ENOTCONN);
    assert_eq!(errno(shutdown(&socket, Shutdown::Both)), libc::ENOTCONN);
}

#[test]
fn what_is_no_socket() {
    let (reader, _writer) = crate::io::pipe(true).unwrap();
    let no_socket = reader.as_raw_fd();
    for (fd, expected) in [(-1, libc::EBADF), (i32::MAX, libc::EBADF), (no_socket, libc::ENOTSOCK)] {
        assert_eq!(errno(bind(fd, &loopback())), expected);
        assert_eq!(errno(listen(fd, 1)), expected);
        assert_eq!(errno(accept(fd, Flags::LOOP)), expected);
        assert_eq!(errno(connect(fd, &loopback())), expected);
        assert_eq!(errno(finished_connecting(fd)), expected);
        assert_eq!(errno(take_error(fd)), expected);
        assert_eq!(errno(shutdown(fd, Shutdown::Both)), expected);
        assert_eq!(errno(local_addr(fd)), expected);
        assert_eq!(errno(peer_addr(fd)), expected);
        assert_eq!(errno(recv_from(fd, &mut [0])), expected);
        assert_eq!(errno(send_to(fd, b"", &loopback())), expected);
        assert_eq!(errno(family(fd)), expected);
        assert_eq!(errno(set_reuse_addr(fd, true)), expected);
        assert_eq!(errno(set_reuse_port(fd, true)), expected);
        assert_eq!(errno(set_v6_only(fd, true)), expected);
        assert_eq!(errno(set_no_delay(fd, true)), expected);
        assert_eq!(errno(set_keepalive(fd, true)), expected);
        assert_eq!(errno(set_tcp_keepalive(fd, Duration::ZERO)), expected);
        assert_eq!(errno(set_defer_accept(fd, true)), expected);
        assert_eq!(errno(set_recv_buffer_size(fd, 1)), expected);
        assert_eq!(errno(set_send_buffer_size(fd, 1)), expected);
    }
}

#[test]
fn addresses() {
    for text in ["127.0.0.1:80", "[::1]:443", "[fe80::1%3]:9"] {
        let inet: SocketAddr = text.parse().unwrap();
        let addr = Addr::from(inet);
        assert_eq!(addr.to_inet(), Some(inet));
        assert_eq!(addr.to_path(), None);
        assert_eq!(format!("{addr:?}"), text);
        let again = Addr::from_bytes(addr.as_bytes()).unwrap();
        assert_eq!(again, addr);
        assert_eq!(again.family(), if inet.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 });
    }
    // What only the kernel can judge.
    let short = Addr::from_bytes(&(libc::AF_INET as u16).to_ne_bytes()).unwrap();
    assert_eq!(short.to_inet(), None);
    assert_eq!(errno(bind(&datagram(&loopback(), Flags::LOOP).unwrap(), &short)), libc::EINVAL);
    for family in [libc::AF_INET6, libc::AF_UNIX] {
        let addr = Addr::from_bytes(&(family as u16).to_ne_bytes()).unwrap();
        assert_eq!((addr.to_inet(), addr.to_path()), (None, None));
        assert_eq!(format!("{addr:?}"), format!("Addr {{ family: {family}, len: 2 }}"));
    }
    // Abstract names, and paths without a zero at the end.
    let mut bytes = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    bytes.extend_from_slice(b"/no/end");
    assert_eq!(Addr::from_bytes(&bytes).unwrap().to_path(), Some(std::path::Path::new("/no/end")));
    bytes[2] = 0;
    assert_eq!(Addr::from_bytes(&bytes).unwrap().to_path(), None);
    assert_eq!(errno(Addr::from_bytes(&[])), libc::EINVAL);
    assert_eq!(errno(Addr::from_bytes(&[0; 200])), libc::EINVAL);
}
