//! `struct evhttp_uri`, and the functions for URIs, queries and text.

use super::keyval;
use super::objects::evhttp_uri;
use crate::http::abi::evkeyvalq;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_uint};
use core::ptr;
use evoxide_ffi::{cstr, mm};
use evoxide_proto::http::write::escape_html;
use evoxide_proto::uri::{self, Flags, Part, Parts, Plus};

const NONCONFORMANT: c_uint = 1;
const HOST_STRIP_BRACKETS: c_uint = 4;
const UNIX_SOCKET: c_uint = 8;
const QUERY_NONCONFORMANT: c_uint = 1;
const QUERY_LAST: c_uint = 2;

const EMPTY: evhttp_uri = evhttp_uri {
    flags: 0,
    port: -1,
    room: 0,
    scheme: ptr::null_mut(),
    userinfo: ptr::null_mut(),
    host: ptr::null_mut(),
    unix_socket: ptr::null_mut(),
    path: ptr::null_mut(),
    query: ptr::null_mut(),
    fragment: ptr::null_mut(),
};

const fn flags(flags: c_uint) -> Flags {
    Flags { nonconformant: flags & NONCONFORMANT != 0, unix_socket: flags & UNIX_SOCKET != 0 }
}

impl evhttp_uri {
    /// Frees a string unless it lies behind the object.
    ///
    /// # Safety
    /// It is, or was, one of this object.
    unsafe fn free_text(this: *mut Self, text: *mut c_char) {
        // SAFETY: it is, or was, one of this object, as promised.
        unsafe {
            let behind = this.add(1).addr();
            if !(behind..behind + (*this).room).contains(&text.addr()) {
                mm::free(text.cast());
            }
        }
    }

    /// Frees the strings.
    ///
    /// # Safety
    /// `this` lives; the strings are not used any more.
    unsafe fn free_texts(this: *mut Self) {
        // SAFETY: `this` lives, as promised.
        unsafe {
            let u = &*this;
            for text in [u.scheme, u.userinfo, u.host, u.unix_socket, u.path, u.query, u.fragment] {
                Self::free_text(this, text);
            }
        }
    }
}

/// An object of these parts, in place of `spare` where that is large enough; null without memory. `spare` is given up.
///
/// # Safety
/// `spare` is null or an object that nobody uses.
unsafe fn object(parts: &Parts<'_>, flags: c_uint, spare: *mut evhttp_uri) -> *mut evhttp_uri {
    let host = parts.host.map(|host| match host {
        [b'[', inner @ .., b']'] if flags & HOST_STRIP_BRACKETS != 0 => inner,
        host => host,
    });
    let texts = [parts.scheme, parts.userinfo, host, parts.unix_socket, Some(parts.path), parts.query, parts.fragment];
    let needed: usize = texts.iter().flatten().map(|text| text.len() + 1).sum();
    // SAFETY: the caller's promise; the texts follow each other in the room behind the object, which is long enough.
    unsafe {
        let mut made = spare;
        if spare.is_null() || (*spare).room < needed {
            evhttp_uri_free(spare);
            let room = needed.max(64);
            made = mm::malloc(size_of::<evhttp_uri>() + room).cast();
            if made.is_null() {
                return made;
            }
            made.write(evhttp_uri { room, ..EMPTY });
        } else {
            evhttp_uri::free_texts(spare);
        }
        let mut end: *mut c_char = made.add(1).cast();
        let [scheme, userinfo, host, unix_socket, path, query, fragment] = texts.map(|text| {
            let Some(text) = text else { return ptr::null_mut() };
            let start = end;
            ptr::copy_nonoverlapping(text.as_ptr(), start.cast(), text.len());
            *start.add(text.len()) = 0;
            end = start.add(text.len() + 1);
            start
        });
        let (room, port) = ((*made).room, parts.port.map_or(-1, c_int::from));
        made.write(evhttp_uri { flags, port, room, scheme, userinfo, host, unix_socket, path, query, fragment });
        made
    }
}

/// Parses a request's target, leniently, and the authority alone for CONNECT; `spare` is given up.
///
/// # Safety
/// `spare` is null or an object that nobody uses.
pub(crate) unsafe fn of_target(target: &[u8], connect: bool, spare: *mut evhttp_uri) -> *mut evhttp_uri {
    let text;
    let (target, flags) = if connect {
        text = [b"//", target].concat();
        (&text[..], 0)
    } else {
        (target, NONCONFORMANT)
    };
    // SAFETY: `spare` is null or an object that nobody uses, as promised.
    unsafe {
        match uri::parse(target, self::flags(flags)) {
            Some(parts) => object(&parts, flags, spare),
            None => {
                evhttp_uri_free(spare);
                ptr::null_mut()
            }
        }
    }
}

