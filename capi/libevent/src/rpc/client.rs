//! Pools of connections, and the requests that go over them.

use super::abi::{FreeFn, MarshalFn, StatusFn, UnmarshalFn, evrpc_status};
use super::calls;
use super::hooks::{self, Hooks, Subject, evrpc_hook_meta};
use super::server::path;
use crate::abi::event::event;
use crate::base::event_base;
use crate::http::abi::evhttp_request;
use crate::http::connection::{evhttp_connection, has_usual_timeout};
use alloc::{boxed::Box, vec::Vec};
use core::ffi::{c_char, c_int, c_short, c_void};
use core::ptr;
use evoxide_ffi::mm;
use evoxide_proto::rpc::{self, Outcome, Verdict};
use libc::timeval;

/// `struct evrpc_pool`.
#[repr(C)]
pub struct evrpc_pool {
    hooks: Hooks,
    base: *mut event_base,
    connections: Vec<*mut evhttp_connection>,
    queued: Vec<*mut evrpc_request_wrapper>,
    /// On a connection, or paused on the way to it.
    active: Vec<*mut evrpc_request_wrapper>,
    timeout: c_int,
    entered: u32,
    freed: bool,
}

/// `struct evrpc_request_wrapper`.
#[repr(C)]
pub struct evrpc_request_wrapper {
    meta: *mut evrpc_hook_meta,
    pool: *mut evrpc_pool,
    /// Null before and after.
    evcon: *mut evhttp_connection,
    req: *mut evhttp_request,
    timer: *mut event,
    /// The request is this context's own.
    owned: bool,
    name: *mut c_char,
    request: *mut c_void,
    reply: *mut c_void,
    marshal: Option<MarshalFn>,
    clear: Option<FreeFn>,
    unmarshal: Option<UnmarshalFn>,
    cb: Option<StatusFn>,
    arg: *mut c_void,
}

/// Keeps a pool's memory until [`leave`].
unsafe fn enter(pool: *mut evrpc_pool) {
    // SAFETY: the caller's live pool.
    unsafe { (*pool).entered += 1 };
}

/// The last to leave a pool that was freed frees its memory.
unsafe fn leave(pool: *mut evrpc_pool) {
    // SAFETY: entered before, so the memory is there.
    unsafe {
        (*pool).entered -= 1;
        if (*pool).entered == 0 && (*pool).freed {
            drop(Box::from_raw(pool));
        }
    }
}

/// A pool of connections.
#[unsafe(no_mangle)]
pub extern "C" fn evrpc_pool_new(base: *mut event_base) -> *mut evrpc_pool {
    Box::into_raw(Box::new(evrpc_pool {
        hooks: Hooks::default(),
        base,
        connections: Vec::new(),
        queued: Vec::new(),
        active: Vec::new(),
        timeout: -1,
        entered: 0,
        freed: false,
    }))
}

/// Frees a pool with its connections; its requests go without a call.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_pool_free(pool: *mut evrpc_pool) {
    // SAFETY: the caller gives the pool up; entered until the end.
    unsafe {
        if (*pool).freed {
            return;
        }
        enter(pool);
        (*pool).freed = true;
        while let Some(ctx) = (*pool).queued.pop() {
            free(ctx);
        }
        while (*pool).hooks.any_paused().is_some() {}
        while let Some(ctx) = (*pool).active.pop() {
            if !(*ctx).evcon.is_null() && !(*ctx).owned && !(*pool).connections.contains(&(*ctx).evcon) {
                // Its connection left the pool; the answer finds a context without one.
                (*ctx).pool = ptr::null_mut();
                stop_timer(ctx);
                continue;
            }
            free(ctx);
        }
        while let Some(evcon) = (*pool).connections.pop() {
            calls::evhttp_connection_free(evcon);
        }
        leave(pool);
    }
}

/// Gives the pool a connection.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_pool_add_connection(pool: *mut evrpc_pool, evcon: *mut evhttp_connection) {
    // SAFETY: a pool and a new connection.
    unsafe {
        (*pool).connections.push(evcon);
        if !(*pool).base.is_null() {
            calls::evhttp_connection_set_base(evcon, (*pool).base);
        }
        if (*pool).timeout >= 0 && has_usual_timeout(evcon) {
            calls::evhttp_connection_set_timeout(evcon, (*pool).timeout);
        }
        schedule(pool);
    }
}

/// Takes a connection back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_pool_remove_connection(pool: *mut evrpc_pool, evcon: *mut evhttp_connection) {
    // SAFETY: a pool; the connection is only compared.
    unsafe {
        (*pool).connections.retain(|&c| c != evcon);
        for &ctx in (*pool).active.iter().filter(|&&ctx| (*ctx).evcon == evcon) {
            stop_timer(ctx);
        }
    }
}

/// Sets the seconds after which requests fail.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_pool_set_timeout(pool: *mut evrpc_pool, seconds: c_int) {
    // SAFETY: a pool, whose connections live.
    unsafe {
        (*pool).timeout = seconds;
        for &evcon in &(*pool).connections {
            calls::evhttp_connection_set_timeout(evcon, seconds);
        }
    }
}

