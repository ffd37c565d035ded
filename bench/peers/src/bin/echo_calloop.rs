//! Echo on calloop: edge-triggered, one shared 64 KiB read buffer, a backlog per connection.
use calloop::generic::Generic;
use calloop::{EventLoop, Interest, LoopHandle, Mode, PostAction};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

struct State {
    handle: LoopHandle<'static, State>,
    buf: Vec<u8>,
}

/// Returns false when the connection is finished.
fn serve(mut s: &TcpStream, out: &mut Vec<u8>, buf: &mut [u8]) -> bool {
    loop {
        while !out.is_empty() {
            match s.write(out) {
                Ok(n) => drop(out.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        let n = match s.read(buf) {
            Ok(0) => return false,
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        };
        let sent = match s.write(&buf[..n]) {
            Ok(w) => w,
            Err(e) if e.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return false,
        };
        if sent < n {
            out.extend_from_slice(&buf[sent..n]);
        } else if n < buf.len() {
            return true; // a short read empties the socket: the next edge will tell
        }
    }
}

fn open(state: &mut State, s: TcpStream) {
    let _ = s.set_nodelay(true);
    s.set_nonblocking(true).unwrap();
    let mut out = Vec::new();
    let source = Generic::new(s, Interest::BOTH, Mode::Edge);
    let serve = move |_, s: &mut calloop::generic::NoIoDrop<TcpStream>, state: &mut State| {
        Ok(if serve(s, &mut out, &mut state.buf) { PostAction::Continue } else { PostAction::Remove })
    };
    let _ = state.handle.insert_source(source, serve);
}

fn main() {
    let mut event_loop: EventLoop<'static, State> = EventLoop::try_new().unwrap();
    let handle = event_loop.handle();
    let listener = Generic::new(bench_peers::listener(), Interest::READ, Mode::Level);
    let accept = |_, listener: &mut calloop::generic::NoIoDrop<std::net::TcpListener>, state: &mut State| {
        while let Ok((s, _)) = listener.accept() {
            open(state, s);
        }
        Ok(PostAction::Continue)
    };
    handle.insert_source(listener, accept).unwrap();
    let mut state = State { handle, buf: vec![0; 64 * 1024] };
    event_loop.run(None, &mut state, |_| {}).unwrap();
}
