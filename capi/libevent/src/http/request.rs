//! `struct evhttp_request`: its life and its accessors.
//!
//! A server keeps some requests that were answered, with what they are made of, for those that come ([`recycle`]).

use super::calls;
use super::connection::{self, state};
use super::objects::{Spares, evhttp_connection, evhttp_uri};
use super::{keyval, uri};
use crate::buffer::evbuffer;
use crate::http::abi::{HeaderFn, RequestErrorFn, RequestFn, bit, evhttp_request, evkeyvalq, flag, kind};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr;
use evoxide_ffi::{cstr, mm};

/// A request as it lies in memory.
#[repr(C)]
struct Block {
    request: evhttp_request,
    input: evkeyvalq,
    output: evkeyvalq,
    /// What the request before left, for this one: memory of the hooks, or null.
    spare: Spare,
}

/// Strings and an object that were a request's.
#[derive(Clone, Copy)]
pub(super) struct Spare {
    pub uri: *mut c_char,
    pub line: *mut c_char,
    pub remote_host: *mut c_char,
    pub elems: *mut evhttp_uri,
}

impl Spare {
    const NONE: Self =
        Self { uri: ptr::null_mut(), line: ptr::null_mut(), remote_host: ptr::null_mut(), elems: ptr::null_mut() };
}

/// The most requests that a server keeps, and the most bytes that one of their strings may hold.
const SPARES: u32 = 16;
const KEPT: usize = 512;

/// Where what a request left lies.
///
/// # Safety
/// `req` lives.
pub(super) unsafe fn spare<'a>(req: *mut evhttp_request) -> &'a mut Spare {
    // SAFETY: all requests are made here, as a part of a block.
    unsafe { &mut (*req.cast::<Block>()).spare }
}

/// A new request.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_request_new(cb: Option<RequestFn>, arg: *mut c_void) -> *mut evhttp_request {
    let req = mm::calloc(1, size_of::<Block>()).cast::<evhttp_request>();
    if req.is_null() {
        return req;
    }
    // SAFETY: fresh memory of that size, of which all-zero is a value.
    unsafe {
        (*req).kind = kind::RESPONSE;
        (*req).cb = cb;
        (*req).cb_arg = arg;
        link_lists(req);
        (*req).input_buffer = calls::evbuffer_new();
        (*req).output_buffer = calls::evbuffer_new();
        if (*req).input_buffer.is_null() || (*req).output_buffer.is_null() {
            release(req);
            return ptr::null_mut();
        }
    }
    req
}

/// Gives a request its own lists, empty.
unsafe fn link_lists(req: *mut evhttp_request) {
    let block = req.cast::<Block>();
    // SAFETY: the callers' promise: `req` lives; the lists hold nothing.
    unsafe {
        (*req).input_headers = &raw mut (*block).input;
        (*req).output_headers = &raw mut (*block).output;
        keyval::init((*req).input_headers);
        keyval::init((*req).output_headers);
    }
}

impl Spares {
    /// A request as a new one, or null.
    ///
    /// # Safety
    /// What is kept here lives.
    pub unsafe fn take(&mut self) -> *mut evhttp_request {
        let req = self.first;
        if !req.is_null() {
            // SAFETY: nobody else has it.
            unsafe { self.first = (*req).tqe_next };
            self.len -= 1;
        }
        req
    }

    /// Frees all.
    ///
    /// # Safety
    /// What is kept here lives.
    pub unsafe fn clear(&mut self) {
        loop {
            // SAFETY: what is kept here lives, as promised.
            unsafe {
                let req = self.take();
                if req.is_null() {
                    return;
                }
                release(req);
            }
        }
    }
}

