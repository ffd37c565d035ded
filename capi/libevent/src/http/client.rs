//! A client's connections: connecting, sending requests one after the other, reading answers.

mod options;
#[cfg(test)]
pub(super) use options::evhttp_connection_base_bufferevent_reuse_new;
pub(super) mod sockets;

use alloc::vec::Vec;

use super::calls::{self, what};
use super::connection::{self, option, state};
use super::objects::{Role, Verbs, evhttp_connection};
use super::{keyval, request};
use crate::http::abi::{bit, error, evhttp_ext_method, evhttp_request, flag, kind};
use core::ffi::{c_char, c_int, c_short, c_uint, c_void};
use core::{mem, ptr};
use evoxide_ffi::cstr;
use evoxide_proto::http::framing::{self, Framing};
use evoxide_proto::http::write::{self, Additions, Ambient, BodyMode, Decimal, Plan};
use evoxide_proto::http::{Client, Fault, Method, Step, head};
use libc::timeval;

static VERBS: Verbs = Verbs { drive, written, connected, ended, abandon, stop };

const RETRY_DELAY: timeval = timeval { tv_sec: 2, tv_usec: 0 };
/// The longest delay between tries.
const LONGEST_DELAY: i64 = 3600;

/// Ends what a client has under way.
///
/// # Safety
/// The memory of `c` is there.
pub(super) unsafe fn stop(c: *mut evhttp_connection) {
    // SAFETY: the memory of `c` is there, as promised.
    unsafe {
        if let Some(part) = (*c).client.as_mut()
            && !part.timer.is_null()
        {
            calls::event_del(part.timer);
        }
    }
}

unsafe fn machine<'a>(c: *mut evhttp_connection) -> &'a mut Client {
    // SAFETY: the caller's promise, as in `serve::machine`.
    match unsafe { &mut (*c).role } {
        Role::Client(machine) => machine,
        Role::Server(_) => unreachable!("only connections without a server come here"),
    }
}

/// Sends a request, now or after those before it. On failure it is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_make_request(
    evcon: *mut evhttp_connection,
    req: *mut evhttp_request,
    method: c_uint,
    uri: *const c_char,
) -> c_int {
    let c = evcon;
    // SAFETY: the caller passes a client's connection, a request and a string.
    unsafe {
        (*req).kind = kind::REQUEST;
        (*req).type_ = method;
        // It may be the request's own string.
        let set = request::set_text(&raw mut (*req).uri, cstr::bytes(uri).unwrap_or(&[]));
        if (*c).client.is_null() || !set || !is_writable(c, req, cstr::bytes((*req).uri).unwrap_or(&[])) {
            request::release_unowned(req);
            return -1;
        }
        if (*req).major == 0 && (*req).minor == 0 {
            (*req).major = 1;
            (*req).minor = 1;
        }
        (*req).flags &= !flag::OWN_CONNECTION;
        connection::push(c, req);
        connection::enter(c);
        if !connection::is(c, state::CONNECTED | state::CONNECTING | state::RETRYING) {
            if connect(c) != 0 && !connection::is(c, state::FREED) && (*c).first == req {
                connection::unlink(c, req);
                (*req).evcon = ptr::null_mut();
                request::release_unowned(req);
                connection::leave(c);
                return -1;
            }
        } else if connection::is(c, state::CONNECTED) && !connection::is(c, state::DISPATCHED) {
            dispatch(c);
        }
        connection::leave(c);
    }
    0
}

/// The name of a request's method, in `name`; empty where it has none.
unsafe fn method_name(c: *mut evhttp_connection, method: c_uint, name: &mut Vec<u8>) {
    name.clear();
    if method.is_power_of_two()
        && let Some(known) = Method::from_index(method.trailing_zeros())
    {
        return name.extend_from_slice(known.name());
    }
    // SAFETY: the caller's promise: the connection lives; the program's function fills in the struct.
    unsafe {
        if let Some(compare) = (*(*c).client).ext_cmp {
            let mut ext = evhttp_ext_method { method: ptr::null(), type_: method, flags: 0 };
            if compare(&mut ext) == 0
                && let Some(text) = cstr::bytes(ext.method)
            {
                name.extend_from_slice(text);
            }
        }
    }
}

