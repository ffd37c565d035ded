//! Filters: a bufferevent whose data passes through two functions on its way from and to the bufferevent below.

use super::handle::{Bev, Extension, Locked};
use super::lifecycle::{self, Plan};
use super::ops::{self, Ops};
use super::{buffers, callbacks};
use crate::abi::bufferevent::{FILTER_OK, FilterFn, FreeFn, bufferevent, flush};
use crate::buffer::EvBuffer;
use core::cell::Cell;
use core::ffi::{c_int, c_short, c_void};
use core::ptr::{self, NonNull};
use evoxide_core::stream::{Direction, Hold, What};
use evoxide_ffi::mm;

static OPS: Ops<Locked> = Ops {
    start,
    stop,
    output_grew,
    input_changed,
    flush,
    attached: ops::ignore_fd,
    below,
    unlink,
    finish,
    finalize: lifecycle::finalize,
    on_read: callbacks::read_timer,
    on_write: callbacks::write_timer,
};
static EXTENSION: Extension = Extension::shared(&OPS);

/// The private part of a filter.
struct Filter {
    below: NonNull<bufferevent>,
    input: Option<FilterFn>,
    output: Option<FilterFn>,
    free: Option<FreeFn>,
    context: *mut c_void,
    /// The output function is running: what it or a callback adds is seen by its own loop.
    busy: Cell<bool>,
    /// Input stayed below because this filter's own was full.
    starved: Cell<bool>,
}

/// The private part; `None` while the filter is being made.
fn part(bev: &Locked) -> Option<&Filter> {
    // SAFETY: null, or made with the filter, and freed with it.
    unsafe { bev.extension().link.get().cast::<Filter>().as_ref() }
}

impl Filter {
    /// The bufferevent below, which uses the same lock.
    fn below(&self) -> &Locked {
        // SAFETY: the filter has a reference to it.
        unsafe { Bev::from_arg(self.below.as_ptr().cast()) }.assume_locked()
    }
}

/// The bufferevent below.
fn below(bev: &Locked) -> Option<&Locked> {
    part(bev).map(Filter::below)
}

/// Directions begin to flow.
fn start(bev: &Locked, directions: Direction) -> c_int {
    if directions.contains(Direction::WRITE) {
        bev.restart_timer(Direction::WRITE);
    }
    if directions.contains(Direction::READ) {
        bev.restart_timer(Direction::READ);
        if let Some(below) = below(bev) {
            below.resume(Direction::READ, Hold::FILTER);
        }
    }
    0
}

/// Directions do not flow any more. Where reading stops, the one below must not go on either.
fn stop(bev: &Locked, directions: Direction) {
    if let (true, Some(below)) = (directions.contains(Direction::READ), below(bev)) {
        below.suspend(Direction::READ, Hold::FILTER);
    }
    for direction in directions.iter() {
        bev.del_event(direction);
    }
}

fn input_full(bev: &Locked, mode: c_int) -> bool {
    mode == flush::NORMAL && bev.marks(Direction::READ).is_full(bev.input().len())
}

fn below_full(below: &Locked, mode: c_int) -> bool {
    mode == flush::NORMAL && below.marks(Direction::WRITE).is_full(below.output().len())
}

/// What a function may write at most: up to the high mark, while nobody flushes.
fn limit(high: usize, len: usize, mode: c_int) -> isize {
    if mode == flush::NORMAL && high != 0 { high.saturating_sub(len) as isize } else { -1 }
}

/// Calls one of the two functions. Without one, everything is moved, and nothing counts as everything, too.
fn run(
    function: Option<FilterFn>,
    from: &EvBuffer,
    to: &EvBuffer,
    limit: isize,
    mode: c_int,
    context: *mut c_void,
) -> bool {
    match function {
        // SAFETY: the user's function with two live buffers, outside every section, a reference held.
        Some(function) => unsafe { function(from.raw().cast(), to.raw().cast(), limit, mode, context) == FILTER_OK },
        None => buffers::pass(from, to, limit),
    }
}

/// Runs the input function as long as it yields something. Returns whether it ever did. A reference is held.
fn process_input(bev: &Locked, mode: c_int) -> bool {
    let Some(part) = part(bev) else { return false };
    let below = part.below();
    let enabled = |b: &Locked| b.machine(|m| m.enabled()).contains(Direction::READ);
    if mode == flush::NORMAL && (!enabled(bev) || input_full(bev, mode)) {
        return false;
    }
    let mut any = false;
    loop {
        let limit = limit(bev.wm_read.get().high, bev.input().len(), mode);
        let (from, to) = (below.input(), bev.input());
        let good = run(part.input, from, to, limit, mode, part.context);
        any |= good;
        if !good || bev.is_freed() || !enabled(bev) || from.len() == 0 || input_full(bev, mode) {
            break;
        }
    }
    if any {
        bev.restart_timer(Direction::READ);
    }
    any
}

