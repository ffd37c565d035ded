//! Hooks of bases and pools, requests that they paused, and the data that they keep.

use super::abi::evrpc_req_generic;
use crate::buffer::evbuffer;
use crate::http::abi::evhttp_request;
use crate::http::connection::evhttp_connection;
use alloc::{boxed::Box, vec::Vec};
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::{ptr, slice};
use evoxide_ffi::cstr;
use evoxide_proto::rpc::{Meta, Verdict};

pub type HookFn = unsafe extern "C-unwind" fn(*mut c_void, *mut evhttp_request, *mut evbuffer, *mut c_void) -> c_int;

/// `EVRPC_OUTPUT`.
const OUTPUT: c_uint = 1;

#[derive(Clone, Copy)]
struct Hook {
    id: usize,
    cb: HookFn,
    arg: *mut c_void,
}

struct Paused {
    ctx: *mut c_void,
    resume: unsafe fn(*mut c_void, Verdict),
}

/// The front of every base and pool.
#[derive(Default)]
pub struct Hooks {
    last: usize,
    input: Vec<Hook>,
    output: Vec<Hook>,
    paused: Vec<Paused>,
}

impl Hooks {
    fn list(&mut self, kind: c_uint) -> &mut Vec<Hook> {
        if kind == OUTPUT { &mut self.output } else { &mut self.input }
    }

    /// Forgets that a request is paused, and says how it would go on.
    fn take(&mut self, ctx: *mut c_void) -> Option<unsafe fn(*mut c_void, Verdict)> {
        let at = self.paused.iter().position(|p| p.ctx == ctx)?;
        Some(self.paused.remove(at).resume)
    }

    /// One of the paused requests.
    pub fn any_paused(&mut self) -> Option<*mut c_void> {
        self.paused.pop().map(|p| p.ctx)
    }
}

/// `struct evrpc_hook_meta`: the first field of every context points to one.
pub struct evrpc_hook_meta {
    evcon: *mut evhttp_connection,
    kept: Meta,
}

/// The data of a context, made where there is none.
unsafe fn meta_of(ctx: *mut c_void) -> *mut evrpc_hook_meta {
    // SAFETY: a context begins with this field, in the client's as in the server's.
    unsafe {
        let place = ctx.cast::<*mut evrpc_hook_meta>();
        if (*place).is_null() {
            *place = Box::into_raw(Box::new(evrpc_hook_meta { evcon: ptr::null_mut(), kept: Meta::default() }));
        }
        *place
    }
}

/// Frees the data of a context.
///
/// # Safety
/// It came from here, or is null; nobody uses it any more.
pub unsafe fn free_meta(meta: *mut evrpc_hook_meta) {
    if !meta.is_null() {
        // SAFETY: made by `meta_of`.
        drop(unsafe { Box::from_raw(meta) });
    }
}

/// A request as hooks get it.
#[derive(Clone, Copy)]
pub struct Subject {
    pub ctx: *mut c_void,
    pub req: *mut evhttp_request,
    pub data: *mut evbuffer,
    pub evcon: *mut evhttp_connection,
    /// How it goes on if a hook pauses it.
    pub resume: unsafe fn(*mut c_void, Verdict),
}

/// Runs the hooks of one direction until one says other than to go on; a paused request is noted.
///
/// # Safety
/// Owner and subject live, and the owner outlives the hooks.
unsafe fn run(hooks: *mut Hooks, kind: c_uint, subject: Subject) -> Verdict {
    // SAFETY: the caller's promise; each hook is copied before it is called, and looked up again by its number after it.
    unsafe {
        let mut last = 0;
        loop {
            let next = (*hooks).list(kind).iter().find(|hook| hook.id > last).copied();
            let Some(hook) = next else { return Verdict::Continue };
            last = hook.id;
            (*meta_of(subject.ctx)).evcon = subject.evcon;
            match Verdict::from((hook.cb)(subject.ctx, subject.req, subject.data, hook.arg)) {
                Verdict::Continue => {}
                Verdict::Terminate => return Verdict::Terminate,
                Verdict::Pause => {
                    (*hooks).paused.push(Paused { ctx: subject.ctx, resume: subject.resume });
                    return Verdict::Pause;
                }
            }
        }
    }
}

