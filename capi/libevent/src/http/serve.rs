//! A server's connections: from the machine's steps to requests and callbacks.

use super::calls::{self, what};
use super::connection::{self, server_machine as machine, state};
use super::objects::{Role, Verbs, evhttp, evhttp_connection};
use super::server;
use super::{client, reply, request, uri};
use crate::abi::bufferevent::bufferevent;
use crate::http::abi::{bit, evhttp_ext_method, evhttp_request, flag, kind};
use core::ffi::{c_char, c_int, c_short};
use core::{mem, ptr};
use evoxide_ffi::cstr;
use evoxide_proto::http::head::is_absolute;
use evoxide_proto::http::server::{After, CONTINUE};
use evoxide_proto::http::{Fault, Method, Server, Step, framing};
use libc::sockaddr;

static VERBS: Verbs = Verbs { drive, written, connected, ended, abandon, stop: unregister };

/// A server's connection is never connecting.
unsafe fn connected(_: *mut evhttp_connection) {}

/// Takes a connection up. `false`: no memory; the bufferevent stays the caller's.
///
/// # Safety
/// All of them live.
pub(super) unsafe fn accept(
    http: *mut evhttp,
    bev: *mut bufferevent,
    peer: *const sockaddr,
    len: c_int,
    foreign: bool,
) -> bool {
    // SAFETY: all of them live, as promised.
    unsafe {
        let c = connection::create((*http).base, Role::Server(Server::new()), &VERBS);
        if c.is_null() {
            return false;
        }
        (*c).server = http;
        (*c).address = client::sockets::address_text(peer, len, &mut (*c).port);
        (*http).configure(&mut *c);
        (*c).next = (*http).connections;
        (*c).prev = &raw mut (*http).connections;
        if let Some(next) = (*c).next.as_mut() {
            next.prev = &raw mut (*c).next;
        }
        (*http).connections = c;
        (*http).count += 1;
        (*c).bev = bev;
        connection::mark(c, state::CONNECTED, true);
        connection::mark(c, state::FOREIGN, foreign);
        connection::attach(c);
        true
    }
}

/// Takes a connection out of its server's list.
///
/// # Safety
/// The memory of `c` is there.
pub(super) unsafe fn unregister(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise; the server outlives its list.
    unsafe {
        if (*c).prev.is_null() {
            return;
        }
        *(*c).prev = (*c).next;
        if let Some(next) = (*c).next.as_mut() {
            next.prev = (*c).prev;
        }
        (*c).prev = ptr::null_mut();
        (*(*c).server).count -= 1;
    }
}

/// Reads what has come.
///
/// # Safety
/// `c` is entered.
pub(super) unsafe fn drive(c: *mut evhttp_connection) {
    // SAFETY: entered; what a step says lies at the beginning of the input.
    unsafe {
        while !connection::is(c, state::FREED | state::BARE) {
            let input = calls::bufferevent_get_input((*c).bev);
            match connection::step(c) {
                Step::More => return hold_back(c),
                Step::Skip(n) | Step::Trailers(n) | Step::Interim(n) => {
                    calls::evbuffer_drain(input, n);
                }
                Step::Join(n) => {
                    if calls::evbuffer_pullup(input, n as isize).is_null() {
                        return connection::evhttp_connection_free(c);
                    }
                }
                Step::Head(n) => {
                    if !begin(c, n) {
                        return;
                    }
                }
                Step::Body(n) => {
                    if !body(c, n) {
                        return;
                    }
                }
                Step::End => {
                    hand_over(c);
                }
                Step::Closed => return connection::evhttp_connection_free(c),
                // The peer has gone, and nobody took the connection over: nobody would be told.
                Step::Upgraded if connection::is(c, state::EOF) && !connection::is_taken_over(c) => {
                    return connection::evhttp_connection_free(c);
                }
                Step::Upgraded => return hold_back(c),
                Step::Fault(fault) => return refuse(c, fault),
            }
        }
    }
}

