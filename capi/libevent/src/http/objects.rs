//! The objects behind `struct evhttp`, `evhttp_connection`, `evhttp_bound_socket` and `evhttp_uri`: what they hold. What they do is in
//! the files above.

use super::abi::{ConnectionFn, ExtMethodFn, RequestFn, evhttp_request};
use super::calls::{self, evconnlistener, event_base};
use super::sessions::Sessions;
use crate::abi::bufferevent::bufferevent;
use crate::abi::event::event;
use crate::buffer::evbuffer;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_short, c_uint, c_void};
use core::ptr;
use evoxide_ffi::mm;
use evoxide_proto::http::{Client, Head, Server, write};
use libc::timeval;

/// The machine of a connection.
pub(super) enum Role {
    Server(Server),
    Client(Client),
}

/// `struct evhttp_connection`, opaque to C.
pub struct evhttp_connection {
    /// What its role does for it.
    pub(super) verbs: &'static Verbs,
    pub(super) bev: *mut bufferevent,
    pub(super) base: *mut event_base,
    /// The server that accepted it; null for a client's.
    pub(super) server: *mut evhttp,
    pub(super) next: *mut evhttp_connection,
    pub(super) prev: *mut *mut evhttp_connection,
    pub(super) first: *mut evhttp_request,
    pub(super) last: *mut *mut evhttp_request,
    /// What only clients have.
    pub(super) client: *mut ClientPart,
    pub(super) address: *mut c_char,
    pub(super) closecb: Option<ConnectionFn>,
    pub(super) closearg: *mut c_void,
    /// Called when what was written last has left.
    pub(super) chunkcb: Option<ConnectionFn>,
    pub(super) chunkarg: *mut c_void,
    pub(super) read_timeout: timeval,
    pub(super) write_timeout: timeval,
    pub(super) max_head: usize,
    pub(super) max_body: u64,
    /// When the first byte of a head came that is not whole, in microseconds.
    pub(super) head_started: i64,
    pub(super) role: Role,
    pub(super) busy: u32,
    pub(super) state: u32,
    pub(super) options: c_int,
    pub(super) port: u16,
}

// Many idle connections should cost little.
const _: () = assert!(size_of::<evhttp_connection>() <= 280);

/// What a role does for its connections, so that what they share knows neither.
pub(super) struct Verbs {
    /// Reads what has come.
    pub drive: unsafe fn(*mut evhttp_connection),
    /// Everything that was written has left.
    pub written: unsafe fn(*mut evhttp_connection),
    /// It is connected.
    pub connected: unsafe fn(*mut evhttp_connection),
    /// It ended, or had an error or a time-out.
    pub ended: unsafe fn(*mut evhttp_connection, c_short),
    /// The program freed the request that is under way.
    pub abandon: unsafe fn(*mut evhttp_connection),
    /// It is being freed: ends what else knows of it.
    pub stop: unsafe fn(*mut evhttp_connection),
}

/// Makes a bufferevent for a new connection.
pub type BevFn = unsafe extern "C-unwind" fn(*mut event_base, *mut c_void) -> *mut bufferevent;
/// Sees a new request.
pub type NewRequestFn = unsafe extern "C-unwind" fn(*mut evhttp_request, *mut c_void) -> c_int;
/// Writes an error's page.
pub type ErrorPageFn =
    unsafe extern "C-unwind" fn(*mut evhttp_request, *mut evbuffer, c_int, *const c_char, *mut c_void) -> c_int;
/// Sees a socket.
pub type SocketFn = unsafe extern "C-unwind" fn(*mut evhttp_bound_socket, *mut c_void);

/// Memory that connections share for what takes a few lines.
pub(super) struct Scratch {
    pub head: Head,
    pub out: Vec<u8>,
    pub peer: libc::sockaddr_storage,
    date: [u8; 29],
    date_at: i64,
}

impl Scratch {
    pub const fn new() -> Self {
        Self {
            head: Head::new(),
            out: Vec::new(),
            // SAFETY: plain numbers, of which zero is a value.
            peer: unsafe { core::mem::zeroed() },
            date: [b' '; 29],
            date_at: -1,
        }
    }

    /// The current date as HTTP writes it, and the memory for what is written.
    pub fn dated(&mut self) -> (&[u8], &mut Vec<u8>) {
        // SAFETY: no argument.
        let now = unsafe { libc::time(ptr::null_mut()) };
        if now != self.date_at {
            self.date_at = now;
            let text = write::date(now);
            let n = text.len().min(self.date.len());
            self.date[..n].copy_from_slice(&text.as_bytes()[..n]);
        }
        (&self.date, &mut self.out)
    }
}

