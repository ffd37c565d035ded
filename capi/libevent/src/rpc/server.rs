//! Commands that an HTTP server offers.

use super::abi::{CommandFn, CompleteFn, FreeFn, MarshalFn, NewFn, UnmarshalFn, evrpc, evrpc_req_generic};
use super::calls;
use super::hooks::{self, Hooks, Subject};
use crate::http::abi::evhttp_request;
use crate::http::server::evhttp;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::{self, NonNull};
use evoxide_ffi::{cstr, mm};
use evoxide_proto::rpc::{self, Verdict};

/// `struct evrpc_base`.
#[repr(C)]
pub struct evrpc_base {
    hooks: Hooks,
    http: *mut evhttp,
    commands: Vec<*mut evrpc>,
    /// Requests that are not answered yet.
    open: Vec<*mut evrpc_req_generic>,
}

/// A request, with a copy of its command: that may be withdrawn before the program answers.
#[repr(C)]
struct Context {
    public: evrpc_req_generic,
    command: evrpc,
}

/// The status of every answer that is no reply.
const UNAVAILABLE: c_int = 503;

/// The path of a command, from `malloc`; null without memory.
///
/// # Safety
/// `name` is text that ends in a zero byte.
pub unsafe fn path(name: *const c_char) -> *mut c_char {
    // SAFETY: the caller's text.
    match unsafe { cstr::bytes(name) } {
        Some(name) => mm::strdup_bytes(&rpc::path(name)),
        None => ptr::null_mut(),
    }
}

/// Commands on an HTTP server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_init(server: *mut evhttp) -> *mut evrpc_base {
    if !server.is_null() {
        // SAFETY: the caller's server.
        unsafe { evhttp::serve_without_host(server) };
    }
    let base = evrpc_base { hooks: Hooks::default(), http: server, commands: Vec::new(), open: Vec::new() };
    mm::alloc(base).map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Unregisters all and frees the base; paused requests are answered with an error.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_free(base: *mut evrpc_base) {
    // SAFETY: the caller gives the base up; its server lives.
    unsafe {
        while let Some(command) = (*base).commands.pop() {
            withdraw(base, command);
        }
        while let Some(ctx) = (*base).hooks.any_paused() {
            refuse(ctx.cast());
        }
        for &ctx in &(*base).open {
            // It can still be answered; no hook sees that.
            (*(*ctx).rpc).base = ptr::null_mut();
        }
        ptr::drop_in_place(base);
        mm::free(base.cast());
    }
}

/// Takes a command from the server and frees it.
unsafe fn withdraw(base: *mut evrpc_base, command: *mut evrpc) {
    // SAFETY: the base's own command, no longer in its list.
    unsafe {
        let path = path((*command).uri);
        if !path.is_null() {
            calls::evhttp_del_cb((*base).http, path);
        }
        mm::free(path.cast());
        mm::free((*command).uri.cast_mut().cast());
        mm::free(command.cast());
    }
}

/// Offers a command, which belongs to the base from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_register_rpc(
    base: *mut evrpc_base,
    command: *mut evrpc,
    cb: Option<CommandFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: a base, and a command that the caller filled in.
    unsafe {
        let path = path((*command).uri);
        if path.is_null() {
            return -1;
        }
        (*command).cb = cb;
        (*command).cb_arg = arg;
        (*command).base = base;
        (*base).commands.push(command);
        calls::evhttp_set_cb((*base).http, path, Some(on_request), command.cast());
        mm::free(path.cast());
    }
    0
}

/// Offers a command by its functions.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "the header's declaration")]
pub unsafe extern "C-unwind" fn evrpc_register_generic(
    base: *mut evrpc_base,
    name: *const c_char,
    cb: Option<CommandFn>,
    arg: *mut c_void,
    request_new: Option<NewFn>,
    request_new_arg: *mut c_void,
    request_free: Option<FreeFn>,
    request_unmarshal: Option<UnmarshalFn>,
    reply_new: Option<NewFn>,
    reply_new_arg: *mut c_void,
    reply_free: Option<FreeFn>,
    reply_complete: Option<CompleteFn>,
    reply_marshal: Option<MarshalFn>,
) -> c_int {
    // SAFETY: the caller's text; fresh memory of that size, of which all-zero is a value.
    unsafe {
        let command = mm::calloc(1, size_of::<evrpc>()).cast::<evrpc>();
        if command.is_null() {
            return -1;
        }
        let own = &mut *command;
        own.uri = mm::strdup(name);
        (own.request_new, own.request_new_arg) = (request_new, request_new_arg);
        (own.request_free, own.request_unmarshal) = (request_free, request_unmarshal);
        (own.reply_new, own.reply_new_arg) = (reply_new, reply_new_arg);
        (own.reply_free, own.reply_complete, own.reply_marshal) = (reply_free, reply_complete, reply_marshal);
        if own.uri.is_null() || evrpc_register_rpc(base, command, cb, arg) != 0 {
            mm::free((*command).uri.cast_mut().cast());
            mm::free(command.cast());
            return -1;
        }
    }
    0
}

/// Withdraws a command; 0, or -1 where there is none of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_unregister_rpc(base: *mut evrpc_base, name: *const c_char) -> c_int {
    // SAFETY: a base and text that ends in a zero byte.
    unsafe {
        let wanted = cstr::bytes(name);
        let found = (*base).commands.iter().position(|&command| cstr::bytes((*command).uri) == wanted);
        let Some(at) = found else { return -1 };
        let command = (*base).commands.remove(at);
        withdraw(base, command);
    }
    0
}