/// A request that is not sent yet; null without memory.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "the header's declaration")]
pub unsafe extern "C" fn evrpc_make_request_ctx(
    pool: *mut evrpc_pool,
    request: *mut c_void,
    reply: *mut c_void,
    name: *const c_char,
    marshal: Option<MarshalFn>,
    clear: Option<FreeFn>,
    unmarshal: Option<UnmarshalFn>,
    cb: Option<StatusFn>,
    arg: *mut c_void,
) -> *mut evrpc_request_wrapper {
    // SAFETY: text that ends in a zero byte; all-zero is a value of the fresh memory.
    unsafe {
        let ctx = mm::calloc(1, size_of::<evrpc_request_wrapper>()).cast::<evrpc_request_wrapper>();
        let Some(own) = ctx.as_mut() else { return ctx };
        own.name = mm::strdup(name);
        if own.name.is_null() {
            mm::free(ctx.cast());
            return ptr::null_mut();
        }
        (own.pool, own.request, own.reply) = (pool, request, reply);
        (own.marshal, own.clear, own.unmarshal) = (marshal, clear, unmarshal);
        (own.cb, own.arg) = (cb, arg);
        ctx
    }
}

/// Queues a request and sends what can be sent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_make_request(ctx: *mut evrpc_request_wrapper) -> c_int {
    // SAFETY: a request that was not sent; its pool lives.
    unsafe {
        let pool = (*ctx).pool;
        (*ctx).timer = calls::event_new((*pool).base, -1, 0, Some(on_timeout), ctx.cast());
        (*pool).queued.push(ctx);
        schedule(pool);
    }
    0
}

/// Makes a request and queues it; 0, or -1.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "the header's declaration")]
pub unsafe extern "C-unwind" fn evrpc_send_request_generic(
    pool: *mut evrpc_pool,
    request: *mut c_void,
    reply: *mut c_void,
    cb: Option<StatusFn>,
    arg: *mut c_void,
    name: *const c_char,
    marshal: Option<MarshalFn>,
    clear: Option<FreeFn>,
    unmarshal: Option<UnmarshalFn>,
) -> c_int {
    // SAFETY: the same arguments, by the same promise.
    unsafe {
        let ctx = evrpc_make_request_ctx(pool, request, reply, name, marshal, clear, unmarshal, cb, arg);
        if ctx.is_null() { -1 } else { evrpc_make_request(ctx) }
    }
}

/// The pool of a request.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_request_get_pool(ctx: *mut evrpc_request_wrapper) -> *mut evrpc_pool {
    // SAFETY: a live request.
    unsafe { (*ctx).pool }
}

/// Replaces the pool of a request.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_request_set_pool(ctx: *mut evrpc_request_wrapper, pool: *mut evrpc_pool) {
    // SAFETY: a request that was not sent.
    unsafe { (*ctx).pool = pool };
}

/// Replaces the callback of a request.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_request_set_cb(ctx: *mut evrpc_request_wrapper, cb: Option<StatusFn>, arg: *mut c_void) {
    // SAFETY: a live request.
    unsafe { ((*ctx).cb, (*ctx).arg) = (cb, arg) };
}

/// Sends queued requests over the connections that have none.
unsafe fn schedule(pool: *mut evrpc_pool) {
    // SAFETY: the caller's live pool; entered, as hooks run below.
    unsafe {
        enter(pool);
        while let Some((ctx, evcon)) = next(pool) {
            start(ctx, evcon);
        }
        leave(pool);
    }
}

/// The oldest queued request and a connection for it; it counts as active from now on.
unsafe fn next(pool: *mut evrpc_pool) -> Option<(*mut evrpc_request_wrapper, *mut evhttp_connection)> {
    // SAFETY: an entered pool; contexts in its lists live.
    unsafe {
        let pool = &mut *pool;
        let busy = |c| pool.active.iter().any(|&ctx| (*ctx).evcon == c);
        let evcon = pool.connections.iter().copied().find(|&c| !busy(c))?;
        if pool.queued.is_empty() {
            return None;
        }
        let ctx = pool.queued.remove(0);
        (*ctx).evcon = evcon;
        pool.active.push(ctx);
        Some((ctx, evcon))
    }
}

/// Writes a request's message and asks the hooks.
unsafe fn start(ctx: *mut evrpc_request_wrapper, evcon: *mut evhttp_connection) {
    // SAFETY: an active context of an entered pool.
    unsafe {
        let pool = (*ctx).pool;
        let req = calls::evhttp_request_new(Some(on_answer), ctx.cast());
        let Some(write) = (*ctx).marshal.filter(|_| !req.is_null()) else {
            return finish(ctx, Outcome::Unstarted);
        };
        (*ctx).req = req;
        (*ctx).owned = true;
        write((*req).output_buffer, (*ctx).request);
        let data = (*req).output_buffer;
        let subject = Subject { ctx: ctx.cast(), req, data, evcon, resume: send };
        match hooks::output(&raw mut (*pool).hooks, subject) {
            _ if (*pool).freed => {}
            Verdict::Pause => {}
            verdict => send(ctx.cast(), verdict),
        }
    }
}