/// Whether a request line can be written of it.
unsafe fn is_writable(c: *mut evhttp_connection, req: *mut evhttp_request, target: &[u8]) -> bool {
    let (mut name, mut line) = (Vec::new(), Vec::new());
    // SAFETY: `c` and `req` are null or alive.
    unsafe { method_name(c, (*req).type_, &mut name) };
    write::request_line(&name, target, 1, &mut line).is_ok()
}

/// Cancels a request: its callback does not run.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_cancel_request(req: *mut evhttp_request) {
    // SAFETY: the caller passes a request that has not completed.
    unsafe {
        let c = (*req).evcon;
        if c.is_null() || (*req).tqe_prev.is_null() {
            return request::release_unowned(req);
        }
        let under_way = state::DISPATCHED | state::CONNECTING | state::RETRYING;
        if (*c).first == req && (*c).server.is_null() && connection::is(c, under_way) {
            connection::enter(c);
            fail(c, error::CANCEL);
            connection::leave(c);
            return;
        }
        connection::unlink(c, req);
        (*req).evcon = ptr::null_mut();
        request::release_unowned(req);
    }
}

/// Begins to connect; -1 where nothing can be tried.
unsafe fn connect(c: *mut evhttp_connection) -> c_int {
    // SAFETY: the caller's promise: `c` is entered and lives.
    unsafe {
        let bev = (*c).bev;
        let part = (*c).client;
        if (*c).base.is_null() && bev.is_null() {
            return -1;
        }
        machine(c).reset();
        (*part).write_failed = false;
        connection::mark(c, state::CONNECTING, true);
        calls::bufferevent_setcb(bev, None, None, None, ptr::null_mut());
        super::connection::attach_connecting(c, &(*part).connect_timeout);
        if !(*part).local_address.is_null() || (*part).local_port != 0 {
            let fd = sockets::bound_socket((*part).local_address, (*part).local_port, false);
            if fd < 0 {
                connection::mark(c, state::CONNECTING, false);
                return -1;
            }
            calls::bufferevent_setfd(bev, fd);
        }
        let result = if let Some(path) = cstr::bytes((*part).unix_socket) {
            let mut addr: libc::sockaddr_un = mem::zeroed();
            addr.sun_family = libc::AF_UNIX as libc::sa_family_t;
            if path.len() >= addr.sun_path.len() {
                -1
            } else {
                for (to, from) in addr.sun_path.iter_mut().zip(path) {
                    *to = *from as c_char;
                }
                let len = mem::offset_of!(libc::sockaddr_un, sun_path) + path.len() + 1;
                calls::bufferevent_socket_connect(bev, (&raw const addr).cast(), len as c_int)
            }
        } else if (*c).options & option::REUSE_CONNECTED_ADDR != 0 && (*part).reached_len > 0 {
            calls::bufferevent_socket_connect(bev, (&raw const (*part).reached).cast(), (*part).reached_len as c_int)
        } else {
            let (family, port) = ((*part).family, c_int::from((*c).port));
            calls::bufferevent_socket_connect_hostname(bev, (*part).dns, family, (*c).address, port)
        };
        if result < 0 && connection::is(c, state::CONNECTING) {
            connect_failed(c);
        }
        0
    }
}