/// A request came for a command.
unsafe extern "C-unwind" fn on_request(req: *mut evhttp_request, arg: *mut c_void) {
    // SAFETY: HTTP's live request; the argument is the command, which is registered.
    unsafe {
        let command = arg.cast::<evrpc>();
        let base = (*command).base;
        let whole = mm::calloc(1, size_of::<Context>()).cast::<Context>();
        let empty = (*req).type_ != calls::POST || calls::evbuffer_get_length((*req).input_buffer) == 0;
        if empty || whole.is_null() || (*base).open.try_reserve(1).is_err() {
            mm::free(whole.cast());
            calls::evhttp_send_error(req, UNAVAILABLE, ptr::null());
            return;
        }
        (*whole).command = ptr::read(command);
        (*whole).command.uri = mm::strdup((*command).uri);
        (*whole).public.rpc = &raw mut (*whole).command;
        (*whole).public.http_req = req;
        let ctx = whole.cast::<evrpc_req_generic>();
        (*base).open.push(ctx);
        let (ctx, data, evcon) = (ctx.cast(), (*req).input_buffer, (*req).evcon);
        let subject = Subject { ctx, req, data, evcon, resume: accept };
        match hooks::input(&raw mut (*base).hooks, subject) {
            Verdict::Pause => {}
            verdict => accept(ctx, verdict),
        }
    }
}

/// Reads the request's message and calls the command.
unsafe fn accept(ctx: *mut c_void, verdict: Verdict) {
    // SAFETY: a live context, which has its command with it.
    unsafe {
        let ctx = ctx.cast::<evrpc_req_generic>();
        let command = (*ctx).rpc;
        let (Verdict::Continue, Some(make), Some(read), Some(cb)) =
            (verdict, (*command).request_new, (*command).request_unmarshal, (*command).cb)
        else {
            return refuse(ctx);
        };
        (*ctx).request = make((*command).request_new_arg);
        if (*ctx).request.is_null() || read((*ctx).request, (*(*ctx).http_req).input_buffer) == -1 {
            return refuse(ctx);
        }
        let Some(make) = (*command).reply_new else { return refuse(ctx) };
        (*ctx).reply = make((*command).reply_new_arg);
        if (*ctx).reply.is_null() {
            return refuse(ctx);
        }
        cb(ctx, (*command).cb_arg);
    }
}

/// Answers with an error and frees the context.
unsafe fn refuse(ctx: *mut evrpc_req_generic) {
    // SAFETY: a live context, given up here.
    unsafe {
        let req = (*ctx).http_req;
        free(ctx);
        calls::evhttp_send_error(req, UNAVAILABLE, ptr::null());
    }
}

/// Frees a context and its messages.
unsafe fn free(ctx: *mut evrpc_req_generic) {
    // SAFETY: a live context; the functions are those that go with its messages.
    unsafe {
        let command = (*ctx).rpc;
        if let Some(free) = (*command).request_free.filter(|_| !(*ctx).request.is_null()) {
            free((*ctx).request);
        }
        if let Some(free) = (*command).reply_free.filter(|_| !(*ctx).reply.is_null()) {
            free((*ctx).reply);
        }
        if !(*ctx).rpc_data.is_null() {
            calls::evbuffer_free((*ctx).rpc_data);
        }
        hooks::free_meta((*ctx).hook_meta);
        if let Some(base) = (*command).base.as_mut() {
            base.open.retain(|&other| other != ctx);
        }
        mm::free((*command).uri.cast_mut().cast());
        mm::free(ctx.cast());
    }
}

/// Sends the reply, or an error where it is not complete.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_request_done(ctx: *mut evrpc_req_generic) {
    // SAFETY: a context that a command got, given up here.
    unsafe {
        let (command, req) = ((*ctx).rpc, (*ctx).http_req);
        let (Some(complete), Some(write)) = ((*command).reply_complete, (*command).reply_marshal) else {
            return refuse(ctx);
        };
        if complete((*ctx).reply) == -1 {
            return refuse(ctx);
        }
        (*ctx).rpc_data = calls::evbuffer_new();
        if (*ctx).rpc_data.is_null() {
            return refuse(ctx);
        }
        write((*ctx).rpc_data, (*ctx).reply);
        let (data, evcon) = ((*ctx).rpc_data, (*req).evcon);
        let subject = Subject { ctx: ctx.cast(), req, data, evcon, resume: reply };
        let base = (*command).base;
        if base.is_null() {
            return reply(ctx.cast(), Verdict::Continue);
        }
        match hooks::output(&raw mut (*base).hooks, subject) {
            Verdict::Pause => {}
            verdict => reply(ctx.cast(), verdict),
        }
    }
}

/// Sends the reply that the hooks let through.
unsafe fn reply(ctx: *mut c_void, verdict: Verdict) {
    // SAFETY: a live context with its reply's data.
    unsafe {
        let ctx = ctx.cast::<evrpc_req_generic>();
        if verdict != Verdict::Continue {
            return refuse(ctx);
        }
        let (req, kind) = ((*ctx).http_req, c"Content-Type".as_ptr());
        if calls::evhttp_find_header((*req).output_headers, kind).is_null() {
            calls::evhttp_add_header((*req).output_headers, kind, c"application/octet-stream".as_ptr());
        }
        calls::evhttp_send_reply(req, 200, c"OK".as_ptr(), (*ctx).rpc_data);
        free(ctx);
    }
}