/// A new URI with nothing set.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn evhttp_uri_new() -> *mut evhttp_uri {
    mm::alloc(EMPTY).map_or(ptr::null_mut(), |made| made.as_ptr())
}

/// Frees a URI.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_uri_free(uri: *mut evhttp_uri) {
    // SAFETY: the caller gives the object up; its strings are its own.
    unsafe {
        if !uri.is_null() {
            evhttp_uri::free_texts(uri);
            mm::free(uri.cast());
        }
    }
}

/// Parses a URI-Reference.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_uri_parse_with_flags(source: *const c_char, how: c_uint) -> *mut evhttp_uri {
    // SAFETY: the caller passes a string.
    let Some(text) = (unsafe { cstr::bytes(source) }) else { return ptr::null_mut() };
    // SAFETY: nothing is spare.
    uri::parse(text, flags(how)).map_or(ptr::null_mut(), |p| unsafe { object(&p, how, ptr::null_mut()) })
}

/// Parses a URI-Reference, strictly.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_uri_parse(source: *const c_char) -> *mut evhttp_uri {
    // SAFETY: `source` is null or ends in a zero byte.
    unsafe { evhttp_uri_parse_with_flags(source, 0) }
}

/// Changes the `EVHTTP_URI_*` flags.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_uri_set_flags(uri: *mut evhttp_uri, flags: c_uint) {
    // SAFETY: the caller passes a URI.
    if let Some(u) = unsafe { uri.as_mut() } {
        u.flags = flags;
    }
}

macro_rules! getters {
    ($($name:ident: $field:ident, $doc:literal;)+) => {$(
        #[doc = $doc]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(uri: *const evhttp_uri) -> *const c_char {
            // SAFETY: the caller passes a URI.
            unsafe { uri.as_ref() }.map_or(ptr::null(), |u| u.$field)
        }
    )+};
}

getters! {
    evhttp_uri_get_scheme: scheme, "The scheme, or null.";
    evhttp_uri_get_userinfo: userinfo, "The user information, or null.";
    evhttp_uri_get_host: host, "The host, or null.";
    evhttp_uri_get_unixsocket: unix_socket, "The path of a local socket, or null.";
    evhttp_uri_get_path: path, "The path.";
    evhttp_uri_get_query: query, "The query, or null.";
    evhttp_uri_get_fragment: fragment, "The fragment, or null.";
}

/// The port, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_uri_get_port(uri: *const evhttp_uri) -> c_int {
    // SAFETY: the caller passes a URI.
    unsafe { uri.as_ref() }.map_or(-1, |u| u.port)
}

/// Sets the port; -1 clears it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_uri_set_port(uri: *mut evhttp_uri, port: c_int) -> c_int {
    // SAFETY: the caller passes a URI.
    match unsafe { uri.as_mut() } {
        Some(u) if port >= -1 => {
            u.port = port;
            0
        }
        _ => -1,
    }
}

/// Puts a copy of `text` in place of a part, if `check` allows it. -1 otherwise.
///
/// # Safety
/// `text` is null or a string; `part` is a part of `uri`, which lives.
unsafe fn set(
    uri: *mut evhttp_uri,
    part: *mut *mut c_char,
    text: *const c_char,
    check: impl FnOnce(&[u8]) -> bool,
) -> c_int {
    // SAFETY: `text` is null or a string, as promised.
    unsafe {
        let copy = match cstr::bytes(text) {
            None => ptr::null_mut(),
            Some(text) if !check(text) => return -1,
            Some(text) => {
                let copy = mm::strdup_bytes(text);
                if copy.is_null() {
                    return -1;
                }
                copy
            }
        };
        evhttp_uri::free_text(uri, part.replace(copy));
    }
    0
}

macro_rules! setters {
    ($($name:ident: $field:ident, $check:expr, $doc:literal;)+) => {$(
        #[doc = $doc]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(uri: *mut evhttp_uri, text: *const c_char) -> c_int {
            let check: fn(&[u8], Flags) -> bool = $check;
            // SAFETY: the caller passes a URI and a string or null.
            unsafe {
                if uri.is_null() {
                    return -1;
                }
                let flags = flags((*uri).flags);
                set(uri, &raw mut (*uri).$field, text, |text| check(text, flags))
            }
        }
    )+};
}