/// [`run`] for what comes in.
pub unsafe fn input(hooks: *mut Hooks, subject: Subject) -> Verdict {
    // SAFETY: `hooks` is null or of its type.
    unsafe { run(hooks, 0, subject) }
}

/// [`run`] for what goes out.
pub unsafe fn output(hooks: *mut Hooks, subject: Subject) -> Verdict {
    // SAFETY: `hooks` is null or of its type.
    unsafe { run(hooks, OUTPUT, subject) }
}

/// Adds a hook; its handle, or null for an unknown kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_add_hook(
    vbase: *mut c_void,
    kind: c_uint,
    cb: Option<HookFn>,
    arg: *mut c_void,
) -> *mut c_void {
    let Some(cb) = cb.filter(|_| kind <= OUTPUT) else { return ptr::null_mut() };
    // SAFETY: a base or a pool, which begin with their hooks.
    let hooks = unsafe { &mut *vbase.cast::<Hooks>() };
    hooks.last += 1;
    let id = hooks.last;
    hooks.list(kind).push(Hook { id, cb, arg });
    ptr::without_provenance_mut(id)
}

/// Removes a hook; 1, or 0 where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_remove_hook(vbase: *mut c_void, kind: c_uint, handle: *mut c_void) -> c_int {
    if kind > OUTPUT {
        return 0;
    }
    // SAFETY: a base or a pool.
    let list = unsafe { (*vbase.cast::<Hooks>()).list(kind) };
    let before = list.len();
    list.retain(|hook| hook.id != handle.addr());
    c_int::from(list.len() < before)
}

/// Goes on with a paused request; 0, or -1 where it is not paused.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evrpc_resume_request(vbase: *mut c_void, ctx: *mut c_void, res: c_int) -> c_int {
    // SAFETY: a base or a pool; a context in its list is alive.
    unsafe {
        let Some(resume) = (*vbase.cast::<Hooks>()).take(ctx) else { return -1 };
        resume(ctx, Verdict::from(res));
    }
    0
}

/// Keeps a copy of data with a request.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_hook_add_meta(ctx: *mut c_void, key: *const c_char, data: *const c_void, size: usize) {
    // SAFETY: a hook's context; text that ends in a zero byte; data of `size` bytes.
    unsafe {
        let Some(key) = cstr::bytes(key) else { return };
        let data = if data.is_null() { &[] } else { slice::from_raw_parts(data.cast::<u8>(), size) };
        (*meta_of(ctx)).kept.keep(key, data);
    }
}

/// Finds data that was kept with a request; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_hook_find_meta(
    ctx: *mut c_void,
    key: *const c_char,
    data: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    // SAFETY: a hook's context; text that ends in a zero byte; two places. What is kept stays where it is.
    unsafe {
        let meta = *ctx.cast::<*mut evrpc_hook_meta>();
        let (Some(meta), Some(key)) = (meta.as_ref(), cstr::bytes(key)) else { return -1 };
        let Some(found) = meta.kept.find(key) else { return -1 };
        data.write(found.as_ptr().cast_mut().cast());
        size.write(found.len());
    }
    0
}

/// The connection of a hook's request, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_hook_get_connection(ctx: *mut c_void) -> *mut evhttp_connection {
    // SAFETY: a hook's context.
    unsafe { (*ctx.cast::<*mut evrpc_hook_meta>()).as_ref().map_or(ptr::null_mut(), |meta| meta.evcon) }
}

/// The request's message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_get_request(req: *mut evrpc_req_generic) -> *mut c_void {
    // SAFETY: a request of a command.
    unsafe { (*req).request }
}

/// The reply's message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evrpc_get_reply(req: *mut evrpc_req_generic) -> *mut c_void {
    // SAFETY: a request of a command.
    unsafe { (*req).reply }
}