/// Connecting failed: tries again later, or gives all requests up.
unsafe fn connect_failed(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` is entered and lives.
    unsafe {
        let part = (*c).client;
        close(c);
        if (*part).retries < 0 || (*part).tried < (*part).retries {
            if (*part).timer.is_null() {
                (*part).timer = calls::event_new((*c).base, -1, 0, Some(on_retry), c.cast());
            }
            let factor = 1i64.checked_shl((*part).tried.min(30) as u32).unwrap_or(1);
            let first = (*part).first_delay;
            let micros = first.tv_sec.saturating_mul(1_000_000).saturating_add(first.tv_usec).saturating_mul(factor);
            let micros = micros.min(LONGEST_DELAY * 1_000_000);
            let delay = timeval { tv_sec: micros / 1_000_000, tv_usec: micros % 1_000_000 };
            if !(*part).timer.is_null() && calls::event_add((*part).timer, &delay) == 0 {
                (*part).tried = (*part).tried.saturating_add(1);
                connection::mark(c, state::RETRYING, true);
                return;
            }
        }
        (*part).tried = 0;
        // Only those that wait now: a callback may make another.
        let mut last = ptr::null_mut();
        let mut req = (*c).first;
        while !req.is_null() {
            last = req;
            req = (*req).tqe_next;
        }
        while !connection::is(c, state::FREED) && !(*c).first.is_null() {
            let req = (*c).first;
            connection::unlink(c, req);
            (*req).evcon = ptr::null_mut();
            if let Some(callback) = (*req).cb {
                request::hold_unseen(req);
                callback(req, (*req).cb_arg);
                if request::unhold_unseen(req) {
                    request::release_unowned(req);
                }
            } else {
                request::release_unowned(req);
            }
            if req == last {
                break;
            }
        }
        completed(c);
    }
}

unsafe extern "C-unwind" fn on_retry(_fd: c_int, _what: c_short, arg: *mut c_void) {
    let c: *mut evhttp_connection = arg.cast();
    // SAFETY: the timer ends with the connection.
    unsafe {
        connection::enter(c);
        connection::mark(c, state::RETRYING, false);
        if !(*c).first.is_null() && connect(c) != 0 {
            connect_failed(c);
        }
        connection::leave(c);
    }
}

/// Frees the connection if it was to go with its last request.
unsafe fn completed(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` is entered.
    unsafe {
        if !connection::is(c, state::FREED) && connection::is(c, state::FREE_ON_COMPLETION) && (*c).first.is_null() {
            connection::evhttp_connection_free(c);
        }
    }
}

/// The connection stands.
///
/// # Safety
/// `c` lives.
pub(super) unsafe fn connected(c: *mut evhttp_connection) {
    // SAFETY: `c` lives, as promised.
    unsafe {
        if !connection::is(c, state::CONNECTING) {
            return;
        }
        connection::enter(c);
        connection::mark(c, state::CONNECTING, false);
        connection::mark(c, state::CONNECTED, true);
        let part = (*c).client;
        (*part).tried = 0;
        (*part).reached_len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        let fd = calls::bufferevent_getfd((*c).bev);
        if (*c).options & option::REUSE_CONNECTED_ADDR == 0
            || libc::getpeername(fd, (&raw mut (*part).reached).cast(), &raw mut (*part).reached_len) != 0
        {
            (*part).reached_len = 0;
        }
        connection::attach(c);
        dispatch(c);
        connection::leave(c);
    }
}