setters! {
    evhttp_uri_set_scheme: scheme, |t, _| uri::is_scheme(t), "Sets the scheme; null clears it. -1 where it is not well-formed.";
    evhttp_uri_set_userinfo: userinfo, |t, f| uri::is_part(Part::Userinfo, t, f), "Sets the user information; null clears it.";
    evhttp_uri_set_unixsocket: unix_socket, |t, _| !t.contains(&b':'), "Sets the path of a local socket; null clears it.";
    evhttp_uri_set_path: path, |t, f| uri::is_part(Part::Path, t, f), "Sets the path; null clears it.";
    evhttp_uri_set_query: query, |t, f| uri::is_part(Part::Query, t, f), "Sets the query; null clears it.";
    evhttp_uri_set_fragment: fragment, |t, f| uri::is_part(Part::Query, t, f), "Sets the fragment; null clears it.";
}

/// Sets the host; null clears it. -1 where it is not well-formed.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_uri_set_host(uri: *mut evhttp_uri, host: *const c_char) -> c_int {
    // SAFETY: the caller passes a URI and a string or null.
    unsafe {
        if uri.is_null() {
            return -1;
        }
        let strip = (*uri).flags & HOST_STRIP_BRACKETS != 0;
        let result = set(uri, &raw mut (*uri).host, host, uri::is_host);
        if result == 0
            && strip
            && let Some([b'[', inner @ .., b']']) = cstr::bytes((*uri).host)
        {
            let inner = inner.to_vec();
            mm::free((*uri).host.cast());
            (*uri).host = mm::strdup_bytes(&inner);
        }
        result
    }
}

/// Puts a URI together in `buf`; null where it does not fit, or where a host has a relative path.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_uri_join(uri: *mut evhttp_uri, buf: *mut c_char, limit: usize) -> *mut c_char {
    // SAFETY: a URI, and room for `limit` bytes.
    unsafe {
        let Some(u) = uri.as_ref() else { return ptr::null_mut() };
        let mut bracketed = Vec::new();
        let mut host = cstr::bytes(u.host);
        if let Some(text) = host.filter(|h| u.flags & HOST_STRIP_BRACKETS != 0 && h.contains(&b':')) {
            bracketed.push(b'[');
            bracketed.extend_from_slice(text);
            bracketed.push(b']');
            host = Some(&bracketed);
        }
        let parts = Parts {
            scheme: cstr::bytes(u.scheme),
            userinfo: cstr::bytes(u.userinfo),
            host,
            unix_socket: cstr::bytes(u.unix_socket),
            port: None,
            path: cstr::bytes(u.path).unwrap_or(&[]),
            query: cstr::bytes(u.query),
            fragment: cstr::bytes(u.fragment),
        };
        let mut out = Vec::new();
        if buf.is_null() || uri::join(&parts, u32::try_from(u.port).ok(), &mut out).is_none() || out.len() >= limit {
            return ptr::null_mut();
        }
        ptr::copy_nonoverlapping(out.as_ptr().cast(), buf, out.len());
        *buf.add(out.len()) = 0;
    }
    buf
}

/// A string of the hooks, or null without memory.
fn string(text: &[u8]) -> *mut c_char {
    let made = mm::malloc(text.len() + 1).cast::<c_char>();
    if !made.is_null() {
        // SAFETY: just made, and long enough.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr().cast(), made, text.len());
            *made.add(text.len()) = 0;
        }
    }
    made
}

/// Encodes for a URI.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_encode_uri(text: *const c_char) -> *mut c_char {
    // SAFETY: `text` is null or ends in a zero byte.
    unsafe { evhttp_uriencode(text, -1, 0) }
}

/// Encodes `len` bytes for a URI, or a string where that is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_uriencode(text: *const c_char, len: isize, space_to_plus: c_int) -> *mut c_char {
    if text.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: `len` bytes, or a string.
    let bytes = unsafe {
        match usize::try_from(len) {
            Ok(len) => core::slice::from_raw_parts(text.cast(), len),
            Err(_) => cstr::bytes(text).unwrap_or(&[]),
        }
    };
    let mut out = Vec::new();
    if bytes.len().checked_mul(3).is_none_or(|n| out.try_reserve(n).is_err()) {
        return ptr::null_mut();
    }
    uri::encode(bytes, space_to_plus != 0, &mut out);
    string(&out)
}

