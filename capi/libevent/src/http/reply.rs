//! Answers: the `evhttp_send_*` functions.

use super::calls;
use super::connection::{self, server_machine as machine, state};
use super::objects::evhttp_connection;
use super::{keyval, request};
use crate::buffer::evbuffer;
use crate::http::abi::{ConnectionFn, bit, evhttp_request};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use evoxide_ffi::{cstr, warnx};
use evoxide_proto::http::server::Body;
use evoxide_proto::http::write::{self, Ambient, BodyMode, Plan};

/// A status that can be written.
fn status(code: c_int) -> u16 {
    u16::try_from(code).unwrap_or(500)
}

/// Sets status and reason of an answer.
unsafe fn set_status(req: *mut evhttp_request, code: c_int, reason: *const c_char) {
    // SAFETY: the caller's promise: the request lives; a string or null.
    unsafe {
        (*req).kind = crate::http::abi::kind::RESPONSE;
        (*req).response_code = code;
        let text = cstr::bytes(reason).unwrap_or_else(|| write::reason(status(code)));
        request::set_text_spared(&raw mut (*req).response_code_line, &mut request::spare(req).line, text);
    }
}

/// Makes the request's output headers what the plan says, so that programs see what is sent, and writes them. `false`: without
/// memory.
unsafe fn carry_out(req: *mut evhttp_request, plan: &Plan, ambient: &Ambient<'_>, line: &mut Vec<u8>) -> bool {
    // SAFETY: the caller's promise: the request lives. The list grows behind the entries that were written.
    unsafe {
        let headers = (*req).output_headers;
        if plan.drop_length {
            while keyval::remove(headers, b"content-length") {}
        }
        if plan.drop_encoding {
            while keyval::remove(headers, b"transfer-encoding") {}
        }
        let mut whole = true;
        write::fields_noting(plan, ambient, keyval::entries(headers), line, |name, value| {
            whole &= keyval::add(headers, name, value);
        });
        whole
    }
}

/// A body of one piece that is no longer than this leaves in the head's segment.
const SMALL: usize = 512;

/// Decides on the answer and writes its head, with a small `whole` body behind it, which is empty then. `None`: there was an answer, or
/// nobody to answer.
unsafe fn begin(req: *mut evhttp_request, body: Body, whole: *mut evbuffer) -> Option<Plan> {
    // SAFETY: the caller's promise: the request lives and has a server's connection.
    unsafe {
        let c = (*req).evcon;
        let code = status((*req).response_code);
        let plan = machine(c).answer(code, body, keyval::entries((*req).output_headers));
        let Some(plan) = plan else {
            warnx!("a request is answered once");
            return None;
        };
        let server = (*c).server;
        let minor = machine(c).minor();
        let mut line = core::mem::take(&mut (*server).scratch.out);
        line.clear();
        let reason = cstr::bytes((*req).response_code_line).unwrap_or_else(|| write::reason(code));
        write::status_line(minor, code, reason, &mut line);
        {
            // A string of the hooks, which stays as it is meanwhile.
            let content_type = cstr::bytes((*server).content_type);
            let (date, _) = (*server).scratch.dated();
            let ambient = Ambient { date, content_type, host: b"" };
            if !carry_out(req, &plan, &ambient, &mut line) {
                // What frames the body may be missing.
                connection::mark(c, state::CUT, true);
            }
        }
        if let Body::Whole(len) = body
            && plan.body == BodyMode::Plain
            && len <= SMALL as u64
            && evbuffer::of(whole).is_unobserved()
            && evbuffer::of(whole).ext_lock().is_null()
        {
            evbuffer::of(whole).look(|whole| {
                if let Some(bytes) = whole.as_owned() {
                    // As many as announced, so that nothing is written before them.
                    let n = machine(c).piece(len, &mut Vec::new()) as usize;
                    line.extend_from_slice(&bytes[..n]);
                }
            });
        }
        append(c, &line);
        (*server).scratch.out = line;
        Some(plan)
    }
}

/// Writes bytes behind what is written, unless a part before them was lost.
unsafe fn append(c: *mut evhttp_connection, bytes: &[u8]) {
    // SAFETY: the caller's promise: the connection lives and has a bufferevent.
    unsafe {
        if bytes.is_empty() || connection::is(c, state::CUT) {
            return;
        }
        let output = calls::bufferevent_get_output((*c).bev);
        if calls::evbuffer_add(output, bytes.as_ptr().cast(), bytes.len()) < 0 {
            connection::mark(c, state::CUT, true);
        }
    }
}