/// Sends the first request.
unsafe fn dispatch(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` is entered, lives and is connected.
    unsafe {
        let req = (*c).first;
        if req.is_null() {
            return;
        }
        let part = (*c).client;
        let mut name = Vec::new();
        method_name(c, (*req).type_, &mut name);
        let minor = (*req).minor as u8;
        let body = (*req).output_buffer;
        let target = cstr::bytes((*req).uri).unwrap_or(&[]);
        let len = calls::evbuffer_get_length(body) as u64;
        let plan = machine(c).request(Method::of(&name), minor, len, keyval::entries((*req).output_headers));
        let mut line = mem::take(&mut (*part).scratch.out);
        line.clear();
        let mut host = Vec::new();
        host_of(c, target, &mut host);
        let ambient = Ambient { date: b"", content_type: None, host: &host };
        let headers = (*req).output_headers;
        // Programs see what is sent, but for the host, which the original leaves out.
        if plan.drop_length {
            while keyval::remove(headers, b"content-length") {}
        }
        if plan.drop_encoding {
            while keyval::remove(headers, b"transfer-encoding") {}
        }
        let mut whole = true;
        let mut shown = Plan { drop_length: false, drop_encoding: false, add: Additions::default(), ..plan };
        for addition in plan.add.iter() {
            let mut digits = Decimal::new(0);
            if addition == write::Addition::Host {
                shown.add.insert(addition);
            } else if let Some((key, value)) = addition.field(&ambient, &mut digits) {
                whole &= keyval::add(headers, key, value);
            }
        }
        let written = write::request_line(&name, target, minor, &mut line).is_ok();
        if written {
            write::fields(&shown, &ambient, keyval::entries(headers), &mut line);
        }
        connection::mark(c, state::DISPATCHED, true);
        (*part).request_len = line.len() + len as usize;
        (*part).until_close = false;
        let output = calls::bufferevent_get_output((*c).bev);
        // Nothing is sent of a request that is not whole.
        whole = whole && written && calls::evbuffer_add(output, line.as_ptr().cast(), line.len()) == 0;
        (*part).scratch.out = line;
        drop((name, host));
        if whole && plan.body == BodyMode::Plain && !machine(c).holds_body() {
            whole = calls::evbuffer_add_buffer(output, body) == 0;
        }
        if !whole {
            fail(c, error::BUFFER);
        }
    }
}

/// The value of `Host`: the authority of an absolute target, or where the connection goes.
unsafe fn host_of(c: *mut evhttp_connection, target: &[u8], out: &mut Vec<u8>) {
    if let Some(authority) = head::authority(target) {
        let host = authority.rsplit(|&b| b == b'@').next().unwrap_or(authority);
        return out.extend_from_slice(host);
    }
    // SAFETY: the caller's promise: the connection lives.
    unsafe {
        if !(*(*c).client).unix_socket.is_null() {
            return out.extend_from_slice(b"localhost");
        }
        let _ = write::host_value(cstr::bytes((*c).address).unwrap_or(&[]), (*c).port, out);
    }
}

/// Reads what has come.
///
/// # Safety
/// `c` is entered.
pub(super) unsafe fn drive(c: *mut evhttp_connection) {
    // SAFETY: entered; what a step says lies at the beginning of the input.
    unsafe {
        while !connection::is(c, state::FREED | state::BARE | state::CONNECTING) {
            let input = calls::bufferevent_get_input((*c).bev);
            match connection::step(c) {
                Step::More => return,
                Step::Skip(n) | Step::Trailers(n) => {
                    calls::evbuffer_drain(input, n);
                }
                Step::Interim(n) => {
                    calls::evbuffer_drain(input, n);
                    let req = (*c).first;
                    if machine(c).take_continue()
                        && !req.is_null()
                        && calls::evbuffer_add_buffer(calls::bufferevent_get_output((*c).bev), (*req).output_buffer) < 0
                    {
                        return fail(c, error::BUFFER);
                    }
                }
                Step::Join(n) => {
                    if calls::evbuffer_pullup(input, n as isize).is_null() {
                        return fail(c, error::BUFFER);
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
                Step::End => done(c),
                Step::Closed => {
                    close(c);
                    return;
                }
                Step::Upgraded => {
                    // The answer is whole; the bufferevent is what the program makes of it.
                    if !(*c).first.is_null() && connection::is(c, state::DISPATCHED) {
                        done(c);
                    } else if connection::is(c, state::EOF) {
                        close(c);
                    }
                    return;
                }
                Step::Fault(fault) => return fail(c, error_of(c, fault)),
            }
        }
    }
}

/// The error that programs know a fault by.
unsafe fn error_of(c: *mut evhttp_connection, fault: Fault) -> c_uint {
    // SAFETY: the caller's promise: the connection lives.
    error_of_fault(fault, unsafe { (*(*c).client).write_failed })
}

pub(super) const fn error_of_fault(fault: Fault, write_failed: bool) -> c_uint {
    match fault {
        Fault::Truncated if write_failed => error::BUFFER,
        Fault::Truncated => error::EOF,
        Fault::BodyTooLong => error::TOO_LONG,
        _ => error::INVALID_HEADER,
    }
}

/// An answer's head has come. `false`: nothing more is to be read.
unsafe fn begin(c: *mut evhttp_connection, n: usize) -> bool {
    // SAFETY: `c` is entered and lives; the head lies at the beginning of the input until it is drained here.
    unsafe {
        let req = (*c).first;
        if req.is_null() {
            close(c);
            return false;
        }
        let input = calls::bufferevent_get_input((*c).bev);
        // The time-out of the head is over, whoever has the bufferevent next.
        connection::set_timeouts_if_headed(c);
        let bodyless = (*req).type_ == 1 << 2;
        let tunnel = (*req).type_ == 1 << 7;
        let (whole, framing, is_silent) = crate::buffer::evbuffer::of(input).look(|input| {
            let head = &connection::scratch(c).head;
            let bytes = &input.first()[..n];
            (*req).kind = kind::RESPONSE;
            (*req).major = 1;
            (*req).minor = head.minor as c_char;
            (*req).response_code = c_int::from(head.status);
            let framing = framing::of_response(bytes, head, bodyless, tunnel).unwrap_or(Framing::None);
            // An old server that says nothing closes behind its answer.
            let is_silent = head.minor == 0 && head.values(bytes, b"connection").next().is_none();
            let whole = request::set_text(&raw mut (*req).response_code_line, head.reason.of_head(bytes))
                && request::take_fields(req, head, bytes);
            (whole, framing, is_silent)
        });
        calls::evbuffer_drain(input, n);
        (*req).ntoread = match framing {
            Framing::Length(n) => i64::try_from(n).unwrap_or(i64::MAX),
            Framing::Close => -1,
            _ => 0,
        };
        (*(*c).client).until_close = framing == Framing::Close || is_silent;
        if framing == Framing::Chunked {
            (*req).bits |= bit::CHUNKED;
        }
        if !whole {
            fail(c, error::BUFFER);
            return false;
        }
        if let Some(callback) = (*req).header_cb {
            request::hold(req);
            let refused = callback(req, (*req).cb_arg) < 0;
            if !request::unhold(req) || connection::is(c, state::FREED) || (*c).first != req {
                return false;
            }
            if refused {
                fail(c, error::EOF);
                return false;
            }
        }
        true
    }
}

/// A piece of the body. `false`: nothing more is to be read.
unsafe fn body(c: *mut evhttp_connection, n: usize) -> bool {
    // SAFETY: `c` is entered and lives; the piece lies at the beginning of the input.
    unsafe {
        let req = (*c).first;
        let input = calls::bufferevent_get_input((*c).bev);
        if req.is_null() {
            close(c);
            return false;
        }
        (*req).body_size += n;
        if (*req).ntoread > 0 {
            (*req).ntoread -= n as i64;
        }
        if calls::evbuffer_remove_buffer(input, (*req).input_buffer, n) < 0 {
            fail(c, error::BUFFER);
            return false;
        }
        let Some(callback) = (*req).chunk_cb else { return true };
        request::hold(req);
        callback(req, (*req).cb_arg);
        calls::evbuffer_drain((*req).input_buffer, usize::MAX);
        request::unhold(req) && !connection::is(c, state::FREED) && (*c).first == req
    }
}

/// The answer is whole.
unsafe fn done(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` is entered and lives.
    unsafe {
        let req = (*c).first;
        if req.is_null() {
            return close(c);
        }
        let upgraded = machine(c).is_upgraded();
        let keeps = machine(c).finish();
        let until_close = (*(*c).client).until_close;
        connection::unlink(c, req);
        connection::mark(c, state::DISPATCHED, false);
        request::hold_unseen(req);
        if !keeps && !upgraded && !until_close {
            close(c);
        }
        // The connection can be asked for in the callback, though the request waits in no queue any more.
        if !connection::is(c, state::FREED) {
            (*req).evcon = c;
        }
        if let Some(callback) = (*req).cb {
            callback(req, (*req).cb_arg);
        }
        (*req).evcon = ptr::null_mut();
        if request::unhold_unseen(req) {
            request::release_unowned(req);
        }
        if connection::is(c, state::FREED) {
            return;
        }
        if !keeps && !upgraded && until_close {
            close(c);
        }
        proceed(c);
    }
}