unsafe fn decoded(text: *const c_char, plus: Plus, len: *mut usize) -> *mut c_char {
    // SAFETY: the callers pass a string, and room for a length or null.
    unsafe {
        let Some(bytes) = cstr::bytes(text) else { return ptr::null_mut() };
        let mut out = Vec::new();
        if out.try_reserve(bytes.len()).is_err() {
            return ptr::null_mut();
        }
        uri::decode(bytes, plus, &mut out);
        let made = string(&out);
        if !made.is_null() && !len.is_null() {
            *len = out.len();
        }
        made
    }
}

/// Decodes, plus signs after the first question mark included.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_decode_uri(uri: *const c_char) -> *mut c_char {
    // SAFETY: `uri` is null or ends in a zero byte.
    unsafe { decoded(uri, Plus::SpaceInQuery, ptr::null_mut()) }
}

/// Decodes; `len` gets the length, since a NUL may stand inside.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_uridecode(uri: *const c_char, plus: c_int, len: *mut usize) -> *mut c_char {
    // SAFETY: `uri` is null or ends in a zero byte; `len` is null or of its type.
    unsafe { decoded(uri, if plus != 0 { Plus::Space } else { Plus::Keep }, len) }
}

/// Decodes `length` bytes into `ret`, which has room for one more; exported for old programs. Answers the length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_decode_uri_internal(
    uri: *const c_char,
    length: usize,
    ret: *mut c_char,
    plus: c_int,
) -> c_int {
    let plus = match plus {
        0 => Plus::Keep,
        n if n < 0 => Plus::SpaceInQuery,
        _ => Plus::Space,
    };
    // SAFETY: `len` bytes, and room for them and a zero byte.
    unsafe {
        let bytes = core::slice::from_raw_parts(uri.cast::<u8>(), length);
        let mut out = Vec::new();
        uri::decode(bytes, plus, &mut out);
        ptr::copy_nonoverlapping(out.as_ptr().cast(), ret, out.len());
        *ret.add(out.len()) = 0;
        out.len() as c_int
    }
}

/// Puts the fields of a query into a list.
///
/// # Safety
/// `list` may be written.
unsafe fn parse_query(text: &[u8], list: *mut evkeyvalq, flags: c_uint) -> c_int {
    // SAFETY: `list` may be written, as promised.
    unsafe {
        keyval::init(list);
        let mut value = Vec::new();
        for field in uri::query(text, flags & QUERY_NONCONFORMANT != 0) {
            let added = field.is_some_and(|(key, raw)| {
                value.clear();
                uri::decode(raw, Plus::Space, &mut value);
                // What follows a NUL no C string shows.
                let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
                if flags & QUERY_LAST != 0 {
                    keyval::remove(list, key);
                }
                keyval::add(list, key, &value[..end])
            });
            if !added {
                keyval::evhttp_clear_headers(list);
                return -1;
            }
        }
    }
    0
}

/// The fields of a URI's query.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_parse_query(uri: *const c_char, headers: *mut evkeyvalq) -> c_int {
    // SAFETY: the caller passes a string and a list.
    unsafe {
        keyval::init(headers);
        let Some(parts) = cstr::bytes(uri).and_then(|text| uri::parse(text, Flags::default())) else { return -1 };
        parse_query(parts.query.unwrap_or(&[]), headers, 0)
    }
}

/// The fields of a query string.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_parse_query_str(query: *const c_char, headers: *mut evkeyvalq) -> c_int {
    // SAFETY: `headers` is null or alive; `query` is null or ends in a zero byte.
    unsafe { evhttp_parse_query_str_flags(query, headers, 0) }
}

/// The fields of a query string, as `EVHTTP_URI_QUERY_*` say.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_parse_query_str_flags(
    query: *const c_char,
    headers: *mut evkeyvalq,
    flags: c_uint,
) -> c_int {
    // SAFETY: the caller passes a string and a list.
    unsafe {
        match cstr::bytes(query) {
            Some(text) => parse_query(text, headers, flags),
            None => -1,
        }
    }
}

/// Escapes for HTML.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_htmlescape(html: *const c_char) -> *mut c_char {
    // SAFETY: the caller passes a string.
    let Some(text) = (unsafe { cstr::bytes(html) }) else { return ptr::null_mut() };
    let mut out = Vec::new();
    if text.len().checked_mul(6).is_none_or(|n| out.try_reserve(n).is_err()) {
        return ptr::null_mut();
    }
    escape_html(text, &mut out);
    string(&out)
}