/// What a path leads to.
pub(super) struct Callback {
    pub(super) path: Vec<u8>,
    pub(super) function: Option<RequestFn>,
    pub(super) arg: *mut c_void,
}

/// `struct evhttp`, opaque to C.
pub struct evhttp {
    pub(super) base: *mut event_base,
    pub(super) scratch: Scratch,
    pub(super) sockets: Vec<*mut evhttp_bound_socket>,
    pub(super) callbacks: Vec<Callback>,
    pub(super) hosts: Vec<(Vec<u8>, *mut evhttp)>,
    pub(super) aliases: Vec<Vec<u8>>,
    /// The server that this is a virtual host of.
    pub(super) parent: *mut evhttp,
    pub(super) connections: *mut evhttp_connection,
    /// What lives on connections that left HTTP.
    pub(super) sessions: Sessions,
    pub(super) spares: Spares,
    pub(super) count: c_int,
    pub(super) max_connections: c_int,
    pub(super) general: Option<RequestFn>,
    pub(super) general_arg: *mut c_void,
    pub(super) bevcb: Option<BevFn>,
    pub(super) bevarg: *mut c_void,
    pub(super) newreqcb: Option<NewRequestFn>,
    pub(super) newreqarg: *mut c_void,
    pub(super) errorcb: Option<ErrorPageFn>,
    pub(super) errorarg: *mut c_void,
    pub(super) ext_cmp: Option<ExtMethodFn>,
    pub(super) content_type: *mut c_char,
    pub(super) allowed: u32,
    pub(super) flags: c_int,
    pub(super) read_timeout: timeval,
    pub(super) write_timeout: timeval,
    pub(super) max_head: usize,
    pub(super) max_body: u64,
    /// Requests of HTTP/1.1 without `Host` are served: the original's calls of remote functions have none.
    pub(super) without_host: bool,
}

/// `struct evhttp_bound_socket`, opaque to C.
pub struct evhttp_bound_socket {
    pub(super) http: *mut evhttp,
    pub(super) listener: *mut evconnlistener,
    pub(super) bevcb: Option<BevFn>,
    pub(super) bevarg: *mut c_void,
}

/// What only clients have.
pub(super) struct ClientPart {
    pub scratch: Scratch,
    pub(super) dns: *mut c_void,
    pub(super) local_address: *mut c_char,
    pub(super) unix_socket: *mut c_char,
    pub(super) timer: *mut event,
    /// The address that was connected to, and its length.
    pub(super) reached: libc::sockaddr_storage,
    pub(super) reached_len: libc::socklen_t,
    pub(super) connect_timeout: timeval,
    pub(super) first_delay: timeval,
    pub(super) retries: c_int,
    pub(super) tried: c_int,
    pub(super) family: c_int,
    pub(super) ext_cmp: Option<ExtMethodFn>,
    /// Bytes of the request that is on its way.
    pub(super) request_len: usize,
    /// An error of writing, to be reported where no answer comes.
    pub(super) write_failed: bool,
    /// The connection ends with the answer, without having said so: it is closed behind the callback.
    pub(super) until_close: bool,
    pub(super) local_port: u16,
}

/// Frees a client's part.
///
/// # Safety
/// `part` is null, or nobody uses it.
pub(super) unsafe fn free_part(part: *mut ClientPart) {
    if part.is_null() {
        return;
    }
    // SAFETY: `part` is null, or nobody uses it, as promised.
    unsafe {
        mm::free((*part).local_address.cast());
        mm::free((*part).unix_socket.cast());
        if !(*part).timer.is_null() {
            calls::event_free((*part).timer);
        }
        ptr::drop_in_place(part);
        mm::free(part.cast());
    }
}

/// Requests that were answered, for those that come.
pub(super) struct Spares {
    pub(super) first: *mut evhttp_request,
    pub(super) len: u32,
}

impl Spares {
    pub const NONE: Self = Self { first: ptr::null_mut(), len: 0 };
}

/// `struct evhttp_uri`, opaque to C. Each string is null, lies in the room behind the object, or is of the hooks.
#[repr(C)]
pub struct evhttp_uri {
    pub(super) flags: c_uint,
    pub(super) port: c_int,
    /// Bytes behind the object.
    pub(super) room: usize,
    pub(super) scheme: *mut c_char,
    pub(super) userinfo: *mut c_char,
    pub(super) host: *mut c_char,
    pub(super) unix_socket: *mut c_char,
    pub(super) path: *mut c_char,
    pub(super) query: *mut c_char,
    pub(super) fragment: *mut c_char,
}