/// Goes on with the next request, if there is one.
unsafe fn proceed(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` is entered.
    unsafe {
        if connection::is(c, state::FREED) {
            return;
        }
        if (*c).first.is_null() {
            return completed(c);
        }
        if connection::is(c, state::CONNECTED) {
            if !connection::is(c, state::DISPATCHED) {
                dispatch(c);
            }
        } else if !connection::is(c, state::CONNECTING | state::RETRYING) && connect(c) != 0 {
            connect_failed(c);
        }
    }
}

/// Closes the connection; the next request makes another.
unsafe fn close(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` is entered and lives.
    unsafe {
        let told = connection::is(c, state::CONNECTED);
        let closing =
            state::CONNECTED | state::CONNECTING | state::DISPATCHED | state::EOF | state::HEAD_TIMER | state::RETRYING;
        let bev = (*c).bev;
        if told && let Some(callback) = (*c).closecb {
            connection::mark(c, state::TOLD, true);
            callback(c, (*c).closearg);
            if connection::is(c, state::FREED) {
                return;
            }
            connection::mark(c, state::TOLD, false);
        }
        connection::mark(c, closing, false);
        stop(c);
        machine(c).reset();
        calls::bufferevent_disable(bev, what::READ | what::WRITE);
        calls::bufferevent_setcb(bev, None, None, None, ptr::null_mut());
        let fd = calls::bufferevent_getfd(bev);
        if fd >= 0 {
            libc::shutdown(fd, libc::SHUT_WR);
            libc::close(fd);
        }
        calls::bufferevent_setfd(bev, -1);
        for buffer in [calls::bufferevent_get_output(bev), calls::bufferevent_get_input(bev)] {
            calls::evbuffer_drain(buffer, usize::MAX);
        }
    }
}