/// Sends a request that the hooks let through.
unsafe fn send(ctx: *mut c_void, verdict: Verdict) {
    // SAFETY: an active context with a request of its own.
    unsafe {
        let ctx = ctx.cast::<evrpc_request_wrapper>();
        if verdict != Verdict::Continue {
            return finish(ctx, Outcome::Unstarted);
        }
        let path = path((*ctx).name);
        if path.is_null() {
            return finish(ctx, Outcome::Unstarted);
        }
        if (*(*ctx).pool).timeout > 0 && !(*ctx).timer.is_null() {
            calls::event_add((*ctx).timer, &timeval { tv_sec: (*(*ctx).pool).timeout.into(), tv_usec: 0 });
        }
        (*ctx).owned = false;
        let sent = calls::evhttp_make_request((*ctx).evcon, (*ctx).req, calls::POST, path);
        mm::free(path.cast());
        if sent != 0 {
            (*ctx).req = ptr::null_mut();
            finish(ctx, Outcome::Unstarted);
        }
    }
}

/// The answer is there, or the connection gave up.
unsafe extern "C-unwind" fn on_answer(req: *mut evhttp_request, arg: *mut c_void) {
    // SAFETY: the argument is the context, which lives until its answer; a request lives for this call.
    unsafe {
        let ctx = arg.cast::<evrpc_request_wrapper>();
        let pool = (*ctx).pool;
        stop_timer(ctx);
        if req.is_null() || pool.is_null() {
            (*ctx).req = ptr::null_mut();
            return finish(ctx, Outcome::Timeout);
        }
        calls::evhttp_request_own(req);
        ((*ctx).req, (*ctx).owned) = (req, true);
        enter(pool);
        let (data, evcon) = ((*req).input_buffer, (*ctx).evcon);
        let subject = Subject { ctx: ctx.cast(), req, data, evcon, resume: receive };
        match hooks::input(&raw mut (*pool).hooks, subject) {
            _ if (*pool).freed => {}
            Verdict::Pause => {}
            verdict => receive(ctx.cast(), verdict),
        }
        leave(pool);
    }
}

/// Reads the reply that the hooks let through.
unsafe fn receive(ctx: *mut c_void, verdict: Verdict) {
    // SAFETY: an active context with an answer of its own.
    unsafe {
        let ctx = ctx.cast::<evrpc_request_wrapper>();
        let req = (*ctx).req;
        let outcome = match (verdict, (*ctx).unmarshal) {
            (Verdict::Continue, Some(read)) => {
                let good = rpc::may_reply((*req).response_code) && read((*ctx).reply, (*req).input_buffer) != -1;
                if good { Outcome::Done } else { Outcome::BadPayload }
            }
            _ => Outcome::Aborted,
        };
        finish(ctx, outcome);
    }
}

/// The pool's time for a request is over.
unsafe extern "C-unwind" fn on_timeout(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: a timer runs only while its context is on a connection.
    unsafe {
        let ctx = arg.cast::<evrpc_request_wrapper>();
        let req = (*ctx).req;
        (*ctx).req = ptr::null_mut();
        if !req.is_null() && !(*ctx).owned {
            calls::evhttp_cancel_request(req);
        }
        finish(ctx, Outcome::Timeout);
    }
}

/// Tells the program how a request ended, frees it, and goes on with the queue.
unsafe fn finish(ctx: *mut evrpc_request_wrapper, outcome: Outcome) {
    // SAFETY: an active context, or one whose pool is gone; no list has it while the callback runs.
    unsafe {
        let pool = (*ctx).pool;
        if pool.is_null() {
            return free(ctx);
        }
        enter(pool);
        (*pool).active.retain(|&other| other != ctx);
        if let Some(clear) = (*ctx).clear.filter(|_| !matches!(outcome, Outcome::Done | Outcome::Unstarted)) {
            clear((*ctx).reply);
        }
        let started = !matches!(outcome, Outcome::Unstarted);
        let http_req = if started { (*ctx).req } else { ptr::null_mut() };
        let mut status = evrpc_status { error: outcome.code(), http_req };
        if let Some(cb) = (*ctx).cb {
            cb(&mut status, (*ctx).request, (*ctx).reply, (*ctx).arg);
        }
        free(ctx);
        if !(*pool).freed {
            schedule(pool);
        }
        leave(pool);
    }
}

unsafe fn stop_timer(ctx: *mut evrpc_request_wrapper) {
    // SAFETY: a live context; its timer is its own.
    unsafe {
        if !(*ctx).timer.is_null() {
            calls::event_del((*ctx).timer);
        }
    }
}

/// Frees a context and what is its own.
unsafe fn free(ctx: *mut evrpc_request_wrapper) {
    // SAFETY: a live context that no list has.
    unsafe {
        if !(*ctx).timer.is_null() {
            calls::event_free((*ctx).timer);
        }
        if (*ctx).owned && !(*ctx).req.is_null() {
            calls::evhttp_request_free((*ctx).req);
        }
        hooks::free_meta((*ctx).meta);
        mm::free((*ctx).name.cast());
        mm::free(ctx.cast());
    }
}