/// As [`release`], and keeps what the request is made of for another, where nobody can notice.
///
/// # Safety
/// As [`release`]; `spares` belong to a server that lives.
pub(super) unsafe fn recycle(req: *mut evhttp_request, spares: &mut Spares) {
    let block = req.cast::<Block>();
    // SAFETY: the caller's promise. A request that is kept is as a new one, but for what its block keeps beside it.
    unsafe {
        let r = &*req;
        let held = r.flags & flag::DEFER_FREE != 0 || r.bits & bit::HELD != 0;
        let own = r.input_headers == &raw mut (*block).input
            && r.output_headers == &raw mut (*block).output
            && [r.input_buffer, r.output_buffer].iter().all(|&b| !b.is_null() && evbuffer::of(b).is_pristine());
        // With an allocator of the program nothing is kept: it may count.
        if held || !own || spares.len >= SPARES || mm::capacity(req.cast()) == 0 {
            return release(req);
        }
        mm::free(r.host_cache.cast());
        keyval::evhttp_clear_headers(r.input_headers);
        keyval::evhttp_clear_headers(r.output_headers);
        let left = *spare(req);
        // Programs may have put strings of their own in place.
        let kept = |text: *mut c_char, other: *mut c_char| {
            let (text, other) = if text.is_null() { (other, text) } else { (text, other) };
            mm::free(other.cast());
            if mm::capacity(text.cast()) <= KEPT {
                return text;
            }
            mm::free(text.cast());
            ptr::null_mut()
        };
        let elems = if r.uri_elems.is_null() {
            left.elems
        } else {
            uri::evhttp_uri_free(left.elems);
            r.uri_elems
        };
        let spare = Spare {
            uri: kept(r.uri, left.uri),
            line: kept(r.response_code_line, left.line),
            remote_host: kept(r.remote_host, left.remote_host),
            elems: if mm::capacity(elems.cast()) <= KEPT {
                elems
            } else {
                uri::evhttp_uri_free(elems);
                ptr::null_mut()
            },
        };
        let (input, output) = (r.input_buffer, r.output_buffer);
        ptr::write_bytes(req, 0, 1);
        (*block).spare = spare;
        (*req).input_buffer = input;
        (*req).output_buffer = output;
        link_lists(req);
        (*req).tqe_next = spares.first;
        spares.first = req;
        spares.len += 1;
    }
}

/// Frees a request, which is in no queue; or notes that it is to be freed, while a callback has it.
///
/// # Safety
/// `req` lives, and the caller gives it up.
pub(super) unsafe fn release(req: *mut evhttp_request) {
    // SAFETY: the caller's promise; everything it points to is its own, or null.
    unsafe {
        if (*req).flags & flag::DEFER_FREE != 0 || (*req).bits & bit::HELD != 0 {
            (*req).flags |= flag::NEEDS_FREE;
            return;
        }
        let r = &*req;
        let left = core::mem::replace(spare(req), Spare::NONE);
        for text in [r.remote_host, r.host_cache, r.uri, r.response_code_line, left.uri, left.line, left.remote_host] {
            mm::free(text.cast());
        }
        uri::evhttp_uri_free(r.uri_elems);
        uri::evhttp_uri_free(left.elems);
        for headers in [r.input_headers, r.output_headers] {
            keyval::evhttp_clear_headers(headers);
        }
        for buffer in [r.input_buffer, r.output_buffer] {
            if !buffer.is_null() {
                calls::evbuffer_free(buffer);
            }
        }
        mm::free(req.cast());
    }
}

/// Frees a request unless it is the program's.
///
/// # Safety
/// As [`release`].
pub(super) unsafe fn release_unowned(req: *mut evhttp_request) {
    // SAFETY: what `release` asks for is promised here, too.
    unsafe {
        if (*req).flags & flag::USER_OWNED == 0 {
            release(req);
        }
    }
}

/// Marks a request while a callback has it.
///
/// # Safety
/// `req` lives.
pub(super) unsafe fn hold(req: *mut evhttp_request) {
    // SAFETY: `req` lives, as promised.
    unsafe { (*req).flags |= flag::DEFER_FREE };
}

