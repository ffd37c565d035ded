//! `struct evhttp`: a server, its sockets, hosts and callbacks.

use super::calls::{self, evconnlistener, event_base};
use super::connection::{self, TIMEOUT, limit};
pub(crate) use super::objects::evhttp;
use super::objects::{
    BevFn, Callback, ErrorPageFn, NewRequestFn, Scratch, SocketFn, Spares, evhttp_bound_socket, evhttp_connection,
};
use super::sessions::{self, Sessions};
use super::{request, serve};
use crate::http::abi::{ExtMethodFn, RequestFn, evhttp_request};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr;
use evoxide_ffi::{cstr, mm, warn};
use libc::{sockaddr, timeval};

/// `EVHTTP_SERVER_LINGERING_CLOSE`.
const LINGERING_CLOSE: c_int = 1;
/// GET, POST, HEAD, PUT and DELETE.
const USUAL_METHODS: u32 = 0x1f;
const CONTENT_TYPE: &[u8] = b"text/html; charset=ISO-8859-1";
const BACKLOG: c_int = 128;

/// A new server.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn evhttp_new(base: *mut event_base) -> *mut evhttp {
    let content_type = mm::strdup_bytes(CONTENT_TYPE);
    let made = if content_type.is_null() {
        None
    } else {
        mm::alloc(evhttp {
            base,
            scratch: Scratch::new(),
            sockets: Vec::new(),
            callbacks: Vec::new(),
            hosts: Vec::new(),
            aliases: Vec::new(),
            parent: ptr::null_mut(),
            connections: ptr::null_mut(),
            sessions: Sessions::NONE,
            spares: Spares::NONE,
            count: 0,
            max_connections: 0,
            general: None,
            general_arg: ptr::null_mut(),
            bevcb: None,
            bevarg: ptr::null_mut(),
            newreqcb: None,
            newreqarg: ptr::null_mut(),
            errorcb: None,
            errorarg: ptr::null_mut(),
            ext_cmp: None,
            content_type,
            allowed: USUAL_METHODS,
            flags: 0,
            read_timeout: TIMEOUT,
            write_timeout: TIMEOUT,
            max_head: usize::MAX,
            max_body: u64::MAX,
            without_host: false,
        })
    };
    match made {
        Some(made) => made.as_ptr(),
        None => {
            // SAFETY: made above, or null.
            unsafe { mm::free(content_type.cast()) };
            ptr::null_mut()
        }
    }
}

/// Frees a server with its sockets, connections, WebSocket sessions and virtual hosts.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_free(http: *mut evhttp) {
    // SAFETY: the caller gives the server up. Lists are taken from one element at a time, since callbacks run.
    unsafe {
        if http.is_null() {
            return;
        }
        while let Some(socket) = (*http).sockets.pop() {
            calls::evconnlistener_free((*socket).listener);
            mm::free(socket.cast());
        }
        while !(*http).connections.is_null() {
            connection::evhttp_connection_free((*http).connections);
        }
        sessions::end_all(http);
        if let Some(parent) = (*http).parent.as_mut() {
            parent.hosts.retain(|(_, host)| *host != http);
        }
        while let Some((_, host)) = (*http).hosts.pop() {
            (*host).parent = ptr::null_mut();
            evhttp_free(host);
        }
        mm::free((*http).content_type.cast());
        (*http).spares.clear();
        ptr::drop_in_place(http);
        mm::free(http.cast());
    }
}

fn with_room<T>(list: &mut Vec<T>, value: T) -> bool {
    let room = list.try_reserve(1).is_ok();
    if room {
        list.push(value);
    }
    room
}

/// Listens on an address; a handle, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_bind_socket_with_handle(
    http: *mut evhttp,
    address: *const c_char,
    port: u16,
) -> *mut evhttp_bound_socket {
    // SAFETY: the caller passes a server, and a string or null.
    unsafe {
        let fd = super::client::sockets::bound_socket(address, port, true);
        if fd < 0 {
            return ptr::null_mut();
        }
        if libc::listen(fd, BACKLOG) != 0 {
            libc::close(fd);
            return ptr::null_mut();
        }
        let handle = evhttp_accept_socket_with_handle(http, fd);
        if handle.is_null() {
            libc::close(fd);
        }
        handle
    }
}