/// The request on its way fails.
unsafe fn fail(c: *mut evhttp_connection, code: c_uint) {
    // SAFETY: the caller's promise: `c` is entered and lives.
    unsafe {
        let req = (*c).first;
        if req.is_null() {
            return close(c);
        }
        connection::unlink(c, req);
        (*req).evcon = ptr::null_mut();
        request::hold_unseen(req);
        let (callback, errors, arg) = ((*req).cb, (*req).error_cb, (*req).cb_arg);
        // What is seen of the request later was seen by now: only its owner still has it.
        close(c);
        if let Some(errors) = errors {
            errors(code, arg);
        }
        if code != error::CANCEL
            && let Some(callback) = callback
        {
            callback(ptr::null_mut(), arg);
        }
        if request::unhold_unseen(req) {
            request::release_unowned(req);
        }
        proceed(c);
    }
}

/// Everything that was written has left.
///
/// # Safety
/// `c` is entered and lives.
pub(super) unsafe fn written(_c: *mut evhttp_connection) {}

/// The connection ended, or had an error or a time-out.
///
/// # Safety
/// `c` is entered and lives.
pub(super) unsafe fn ended(c: *mut evhttp_connection, what: c_short) {
    // SAFETY: `c` is entered and lives, as promised.
    unsafe {
        if connection::is(c, state::CONNECTING) {
            // A handshake that failed is tried no second time.
            let refused = what & what::TIMEOUT == 0 && crate::bufferevent::session_is_over((*c).bev);
            return if refused { fail(c, error::EOF) } else { connect_failed(c) };
        }
        if what & what::TIMEOUT != 0 {
            return fail(c, error::TIMEOUT);
        }
        if what & what::READING == 0 && connection::is(c, state::DISPATCHED) {
            // The answer may have come before the connection broke.
            (*(*c).client).write_failed = true;
            calls::bufferevent_enable((*c).bev, what::READ);
            return;
        }
        if what & what::EOF != 0 {
            connection::mark(c, state::EOF, true);
            let output = calls::evbuffer_get_length(calls::bufferevent_get_output((*c).bev));
            let unsent = output >= (*(*c).client).request_len && output > 0;
            if connection::is(c, state::DISPATCHED)
                && unsent
                && machine(c).may_repeat(false)
                && (*(*c).client).tried == 0
            {
                return repeat(c);
            }
            return connection::drive(c);
        }
        // A reset is an end, as in the original.
        fail(c, if what & what::READING != 0 && !(*(*c).client).write_failed { error::EOF } else { error::BUFFER });
    }
}

/// Nothing of the request went out before the connection was lost: another one is tried, once.
unsafe fn repeat(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` is entered and lives.
    unsafe {
        (*(*c).client).tried = 1;
        let req = (*c).first;
        let has_body = calls::evbuffer_get_length((*req).output_buffer) == 0
            && (*(*c).client).request_len > 0
            && keyval::find((*req).output_headers, b"content-length")
                .as_ref()
                .is_some_and(|e| cstr::bytes(e.value) != Some(b"0"));
        if has_body {
            // The body is at the end of the output: it goes back to the request.
            let output = calls::bufferevent_get_output((*c).bev);
            let len = keyval::find((*req).output_headers, b"content-length")
                .as_ref()
                .and_then(|e| cstr::bytes(e.value))
                .and_then(evoxide_proto::http::syntax::decimal)
                .unwrap_or(0) as usize;
            let head = calls::evbuffer_get_length(output).saturating_sub(len);
            calls::evbuffer_drain(output, head);
            calls::evbuffer_add_buffer((*req).output_buffer, output);
        }
        close(c);
        proceed(c);
    }
}

/// The program freed the request that is on its way.
///
/// # Safety
/// `c` lives.
pub(super) unsafe fn abandon(c: *mut evhttp_connection) {
    // SAFETY: `c` lives, as promised.
    unsafe {
        connection::enter(c);
        if connection::is(c, state::DISPATCHED) && !connection::is(c, state::FREED) {
            close(c);
            proceed(c);
        }
        connection::leave(c);
    }
}