/// As [`hold`], where programs do not see it: in a client's last callback.
///
/// # Safety
/// `req` lives.
pub(super) unsafe fn hold_unseen(req: *mut evhttp_request) {
    // SAFETY: `req` lives, as promised.
    unsafe { (*req).bits |= bit::HELD };
}

/// Ends what [`hold`] began. `false`: it was freed meanwhile, and is gone now, or when the other mark goes.
///
/// # Safety
/// The caller held it.
pub(super) unsafe fn unhold(req: *mut evhttp_request) -> bool {
    // SAFETY: held, so the memory is there.
    unsafe {
        (*req).flags &= !flag::DEFER_FREE;
        end_hold(req)
    }
}

/// As [`unhold`], for [`hold_unseen`].
///
/// # Safety
/// The caller held it.
pub(super) unsafe fn unhold_unseen(req: *mut evhttp_request) -> bool {
    // SAFETY: held, so the memory is there.
    unsafe {
        (*req).bits &= !bit::HELD;
        end_hold(req)
    }
}

unsafe fn end_hold(req: *mut evhttp_request) -> bool {
    // SAFETY: the callers' promise.
    unsafe {
        if (*req).flags & flag::NEEDS_FREE == 0 {
            return true;
        }
        release(req);
    }
    false
}

/// Frees a request.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_request_free(req: *mut evhttp_request) {
    // SAFETY: the caller gives the request up.
    unsafe {
        if req.is_null() {
            return;
        }
        let c = (*req).evcon;
        if !c.is_null() && !(*req).tqe_prev.is_null() {
            let current = (*c).first == req;
            connection::unlink(c, req);
            (*req).evcon = ptr::null_mut();
            if !(*c).server.is_null() {
                // Without its answer there is no way to go on with this connection.
                connection::mark(c, state::HANDED, false);
                release(req);
                ((*c).verbs.abandon)(c);
                return;
            }
            if current {
                release(req);
                ((*c).verbs.abandon)(c);
                return;
            }
        }
        release(req);
    }
}

/// Makes a request the program's: it is freed by the program alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_request_own(req: *mut evhttp_request) {
    // SAFETY: the caller passes a request.
    unsafe { (*req).flags |= flag::USER_OWNED };
}

/// Whether the program owns it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_request_is_owned(req: *mut evhttp_request) -> c_int {
    // SAFETY: the caller passes a request.
    unsafe { c_int::from((*req).flags & flag::USER_OWNED != 0) }
}

/// The connection, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_request_get_connection(req: *mut evhttp_request) -> *mut evhttp_connection {
    // SAFETY: the caller passes a request.
    unsafe { (*req).evcon }
}

macro_rules! fields {
    ($($name:ident($req:ty) -> $type:ty: $field:ident, $doc:literal;)+) => {$(
        #[doc = $doc]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(req: $req) -> $type {
            // SAFETY: the caller passes a request.
            unsafe { (*req).$field }
        }
    )+};
}

fields! {
    evhttp_request_get_uri(*const evhttp_request) -> *const c_char: uri, "The request target.";
    evhttp_request_get_evhttp_uri(*const evhttp_request) -> *const evhttp_uri: uri_elems, "The request target, parsed.";
    evhttp_request_get_command(*const evhttp_request) -> c_uint: type_, "The method.";
    evhttp_request_get_response_code(*const evhttp_request) -> c_int: response_code, "The status.";
    evhttp_request_get_response_code_line(*const evhttp_request) -> *const c_char: response_code_line, "The reason phrase.";
    evhttp_request_get_input_headers(*mut evhttp_request) -> *mut evkeyvalq: input_headers, "The headers that came.";
    evhttp_request_get_output_headers(*mut evhttp_request) -> *mut evkeyvalq: output_headers, "The headers to be sent.";
    evhttp_request_get_input_buffer(*mut evhttp_request) -> *mut evbuffer: input_buffer, "The body that came.";
    evhttp_request_get_output_buffer(*mut evhttp_request) -> *mut evbuffer: output_buffer, "The body to be sent.";
}