/// Stops reading where too much is held, and goes on where it is not.
unsafe fn hold_back(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` lives and has a bufferevent.
    unsafe {
        if connection::is_taken_over(c) {
            return;
        }
        let held = calls::evbuffer_get_length(calls::bufferevent_get_input((*c).bev));
        let holds = held > 0 && machine(c).holds_back(held, &connection::limits(c));
        if holds != connection::is(c, state::HELD) {
            connection::mark(c, state::HELD, holds);
            if holds {
                calls::bufferevent_disable((*c).bev, what::READ);
            } else {
                calls::bufferevent_enable((*c).bev, what::READ);
            }
        }
    }
}

/// A new request of a connection; null without memory, or where the program does not want it.
unsafe fn new_request(c: *mut evhttp_connection) -> *mut evhttp_request {
    // SAFETY: the caller's promise: `c` is entered and lives.
    unsafe {
        let mut req = (*(*c).server).spares.take();
        if req.is_null() {
            req = request::evhttp_request_new(None, ptr::null_mut());
            if req.is_null() {
                return req;
            }
        }
        (*req).flags |= flag::OWN_CONNECTION;
        (*req).kind = kind::REQUEST;
        (*req).remote_port = (*c).port;
        if let Some(address) = cstr::bytes((*c).address)
            && !request::set_text_spared(&raw mut (*req).remote_host, &mut request::spare(req).remote_host, address)
        {
            request::release(req);
            return ptr::null_mut();
        }
        connection::push(c, req);
        if let Some(callback) = (*(*c).server).newreqcb {
            request::hold(req);
            let refused = callback(req, (*(*c).server).newreqarg) == -1;
            let lives = request::unhold(req);
            if !lives || connection::is(c, state::FREED) {
                return ptr::null_mut();
            }
            if refused {
                connection::evhttp_connection_free(c);
                return ptr::null_mut();
            }
        }
        req
    }
}

/// What a method's name means to a server: its bit, or 0.
unsafe fn method_bit(http: *mut evhttp, name: &[u8]) -> u32 {
    if let Some(index) = Method::of(name).index() {
        return 1 << index;
    }
    // SAFETY: the caller's promise: the server lives; the program's function gets a string.
    unsafe {
        let Some(compare) = (*http).ext_cmp else { return 0 };
        let text = evoxide_ffi::mm::strdup_bytes(name);
        if text.is_null() {
            return 0;
        }
        let mut method = evhttp_ext_method { method: text, type_: 0, flags: 0 };
        let known = compare(&mut method) == 0;
        evoxide_ffi::mm::free(text.cast());
        if known { method.type_ } else { 0 }
    }
}

/// A head has come: makes a request of it. `false`: nothing more is to be read.
unsafe fn begin(c: *mut evhttp_connection, n: usize) -> bool {
    // SAFETY: `c` is entered and lives; the head lies at the beginning of the input until it is drained here.
    unsafe {
        connection::mark(c, state::LINGERING, false);
        // The time-out of the head is over, whoever has the bufferevent next.
        connection::set_timeouts_if_headed(c);
        let req = new_request(c);
        if req.is_null() {
            if !connection::is(c, state::FREED) {
                connection::evhttp_connection_free(c);
            }
            return false;
        }
        let input = calls::bufferevent_get_input((*c).bev);
        let mut name = [0u8; 64];
        let (name_len, whole) = crate::buffer::evbuffer::of(input).look(|input| {
            let head = &connection::scratch(c).head;
            let bytes = &input.first()[..n];
            let (method, target) = (head.method.of_head(bytes), head.target.of_head(bytes));
            let connect = method == b"CONNECT";
            (*req).major = 1;
            (*req).minor = head.minor as c_char;
            let framing = machine(c).framing();
            (*req).ntoread = match framing {
                framing::Framing::Length(n) => i64::try_from(n).unwrap_or(i64::MAX),
                // As in the original.
                _ if method == b"HEAD"
                    || head.values(bytes, b"content-length").next().is_some()
                    || head.lists(bytes, b"connection", b"keep-alive") =>
                {
                    0
                }
                _ => -1,
            };
            if framing == framing::Framing::Chunked {
                (*req).bits |= bit::CHUNKED;
            }
            if is_absolute(target) {
                (*req).flags |= flag::PROXY;
            }
            let spare = request::spare(req);
            (*req).uri_elems = uri::of_target(target, connect, mem::replace(&mut spare.elems, ptr::null_mut()));
            let whole = request::set_text_spared(&raw mut (*req).uri, &mut spare.uri, target)
                && request::take_fields(req, head, bytes);
            let len = method.len().min(name.len());
            name[..len].copy_from_slice(&method[..len]);
            // A name too long for the array is none of those known.
            (if method.len() > name.len() { 0 } else { len }, whole)
        });
        calls::evbuffer_drain(input, n);
        if !whole {
            connection::evhttp_connection_free(c);
            return false;
        }
        let bit = method_bit((*c).server, &name[..name_len]);
        (*req).type_ = bit;
        if (*req).uri_elems.is_null() {
            machine(c).reject();
            reply::fail(req, 400);
            return false;
        }
        if bit == 0 || bit < 1 << 16 && (*(*c).server).allowed & bit == 0 {
            machine(c).reject();
            reply::fail(req, 501);
            return false;
        }
        if let Some(callback) = (*req).header_cb {
            request::hold(req);
            let refused = callback(req, (*req).cb_arg) < 0;
            if !request::unhold(req) || connection::is(c, state::FREED) {
                return false;
            }
            if refused {
                connection::evhttp_connection_free(c);
                return false;
            }
        }
        if machine(c).take_expectation()
            && calls::evbuffer_add(calls::bufferevent_get_output((*c).bev), CONTINUE.as_ptr().cast(), CONTINUE.len())
                < 0
        {
            // The peer would wait.
            connection::evhttp_connection_free(c);
            return false;
        }
        true
    }
}

/// A piece of the body. `false`: nothing more is to be read.
unsafe fn body(c: *mut evhttp_connection, n: usize) -> bool {
    // SAFETY: `c` is entered and lives; the piece lies at the beginning of the input.
    unsafe {
        let input = calls::bufferevent_get_input((*c).bev);
        let req = (*c).first;
        if req.is_null() || connection::is(c, state::LINGERING) || machine(c).is_answered() {
            calls::evbuffer_drain(input, n);
            return true;
        }
        (*req).body_size += n;
        if (*req).ntoread >= 0 {
            (*req).ntoread -= n as i64;
        }
        if (*req).body_size as u64 > (*c).max_body {
            // Told when all of it has come.
            connection::mark(c, state::LINGERING, true);
            calls::evbuffer_drain(input, n);
            calls::evbuffer_drain((*req).input_buffer, usize::MAX);
            return true;
        }
        if calls::evbuffer_remove_buffer(input, (*req).input_buffer, n) < 0 {
            connection::evhttp_connection_free(c);
            return false;
        }
        let Some(callback) = (*req).chunk_cb else { return true };
        request::hold(req);
        callback(req, (*req).cb_arg);
        calls::evbuffer_drain((*req).input_buffer, usize::MAX);
        request::unhold(req) && !connection::is(c, state::FREED | state::BARE)
    }
}

/// The request is whole: it goes to the program.
unsafe fn hand_over(c: *mut evhttp_connection) {
    // SAFETY: `c` is entered and lives; the request is held while the program has it.
    unsafe {
        let req = (*c).first;
        if req.is_null() || machine(c).is_answered() {
            return;
        }
        if (*req).ntoread > 0 || (*req).bits & bit::CHUNKED != 0 {
            (*req).ntoread = 0;
        }
        connection::mark(c, state::HANDED, true);
        if connection::is(c, state::LINGERING) {
            return reply::fail(req, Fault::BodyTooLong.status().into());
        }
        if let Some(callback) = (*req).cb {
            callback(req, (*req).cb_arg);
            return;
        }
        server::dispatch((*c).server, req);
    }
}

/// A request is refused: answers with an error where there is somebody to read it.
unsafe fn refuse(c: *mut evhttp_connection, fault: Fault) {
    // SAFETY: `c` is entered and lives.
    unsafe {
        if fault == Fault::Truncated {
            return connection::evhttp_connection_free(c);
        }
        if machine(c).is_answered() {
            // It closes once the answer has left.
            return;
        }
        let mut req = (*c).first;
        if req.is_null() {
            req = new_request(c);
            if req.is_null() {
                if !connection::is(c, state::FREED) {
                    connection::evhttp_connection_free(c);
                }
                return;
            }
            (*req).major = 1;
            (*req).minor = machine(c).minor() as c_char;
        }
        reply::fail(req, fault.status().into());
    }
}

/// Everything that was written has left.
///
/// # Safety
/// `c` is entered and lives.
pub(super) unsafe fn written(c: *mut evhttp_connection) {
    // SAFETY: `c` is entered and lives, as promised.
    unsafe {
        let req = (*c).first;
        if !machine(c).is_finished() || calls::evbuffer_get_length(calls::bufferevent_get_output((*c).bev)) > 0 {
            return;
        }
        if req.is_null() {
            // The program freed the request behind its answer.
            return proceed(c);
        }
        if let Some(callback) = (*req).on_complete_cb {
            request::hold_unseen(req);
            callback(req, (*req).on_complete_cb_arg);
            (*req).bits &= !bit::HELD;
            if connection::is(c, state::FREED) || (*c).first != req {
                if (*req).flags & flag::NEEDS_FREE != 0 {
                    request::release(req);
                }
                if !connection::is(c, state::FREED) && machine(c).is_finished() {
                    proceed(c);
                }
                return;
            }
        }
        connection::unlink(c, req);
        (*req).evcon = ptr::null_mut();
        connection::mark(c, state::HANDED, false);
        request::recycle(req, &mut (*(*c).server).spares);
        proceed(c);
    }
}

/// The answer has left: goes on with the next request, or ends.
unsafe fn proceed(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` is entered and lives.
    unsafe {
        match machine(c).proceed() {
            After::Close => connection::evhttp_connection_free(c),
            // What is held is the program's, which reads on when it has taken the bufferevent.
            After::Upgraded if connection::is(c, state::HELD) => {
                connection::mark(c, state::HELD, false);
                calls::bufferevent_enable((*c).bev, what::READ);
            }
            After::Upgraded if connection::is(c, state::EOF) => connection::drive(c),
            After::Upgraded => {}
            After::Next => {
                connection::set_timeouts_if_headed(c);
                connection::drive(c);
            }
        }
    }
}