/// Listens on an address; -1 where that fails.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_bind_socket(http: *mut evhttp, address: *const c_char, port: u16) -> c_int {
    // SAFETY: `http` is null or alive; `address` is null or ends in a zero byte.
    unsafe { if evhttp_bind_socket_with_handle(http, address, port).is_null() { -1 } else { 0 } }
}

/// Accepts from a socket that listens; -1 where that fails.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_accept_socket(http: *mut evhttp, fd: c_int) -> c_int {
    // SAFETY: `http` is null or alive.
    unsafe { if evhttp_accept_socket_with_handle(http, fd).is_null() { -1 } else { 0 } }
}

/// Accepts from a socket that listens; a handle, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_accept_socket_with_handle(
    http: *mut evhttp,
    fd: c_int,
) -> *mut evhttp_bound_socket {
    use crate::abi::listener::opt;
    const FLAGS: c_uint = opt::REUSEABLE | opt::CLOSE_ON_EXEC | opt::CLOSE_ON_FREE;
    // SAFETY: the caller's promise. The handle comes first, so that a descriptor is never taken and then lost.
    unsafe {
        let handle = handle(http);
        if handle.is_null() {
            return handle;
        }
        let listener = calls::evconnlistener_new((*http).base, Some(on_accept), handle.cast(), FLAGS, 0, fd);
        if listener.is_null() {
            (*http).sockets.pop();
            mm::free(handle.cast());
            return ptr::null_mut();
        }
        (*handle).listener = listener;
        handle
    }
}

/// A handle without a listener yet; null without memory.
unsafe fn handle(http: *mut evhttp) -> *mut evhttp_bound_socket {
    let made = mm::alloc(evhttp_bound_socket { http, listener: ptr::null_mut(), bevcb: None, bevarg: ptr::null_mut() });
    let Some(made) = made else { return ptr::null_mut() };
    // SAFETY: the caller's promise: the server lives.
    unsafe {
        if !with_room(&mut (*http).sockets, made.as_ptr()) {
            mm::free(made.as_ptr().cast());
            return ptr::null_mut();
        }
    }
    made.as_ptr()
}

/// Accepts from a listener, which belongs to the server from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_bind_listener(
    http: *mut evhttp,
    listener: *mut evconnlistener,
) -> *mut evhttp_bound_socket {
    // SAFETY: the caller passes a server and a listener.
    unsafe {
        let handle = handle(http);
        if !handle.is_null() {
            (*handle).listener = listener;
            calls::evconnlistener_set_cb(listener, Some(on_accept), handle.cast());
        }
        handle
    }
}

/// The listener of a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_bound_socket_get_listener(bound: *mut evhttp_bound_socket) -> *mut evconnlistener {
    // SAFETY: the caller passes a handle.
    unsafe { (*bound).listener }
}

/// The descriptor of a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_bound_socket_get_fd(bound: *mut evhttp_bound_socket) -> c_int {
    // SAFETY: the caller passes a handle.
    unsafe { calls::evconnlistener_get_fd((*bound).listener) }
}

/// Calls a function for each socket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_foreach_bound_socket(
    http: *mut evhttp,
    function: Option<SocketFn>,
    arg: *mut c_void,
) {
    // SAFETY: the caller passes a server, whose sockets its function leaves alone.
    unsafe {
        let Some(function) = function else { return };
        for i in 0.. {
            let sockets = &(*http).sockets;
            let Some(&socket) = sockets.get(i) else { return };
            function(socket, arg);
        }
    }
}

/// Stops accepting from a socket, and frees it and its listener.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_del_accept_socket(http: *mut evhttp, bound: *mut evhttp_bound_socket) {
    // SAFETY: the caller passes a server and one of its handles.
    unsafe {
        (*http).sockets.retain(|&s| s != bound);
        calls::evconnlistener_free((*bound).listener);
        mm::free(bound.cast());
    }
}

/// Sets what makes the bufferevents of one socket's connections.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_bound_set_bevcb(bound: *mut evhttp_bound_socket, cb: Option<BevFn>, arg: *mut c_void) {
    // SAFETY: the caller passes a handle.
    unsafe {
        (*bound).bevcb = cb;
        (*bound).bevarg = arg;
    }
}