/// The host that is asked for, without a port: of an absolute target, or of `Host`. Null where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_request_get_host(req: *mut evhttp_request) -> *const c_char {
    // SAFETY: the caller passes a request.
    unsafe {
        if (*req).host_cache.is_null() {
            // Two slashes at the beginning of a path name no host.
            let uri = (*req).uri_elems;
            if !uri.is_null() && !uri::evhttp_uri_get_scheme(uri).is_null() {
                let host = uri::evhttp_uri_get_host(uri);
                if !host.is_null() {
                    return host;
                }
            }
            let header = keyval::find((*req).input_headers, b"host").as_ref().and_then(|e| cstr::bytes(e.value));
            if let Some(host) = header {
                let digits = host.iter().rev().take_while(|b| b.is_ascii_digit()).count();
                let end = host.len() - digits;
                let host = if end > 0 && host[end - 1] == b':' { &host[..end - 1] } else { host };
                (*req).host_cache = mm::strdup_bytes(host);
            }
        }
        (*req).host_cache
    }
}

/// Sets who gets the body piece by piece.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_request_set_chunked_cb(req: *mut evhttp_request, cb: Option<RequestFn>) {
    // SAFETY: the caller passes a request.
    unsafe { (*req).chunk_cb = cb };
}

/// Sets who sees the head when it has come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_request_set_header_cb(req: *mut evhttp_request, cb: Option<HeaderFn>) {
    // SAFETY: the caller passes a request.
    unsafe { (*req).header_cb = cb };
}

/// Sets who is told of errors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_request_set_error_cb(req: *mut evhttp_request, cb: Option<RequestErrorFn>) {
    // SAFETY: the caller passes a request.
    unsafe { (*req).error_cb = cb };
}

/// Sets who is told when the answer has left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_request_set_on_complete_cb(
    req: *mut evhttp_request,
    cb: Option<RequestFn>,
    arg: *mut c_void,
) {
    // SAFETY: the caller passes a request.
    unsafe {
        (*req).on_complete_cb = cb;
        (*req).on_complete_cb_arg = arg;
    }
}

/// Replaces a string of the hooks by a copy of `text`, which may be that string. `false` without memory.
///
/// # Safety
/// `place` holds such a string or null.
pub(super) unsafe fn set_text(place: *mut *mut c_char, text: &[u8]) -> bool {
    // SAFETY: `place` holds such a string or null, as promised.
    unsafe {
        let copy = mm::strdup_into(place.read(), text);
        place.write(copy);
        !copy.is_null()
    }
}

/// As [`set_text`], for a request's string that may have a spare: the spare is put to use first.
///
/// # Safety
/// As [`set_text`]; `spare` holds a string of the hooks or null.
pub(super) unsafe fn set_text_spared(place: *mut *mut c_char, spare: &mut *mut c_char, text: &[u8]) -> bool {
    // SAFETY: what `set_text` asks for is promised here, too.
    unsafe {
        if place.read().is_null() {
            place.write(core::mem::replace(spare, ptr::null_mut()));
        }
        set_text(place, text)
    }
}

/// Makes the fields of the head that was just read the request's input headers. `false` without memory.
///
/// # Safety
/// `req` lives; `bytes` are what `head` was read from.
pub(super) unsafe fn take_fields(req: *mut evhttp_request, head: &evoxide_proto::http::Head, bytes: &[u8]) -> bool {
    let mut lines = 2;
    for (name, value) in head.fields(bytes) {
        lines += 1;
        // SAFETY: `req` lives, as promised.
        let added = unsafe {
            if head.folded && value.contains(&b'\n') {
                let unfolded: Vec<u8> =
                    value.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }).collect();
                keyval::add((*req).input_headers, name, &unfolded)
            } else {
                keyval::add((*req).input_headers, name, value)
            }
        };
        if !added {
            return false;
        }
    }
    // SAFETY: `req` lives, as promised.
    unsafe { (*req).headers_size += bytes.len().saturating_sub(2 * lines) };
    true
}