/// Writes `data` as a piece of the body, and empties it.
unsafe fn piece(c: *mut evhttp_connection, data: *mut evbuffer) {
    // SAFETY: the caller's promise: the connection and the buffer live.
    unsafe {
        let len = calls::evbuffer_get_length(data);
        let mut line = Vec::new();
        let n = machine(c).piece(len as u64, &mut line) as usize;
        append(c, &line);
        if n > 0 && !connection::is(c, state::CUT) {
            let output = calls::bufferevent_get_output((*c).bev);
            let moved = if n == len {
                calls::evbuffer_add_buffer(output, data) == 0
            } else {
                usize::try_from(calls::evbuffer_remove_buffer(data, output, n)) == Ok(n)
            };
            if !moved {
                connection::mark(c, state::CUT, true);
            }
        }
        if n < len || connection::is(c, state::CUT) {
            calls::evbuffer_drain(data, usize::MAX);
        }
        if n > 0 && machine(c).mode() == BodyMode::Chunked {
            append(c, b"\r\n");
        }
    }
}

/// The answer is complete.
unsafe fn finish(req: *mut evhttp_request) {
    // SAFETY: the caller's promise: the request lives and has a server's connection.
    unsafe {
        let c = (*req).evcon;
        let mut line = Vec::new();
        machine(c).finish(&mut line);
        append(c, &line);
        if connection::is(c, state::CUT) {
            machine(c).reject();
        }
        (*req).bits |= bit::USERDONE;
        if calls::evbuffer_get_length(calls::bufferevent_get_output((*c).bev)) == 0 {
            // All of it has left before, so nothing else will tell.
            connection::enter(c);
            ((*c).verbs.written)(c);
            connection::leave(c);
        }
    }
}

/// Whether somebody waits for the answer; if not, the request is freed.
unsafe fn is_awaited(req: *mut evhttp_request) -> bool {
    // SAFETY: the caller's promise: the request lives.
    unsafe {
        let c = (*req).evcon;
        if c.is_null() {
            request::release(req);
            return false;
        }
        !(*c).server.is_null() && !(*c).bev.is_null()
    }
}

/// Sends the answer that the request holds, with this body.
///
/// # Safety
/// Both live.
pub(super) unsafe fn send(req: *mut evhttp_request, body: *mut evbuffer) {
    // SAFETY: both live, as promised.
    unsafe {
        let c = (*req).evcon;
        if begin(req, Body::Whole(calls::evbuffer_get_length(body) as u64), body).is_some() {
            if !machine(c).is_written() {
                piece(c, body);
            }
            calls::evbuffer_drain(body, usize::MAX);
            finish(req);
        } else if body != (*req).output_buffer {
            calls::evbuffer_drain(body, usize::MAX);
        }
    }
}

/// Sends an error's page.
///
/// # Safety
/// The request lives.
pub(super) unsafe fn fail(req: *mut evhttp_request, code: c_int) {
    // SAFETY: the request lives, as promised.
    unsafe { evhttp_send_error(req, code, ptr::null()) };
}

/// Sends the page for a path without a callback.
///
/// # Safety
/// The request lives.
pub(super) unsafe fn not_found(req: *mut evhttp_request) {
    // SAFETY: the request lives, as promised.
    unsafe {
        let mut page = Vec::new();
        page.extend_from_slice(
            b"<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1><p>The requested URL ",
        );
        write::escape_html(cstr::bytes((*req).uri).unwrap_or(&[]), &mut page);
        page.extend_from_slice(b" was not found on this server.</p></body></html>\n");
        error_page(req, 404, ptr::null(), &page);
    }
}