unsafe extern "C-unwind" fn on_accept(
    _listener: *mut evconnlistener,
    fd: c_int,
    peer: *mut sockaddr,
    len: c_int,
    arg: *mut c_void,
) {
    let bound: *mut evhttp_bound_socket = arg.cast();
    // SAFETY: the handle lives as long as its listener has this callback.
    unsafe {
        let http = (*bound).http;
        if (*http).max_connections > 0 && evhttp_get_connection_count(http) >= (*http).max_connections {
            const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            libc::send(fd, BUSY.as_ptr().cast(), BUSY.len(), libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT);
            libc::close(fd);
            return;
        }
        let (make, bevarg) = match (*bound).bevcb {
            Some(make) => (Some(make), (*bound).bevarg),
            None => ((*http).bevcb, (*http).bevarg),
        };
        let mut bev = make.map_or(ptr::null_mut(), |make| make((*http).base, bevarg));
        let foreign = !bev.is_null();
        if bev.is_null() {
            bev = calls::bufferevent_socket_new(
                (*http).base,
                fd,
                c_int::from(crate::abi::bufferevent::opt::CLOSE_ON_FREE),
            );
        } else {
            calls::bufferevent_setfd(bev, fd);
        }
        if bev.is_null() {
            warn!("no memory for a connection");
            libc::close(fd);
            return;
        }
        if !serve::accept(http, bev, peer, len, foreign) {
            calls::bufferevent_free(bev);
        }
    }
}

impl evhttp {
    /// From now on requests of HTTP/1.1 may lack `Host`.
    ///
    /// # Safety
    /// `http` lives.
    pub(crate) unsafe fn serve_without_host(http: *mut Self) {
        // SAFETY: `http` lives, as promised.
        unsafe { (*http).without_host = true };
    }

    /// What a new connection takes over.
    pub(super) fn configure(&self, c: &mut evhttp_connection) {
        c.read_timeout = self.read_timeout;
        c.write_timeout = self.write_timeout;
        c.max_head = self.max_head;
        c.max_body = self.max_body;
        if self.flags & LINGERING_CLOSE != 0 {
            c.options |= connection::option::LINGERING_CLOSE;
        }
    }

    /// The callback for a path.
    fn callback(&self, path: &[u8]) -> Option<(Option<RequestFn>, *mut c_void)> {
        let decoded;
        let path = if path.contains(&b'%') {
            let mut out = Vec::with_capacity(path.len());
            evoxide_proto::uri::decode(path, evoxide_proto::uri::Plus::Keep, &mut out);
            // C strings end at a NUL; no path of a callback has one.
            decoded = out;
            &decoded[..]
        } else {
            path
        };
        self.callbacks.iter().find(|c| c.path == path).map(|c| (c.function, c.arg))
    }
}

/// The server or virtual host for a host's name, which a port does not belong to.
///
/// # Safety
/// `http` lives.
unsafe fn host_for(http: *mut evhttp, name: &[u8]) -> *mut evhttp {
    // SAFETY: virtual hosts live as long as they are in the lists.
    unsafe {
        let mut found = http;
        loop {
            let hosts = &(*found).hosts;
            let next = hosts.iter().find(|(pattern, _)| matches(pattern, name));
            match next {
                Some(&(_, host)) => found = host,
                None => break,
            }
        }
        if found == http
            && let Some(host) = with_alias(http, name)
        {
            return host;
        }
        found
    }
}

unsafe fn with_alias(http: *mut evhttp, name: &[u8]) -> Option<*mut evhttp> {
    // SAFETY: the server lives, and so do its virtual hosts.
    unsafe {
        let (aliases, hosts) = (&(*http).aliases, &(*http).hosts);
        if aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name)) {
            return Some(http);
        }
        hosts.iter().find_map(|&(_, host)| with_alias(host, name))
    }
}

/// Whether a name matches a pattern with `*`, without regard to case.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // Each star goes back to the last one only: no pattern makes this slow.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p).is_some_and(|c| c.eq_ignore_ascii_case(&name[n])) {
            p += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// A request for a server: its callback, the general one, or the error's page. Runs the program's code.