/// The connection ended, or had an error or a time-out.
///
/// # Safety
/// `c` is entered and lives.
pub(super) unsafe fn ended(c: *mut evhttp_connection, what: c_short) {
    // SAFETY: `c` is entered and lives, as promised.
    unsafe {
        let thinking = connection::is(c, state::HANDED) && !machine(c).is_answered();
        let reading = what & what::READING != 0 && what & what::TIMEOUT == 0;
        if reading && thinking {
            // The answer may still be read by a peer that only closed its half; if not, writing will tell.
            connection::mark(c, state::EOF, true);
            return;
        }
        if what & what::EOF != 0 && reading {
            connection::mark(c, state::EOF, true);
            let finished = !(*c).first.is_null() && (*(*c).first).bits & bit::USERDONE != 0;
            if finished {
                return;
            }
            if !machine(c).is_answered() {
                return connection::drive(c);
            }
        }
        connection::evhttp_connection_free(c);
    }
}

/// The program freed the request that was to be answered.
///
/// # Safety
/// `c` lives.
pub(super) unsafe fn abandon(c: *mut evhttp_connection) {
    // SAFETY: `c` lives, as promised.
    unsafe {
        // What was answered leaves; the rest nobody can write any more.
        if !connection::is(c, state::FREED) && !machine(c).is_finished() {
            connection::evhttp_connection_free(c);
        }
    }
}