/// Sends an error with a page, unless the server's error callback writes another.
unsafe fn error_page(req: *mut evhttp_request, code: c_int, reason: *const c_char, page: &[u8]) {
    // SAFETY: the caller's promise: the request lives and has a server's connection.
    unsafe {
        let c = (*req).evcon;
        let headers = (*req).output_headers;
        keyval::evhttp_clear_headers(headers);
        calls::evbuffer_drain((*req).output_buffer, usize::MAX);
        set_status(req, code, reason);
        let told = keyval::add(headers, b"Content-Type", b"text/html") && keyval::add(headers, b"Connection", b"close");
        if !told {
            // It closes all the same.
            machine(c).reject();
        }
        if let Some(callback) = (*(*c).server).errorcb {
            let arg = (*(*c).server).errorarg;
            request::hold(req);
            let refused = callback(req, (*req).output_buffer, code, (*req).response_code_line, arg) < 0;
            if !request::unhold(req) || (*req).evcon != c {
                return;
            }
            if refused {
                calls::evbuffer_drain((*req).output_buffer, usize::MAX);
            }
        }
        if calls::evbuffer_get_length((*req).output_buffer) == 0 {
            calls::evbuffer_add((*req).output_buffer, page.as_ptr().cast(), page.len());
        }
        send(req, (*req).output_buffer);
    }
}

/// Sends an error with a page.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_send_error(req: *mut evhttp_request, error: c_int, reason: *const c_char) {
    // SAFETY: the caller passes a request that was not answered, and a string or null.
    unsafe {
        if !is_awaited(req) {
            return;
        }
        let mut page = core::mem::ManuallyDrop::new(Vec::new());
        let text = cstr::bytes(reason).unwrap_or_else(|| write::reason(status(error)));
        write::error_page(status(error), text, &mut page);
        error_page(req, error, reason, &page);
        drop(core::mem::ManuallyDrop::into_inner(page));
    }
}

/// Answers a request; `databuf` is empty afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_send_reply(
    req: *mut evhttp_request,
    code: c_int,
    reason: *const c_char,
    databuf: *mut evbuffer,
) {
    // SAFETY: the caller passes a request that was not answered, a string or null, and a buffer or null.
    unsafe {
        if !is_awaited(req) {
            return;
        }
        set_status(req, code, reason);
        let own = (*req).output_buffer;
        let mut body = own;
        if !databuf.is_null() {
            if evbuffer::of(own).is_pristine() {
                // Nobody can see that it does not go through the request's.
                body = databuf;
            } else if calls::evbuffer_add_buffer(own, databuf) < 0 {
                connection::mark((*req).evcon, state::CUT, true);
            }
        }
        send(req, body);
    }
}

/// Begins an answer whose body comes in pieces.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_send_reply_start(req: *mut evhttp_request, code: c_int, reason: *const c_char) {
    // SAFETY: the caller passes a request that was not answered, and a string or null.
    unsafe {
        let c = (*req).evcon;
        if c.is_null() || (*c).server.is_null() || (*c).bev.is_null() {
            return;
        }
        set_status(req, code, reason);
        if let Some(plan) = begin(req, Body::Stream, ptr::null_mut())
            && plan.body == BodyMode::Chunked
        {
            (*req).bits |= bit::CHUNKED;
        }
    }
}

/// Sends a piece of the body; `databuf` is empty afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_send_reply_chunk(req: *mut evhttp_request, databuf: *mut evbuffer) {
    // SAFETY: `req` and `databuf` are null or alive.
    unsafe { evhttp_send_reply_chunk_with_cb(req, databuf, None, ptr::null_mut()) };
}

/// As `evhttp_send_reply_chunk`, and calls `cb` once the piece has left.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_send_reply_chunk_with_cb(
    req: *mut evhttp_request,
    databuf: *mut evbuffer,
    cb: Option<ConnectionFn>,
    arg: *mut c_void,
) {
    // SAFETY: the caller passes a request whose answer began, and a buffer.
    unsafe {
        let c = (*req).evcon;
        if c.is_null() || (*c).server.is_null() || (*c).bev.is_null() || databuf.is_null() {
            return;
        }
        if calls::evbuffer_get_length(databuf) == 0 || machine(c).mode() == BodyMode::Omit {
            calls::evbuffer_drain(databuf, usize::MAX);
            return;
        }
        (*c).chunkcb = cb;
        (*c).chunkarg = arg;
        piece(c, databuf);
    }
}

/// Ends an answer whose body came in pieces.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_send_reply_end(req: *mut evhttp_request) {
    // SAFETY: the caller passes a request whose answer began.
    unsafe {
        if !is_awaited(req) {
            return;
        }
        if !machine((*req).evcon).is_answered() {
            warnx!("an answer ends that did not begin");
            return;
        }
        (*(*req).evcon).chunkcb = None;
        finish(req);
    }
}