///
/// # Safety
/// Both live; the request is held.
pub(super) unsafe fn dispatch(http: *mut evhttp, req: *mut evhttp_request) {
    // SAFETY: both live, as promised.
    unsafe {
        let mut http = http;
        // The host is looked for only where it can matter.
        if !(*http).hosts.is_empty()
            && let Some(name) = cstr::bytes(request::evhttp_request_get_host(req))
        {
            http = host_for(http, name);
        }
        let path = cstr::bytes(super::uri::evhttp_uri_get_path((*req).uri_elems)).unwrap_or(b"*");
        if let Some((function, arg)) = (*http).callback(path) {
            if let Some(function) = function {
                function(req, arg);
            }
            return;
        }
        if let Some(general) = (*http).general {
            return general(req, (*http).general_arg);
        }
        super::reply::not_found(req);
    }
}

/// Sets the callback of a path: -1 where it has one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_set_cb(
    http: *mut evhttp,
    path: *const c_char,
    cb: Option<RequestFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the caller passes a server and a string.
    unsafe {
        let Some(path) = cstr::bytes(path) else { return -2 };
        let callbacks = &(*http).callbacks;
        if callbacks.iter().any(|c| c.path == path) {
            return -1;
        }
        let mut copy = Vec::new();
        if copy.try_reserve_exact(path.len()).is_err() {
            return -2;
        }
        copy.extend_from_slice(path);
        if with_room(&mut (*http).callbacks, Callback { path: copy, function: cb, arg }) { 0 } else { -2 }
    }
}

/// Removes the callback of a path: -1 where it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_del_cb(http: *mut evhttp, path: *const c_char) -> c_int {
    // SAFETY: the caller passes a server and a string.
    unsafe {
        let Some(path) = cstr::bytes(path) else { return -1 };
        let callbacks = &mut (*http).callbacks;
        match callbacks.iter().position(|c| c.path == path) {
            Some(at) => {
                callbacks.remove(at);
                0
            }
            None => -1,
        }
    }
}

/// Adds a virtual host: -1 where it is one already, or has sockets.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_add_virtual_host(
    http: *mut evhttp,
    pattern: *const c_char,
    vhost: *mut evhttp,
) -> c_int {
    // SAFETY: the caller passes servers and a string.
    unsafe {
        let Some(pattern) = cstr::bytes(pattern) else { return -1 };
        if !(*vhost).parent.is_null() || !(*vhost).sockets.is_empty() || vhost == http {
            return -1;
        }
        if !with_room(&mut (*http).hosts, (pattern.to_vec(), vhost)) {
            return -1;
        }
        (*vhost).parent = http;
    }
    0
}

/// Removes a virtual host, which is the program's again.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_remove_virtual_host(http: *mut evhttp, vhost: *mut evhttp) -> c_int {
    // SAFETY: the caller passes servers.
    unsafe {
        if (*vhost).parent != http {
            return -1;
        }
        (*http).hosts.retain(|&(_, host)| host != vhost);
        (*vhost).parent = ptr::null_mut();
    }
    0
}

/// Adds a name that a server or virtual host answers to.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_add_server_alias(http: *mut evhttp, alias: *const c_char) -> c_int {
    // SAFETY: the caller passes a server and a string.
    unsafe {
        let Some(alias) = cstr::bytes(alias) else { return -1 };
        if with_room(&mut (*http).aliases, alias.to_vec()) { 0 } else { -1 }
    }
}

/// Removes such a name.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_remove_server_alias(http: *mut evhttp, alias: *const c_char) -> c_int {
    // SAFETY: the caller passes a server and a string.
    unsafe {
        let Some(alias) = cstr::bytes(alias) else { return -1 };
        let aliases = &mut (*http).aliases;
        match aliases.iter().position(|a| a.eq_ignore_ascii_case(alias)) {
            Some(at) => {
                aliases.remove(at);
                0
            }
            None => -1,
        }
    }
}

macro_rules! callbacks {
    ($($name:ident: $field:ident, $argument:ident, $type:ty, $doc:literal;)+) => {$(
        #[doc = $doc]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(http: *mut evhttp, cb: Option<$type>, arg: *mut c_void) {
            // SAFETY: the caller passes a server.
            unsafe {
                (*http).$field = cb;
                (*http).$argument = arg;
            }
        }
    )+};
}

callbacks! {
    evhttp_set_gencb: general, general_arg, RequestFn, "Sets who gets what no path's callback gets.";
    evhttp_set_bevcb: bevcb, bevarg, BevFn, "Sets what makes the bufferevents of connections.";
    evhttp_set_newreqcb: newreqcb, newreqarg, NewRequestFn, "Sets who sees each new request.";
    evhttp_set_errorcb: errorcb, errorarg, ErrorPageFn, "Sets who writes the pages of errors.";
}