/// Whether the program made the bufferevent of a request's connection.
///
/// # Safety
/// `req` lives.
pub(crate) unsafe fn is_foreign(req: *mut evhttp_request) -> bool {
    // SAFETY: `req` lives, and so does its connection, if it has one.
    unsafe { (*req).evcon.is_null() || connection::is((*req).evcon, state::FOREIGN) }
}

/// The server of a request's connection, or null.
///
/// # Safety
/// `req` lives.
pub(crate) unsafe fn server_of(req: *mut evhttp_request) -> *mut evhttp {
    // SAFETY: `req` lives, and so does its connection, if it has one.
    unsafe { (*req).evcon.as_ref().map_or(ptr::null_mut(), |c| c.server) }
}

/// Hands a connection over to another protocol: answers with `status` and the request's output headers, and gives the bufferevent
/// away, without callbacks, with what has come behind the request in its input. Request and connection are gone. Null, with everything as it was, where the
/// client asked for no upgrade; null, with both gone, without memory.
///
/// # Safety
/// `req` is in its server callback.
pub(crate) unsafe fn upgrade(req: *mut evhttp_request, status: u16) -> *mut bufferevent {
    // SAFETY: `req` is in its server callback, as promised.
    unsafe {
        let c = (*req).evcon;
        if c.is_null() || (*c).server.is_null() || !machine(c).wants_upgrade() || machine(c).is_answered() {
            return ptr::null_mut();
        }
        (*req).response_code = status.into();
        connection::enter(c);
        reply::send(req, (*req).output_buffer);
        if connection::is(c, state::FREED | state::CUT) || (*c).bev.is_null() {
            connection::evhttp_connection_free(c);
            connection::leave(c);
            return ptr::null_mut();
        }
        connection::leave(c);
        let bev = (*c).bev;
        calls::bufferevent_setcb(bev, None, None, None, ptr::null_mut());
        calls::bufferevent_set_timeouts(bev, ptr::null(), ptr::null());
        connection::mark(c, state::BARE, true);
        connection::mark(c, state::CONNECTED, false);
        (*c).bev = ptr::null_mut();
        connection::mark(c, state::HANDED, false);
        connection::evhttp_connection_free(c);
        bev
    }
}