/// Runs the output function as long as it yields something and the user's write callback adds more. A reference is held. Returns
/// whether it ever did, or `any`, which says that a flush already moved input: then the write time-out begins again, too.
fn process_output(bev: &Locked, mode: c_int, mut any: bool) -> bool {
    let Some(part) = part(bev) else { return any };
    let below = part.below();
    let more = |b: &Locked| {
        b.machine(|m| m.enabled()).contains(Direction::WRITE) && b.output().len() > 0 && !below_full(below, mode)
    };
    if part.busy.get() || mode == flush::NORMAL && !more(bev) {
        return any;
    }
    part.busy.set(true);
    loop {
        let (mut good, mut yielded) = (true, false);
        while good {
            let limit = limit(below.wm_write.get().high, below.output().len(), mode);
            let (from, to) = (bev.output(), below.output());
            good = run(part.output, from, to, limit, mode, part.context);
            yielded |= good;
            if !more(bev) {
                break;
            }
        }
        any |= yielded;
        if !yielded {
            break;
        }
        callbacks::data(bev, Direction::WRITE, 0);
        if !good || bev.is_freed() || !more(bev) {
            break;
        }
    }
    part.busy.set(false);
    if any {
        bev.restart_timer(Direction::WRITE);
    }
    any
}

/// The user added output.
fn output_grew(bev: &Locked) {
    if part(bev).is_none_or(|part| part.busy.get()) {
        return;
    }
    bev.hold();
    process_output(bev, flush::NORMAL, false);
    bev.release();
}

/// This filter's input changed: what was left below may find room now.
fn input_changed(bev: &Locked) {
    if part(bev).is_some_and(|part| part.starved.get()) && !input_full(bev, flush::NORMAL) {
        bev.hold();
        read(bev);
        bev.release();
    }
}

/// Takes what came from below. A reference is held.
fn read(bev: &Locked) {
    let Some(part) = part(bev) else { return };
    part.starved.set(false);
    if process_input(bev, flush::NORMAL) {
        part.starved.set(part.below().input().len() > 0 && input_full(bev, flush::NORMAL));
        callbacks::data(bev, Direction::READ, 0);
    }
}

/// What the one below calls, with the filter as argument.
fn on_below(arg: *mut c_void, f: impl FnOnce(&Locked)) {
    // SAFETY: the filter takes its callbacks from the one below before it ends.
    let bev = unsafe { Bev::from_arg(arg) };
    let Some(bev) = bev.try_hold() else { return };
    f(bev);
    bev.release();
}

unsafe extern "C-unwind" fn below_read(_below: *mut bufferevent, arg: *mut c_void) {
    on_below(arg, read);
}

unsafe extern "C-unwind" fn below_write(_below: *mut bufferevent, arg: *mut c_void) {
    on_below(arg, |bev| {
        process_output(bev, flush::NORMAL, false);
    });
}

unsafe extern "C-unwind" fn below_event(_below: *mut bufferevent, what: c_short, arg: *mut c_void) {
    on_below(arg, |bev| callbacks::event(bev, What::from_bits_retain(what as u16), 0));
}

/// `bufferevent_flush` of a filter. Returns whether anything was produced.
fn flush(bev: &Locked, directions: Direction, mode: c_int) -> c_int {
    bev.hold();
    let mut any = false;
    if directions.contains(Direction::READ) {
        any |= process_input(bev, mode);
    }
    if directions.contains(Direction::WRITE) {
        any = process_output(bev, mode, any);
    }
    if let Some(below) = below(bev) {
        (below.ops().flush)(below, directions, mode);
    }
    bev.release();
    c_int::from(any)
}

/// The last reference is gone: the one below is let go, or freed with it.
fn unlink(bev: &Locked) {
    if let Some(below) = below(bev) {
        lifecycle::let_go(below, bev);
    }
}

/// Frees the private part, and returns the bufferevent below, of which one reference is to be given back.
fn finish(bev: &Locked) -> Option<&Locked> {
    let link = NonNull::new(bev.extension().link.get().cast::<Filter>())?;
    let (below, free, context) = part(bev).map(|part| (part.below(), part.free, part.context))?;
    bev.own_extension(|e| e.link.set(ptr::null_mut()));
    // SAFETY: made by `mm::alloc`; the link was cleared, so nobody finds it any more. The one below is referred to.
    let below = unsafe {
        let below = &*ptr::from_ref(below);
        mm::free_value(link);
        below
    };
    if let Some(free) = free {
        // SAFETY: the user's function with the user's context, once.
        unsafe { free(context) };
    }
    Some(below)
}

/// Puts a filter on top of a bufferevent, whose callbacks it takes over.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_filter_new(
    underlying: Option<&Bev>,
    input: Option<FilterFn>,
    output: Option<FilterFn>,
    options: c_int,
    free_context: Option<FreeFn>,
    context: *mut c_void,
) -> *mut bufferevent {
    let Some(below) = underlying else { return ptr::null_mut() };
    let part = Filter {
        below: NonNull::from(&**below),
        input,
        output,
        free: free_context,
        context,
        busy: Cell::new(false),
        starved: Cell::new(false),
    };
    let Some(part) = mm::alloc(part) else { return ptr::null_mut() };
    let plan = Plan {
        base: below.ev_base.get(),
        fd: None,
        options: options as u8,
        extension: &EXTENSION,
        extended: true,
        lock_of: Some(below),
        frozen: false,
    };
    let Some(bev) = lifecycle::create(&plan) else {
        // SAFETY: nobody else knows it.
        unsafe { mm::free_value(part) };
        return ptr::null_mut();
    };
    bev.own_extension(|e| e.link.set(part.as_ptr().cast()));
    let below = below.hold();
    below.unlock();
    below.set_callbacks(Some(below_read), Some(below_write), Some(below_event), bev.arg());
    below.suspend(Direction::READ, Hold::FILTER);
    below.enable(Direction::READ | Direction::WRITE);
    bev.public()
}