/// Sets who knows further methods.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_ext_method_cmp(http: *mut evhttp, cmp: Option<ExtMethodFn>) {
    // SAFETY: the caller passes a server.
    unsafe { (*http).ext_cmp = cmp };
}

/// The longest head; negative: no limit but the usual one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_max_headers_size(http: *mut evhttp, size: isize) {
    // SAFETY: the caller passes a server.
    unsafe { (*http).max_head = usize::try_from(limit(size)).unwrap_or(usize::MAX) };
}

/// The longest body; negative: no limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_max_body_size(http: *mut evhttp, size: isize) {
    // SAFETY: the caller passes a server.
    unsafe { (*http).max_body = limit(size) };
}

/// The most connections at once; 0: any number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_max_connections(http: *mut evhttp, max: c_int) -> c_int {
    // SAFETY: the caller passes a server.
    unsafe { (*http).max_connections = max.max(0) };
    0
}

/// How many connections there are, WebSocket sessions included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_get_connection_count(http: *mut evhttp) -> c_int {
    // SAFETY: the caller passes a server.
    unsafe { (*http).count + sessions::count(http) }
}

/// Sets the default content type; null: none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_set_default_content_type(http: *mut evhttp, text: *const c_char) {
    // SAFETY: the caller passes a server, and a string or null.
    unsafe {
        let copy = cstr::bytes(text).map_or(ptr::null_mut(), mm::strdup_bytes);
        mm::free(core::mem::replace(&mut (*http).content_type, copy).cast());
    }
}

/// Sets the methods that requests may have: a sum of `EVHTTP_REQ_*`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_allowed_methods(http: *mut evhttp, methods: u16) {
    // SAFETY: the caller passes a server.
    unsafe { (*http).allowed = methods.into() };
}

/// Sets flags; 1 where one of them is unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_flags(http: *mut evhttp, flags: c_int) -> c_int {
    if flags & !LINGERING_CLOSE != 0 {
        return 1;
    }
    // SAFETY: the caller passes a server.
    unsafe { (*http).flags = flags };
    0
}

/// Sets the time-out of new connections in seconds; negative: the usual one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_timeout(http: *mut evhttp, seconds: c_int) {
    // SAFETY: the caller passes a server.
    unsafe {
        if seconds < 0 {
            return evhttp_set_timeout_tv(http, ptr::null());
        }
        evhttp_set_timeout_tv(http, &timeval { tv_sec: seconds.into(), tv_usec: 0 });
    }
}

/// Sets the time-outs of new connections; null: the usual ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_timeout_tv(http: *mut evhttp, tv: *const timeval) {
    // SAFETY: the caller passes a server, and a time or null.
    unsafe {
        evhttp_set_read_timeout_tv(http, tv);
        evhttp_set_write_timeout_tv(http, tv);
    }
}

/// Sets the time-out of reading of new connections.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_read_timeout_tv(http: *mut evhttp, tv: *const timeval) {
    // SAFETY: `http` is null or alive; `tv` is null or of its type.
    unsafe { (*http).read_timeout = tv.as_ref().copied().unwrap_or(TIMEOUT) };
}

/// Sets the time-out of writing of new connections.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_set_write_timeout_tv(http: *mut evhttp, tv: *const timeval) {
    // SAFETY: `http` is null or alive; `tv` is null or of its type.
    unsafe { (*http).write_timeout = tv.as_ref().copied().unwrap_or(TIMEOUT) };
}

/// A server on the base that was made last, listening; null where that fails.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_start(address: *const c_char, port: u16) -> *mut evhttp {
    // SAFETY: the caller passes a string or null.
    unsafe {
        let http = evhttp_new(crate::base::current_base());
        if !http.is_null() && evhttp_bind_socket(http, address, port) < 0 {
            evhttp_free(http);
            return ptr::null_mut();
        }
        http
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn patterns() {
        for (pattern, name, yes) in [
            ("*", "a", true),
            ("*.a.b", "x.A.b", true),
            ("*.a.b", "a.b", false),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("", "", true),
            ("a", "", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(super::matches(pattern.as_bytes(), name.as_bytes()), yes, "{pattern} {name}");
        }
    }
}
