//! Filters: a bufferevent whose data passes through two functions on its way from and to the bufferevent below.

use super::{Bev, Kind, LockFrom, buf, create, get, notice, rare, set, set_rare};
use crate::abi::bufferevent::{DataFn, EventFn, FILTER_OK, FilterFn, FreeFn, bufferevent, flush, opt};
use core::ffi::{c_int, c_short, c_void};
use core::ptr::{self, NonNull};
use evoxide_core::stream::{Direction, Hold};
use evoxide_ffi::mm;

/// The private part of a filter.
pub(crate) struct Filter {
    below: Bev,
    input: Option<FilterFn>,
    output: Option<FilterFn>,
    free: Option<FreeFn>,
    context: *mut c_void,
    /// The output function is running: what it or a callback adds is seen by its own loop.
    busy: bool,
    /// Input stayed below because this filter's own was full.
    starved: bool,
}

/// Reads or writes a word of the private part.
macro_rules! part {
    ($bev:expr, $field:ident) => {
        // SAFETY: a filter has its private part from its making to its end; the word is copied at once.
        unsafe { (*rare!($bev, link).cast::<Filter>()).$field }
    };
    ($bev:expr, $field:ident = $value:expr) => {{
        let value = $value;
        // SAFETY: as above; no reference to the word is kept anywhere.
        unsafe { (*rare!($bev, link).cast::<Filter>()).$field = value }
    }};
}

/// The bufferevent below.
pub(crate) fn below(bev: Bev) -> Option<Bev> {
    (get!(bev, kind) == Kind::Filter && !rare!(bev, link).is_null()).then(|| part!(bev, below))
}

/// Directions begin to flow.
pub(crate) fn start(bev: Bev, directions: Direction) -> c_int {
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

/// Reading stops: the one below must not go on either.
pub(crate) fn stop_reading(bev: Bev) {
    if let Some(below) = below(bev) {
        below.suspend(Direction::READ, Hold::FILTER);
    }
}

fn input_full(bev: Bev, mode: c_int) -> bool {
    mode == flush::NORMAL && bev.marks(Direction::READ).is_full(buf::len(bev.input()))
}

fn below_full(below: Bev, mode: c_int) -> bool {
    mode == flush::NORMAL && below.marks(Direction::WRITE).is_full(buf::len(below.output()))
}

/// What a function may write at most: up to the high mark, while nobody flushes.
fn limit(high: usize, len: usize, mode: c_int) -> isize {
    if mode == flush::NORMAL && high != 0 { high.saturating_sub(len) as isize } else { -1 }
}

/// Calls one of the two functions. Without one, everything is moved, and nothing counts as everything, too.
fn run(function: Option<FilterFn>, from: Buffer, to: Buffer, limit: isize, mode: c_int, context: *mut c_void) -> bool {
    match function {
        // SAFETY: the user's function with two live buffers, outside every section, a reference held.
        Some(function) => unsafe { function(from.cast(), to.cast(), limit, mode, context) == FILTER_OK },
        None => buf::pass(from, to, limit),
    }
}
type Buffer = *mut crate::buffer::evbuffer;

/// Runs the input function as long as it yields something. Answers whether it ever did. A reference is held.
fn process_input(bev: Bev, mode: c_int) -> bool {
    let below = part!(bev, below);
    let enabled = |b: Bev| b.machine(|m| m.enabled()).contains(Direction::READ);
    if mode == flush::NORMAL && (!enabled(bev) || input_full(bev, mode)) {
        return false;
    }
    let mut any = false;
    loop {
        let limit = limit(get!(bev, public.wm_read.high), buf::len(bev.input()), mode);
        let (from, to) = (below.input(), bev.input());
        let good = run(part!(bev, input), from, to, limit, mode, part!(bev, context));
        any |= good;
        if !good || bev.is_freed() || !enabled(bev) || buf::len(from) == 0 || input_full(bev, mode) {
            break;
        }
    }
    if any {
        bev.restart_timer(Direction::READ);
    }
    any
}

/// Runs the output function as long as it yields something and the user's write callback adds more. A reference is held.
fn process_output(bev: Bev, mode: c_int) -> bool {
    let below = part!(bev, below);
    let more = |b: Bev| {
        b.machine(|m| m.enabled()).contains(Direction::WRITE) && buf::len(b.output()) > 0 && !below_full(below, mode)
    };
    if part!(bev, busy) || mode == flush::NORMAL && !more(bev) {
        return false;
    }
    part!(bev, busy = true);
    let mut any = false;
    loop {
        let (mut good, mut yielded) = (true, false);
        while good {
            let limit = limit(get!(below, public.wm_write.high), buf::len(below.output()), mode);
            let (from, to) = (bev.output(), below.output());
            good = run(part!(bev, output), from, to, limit, mode, part!(bev, context));
            yielded |= good;
            if !more(bev) {
                break;
            }
        }
        any |= yielded;
        if !yielded {
            break;
        }
        notice::data(bev, Direction::WRITE, 0);
        if !good || bev.is_freed() || !more(bev) {
            break;
        }
    }
    part!(bev, busy = false);
    if any {
        bev.restart_timer(Direction::WRITE);
    }
    any
}

/// The user added output.
pub(crate) fn output_grew(bev: Bev) {
    if rare!(bev, link).is_null() || part!(bev, busy) {
        return;
    }
    bev.hold();
    process_output(bev, flush::NORMAL);
    bev.release();
}

/// This filter's input changed: what was left below may find room now.
pub(crate) fn input_changed(bev: Bev) {
    if !rare!(bev, link).is_null() && part!(bev, starved) && !input_full(bev, flush::NORMAL) {
        bev.hold();
        read(bev);
        bev.release();
    }
}

/// Takes what came from below. A reference is held.
fn read(bev: Bev) {
    part!(bev, starved = false);
    if process_input(bev, flush::NORMAL) {
        if buf::len(part!(bev, below).input()) > 0 && input_full(bev, flush::NORMAL) {
            part!(bev, starved = true);
        }
        notice::data(bev, Direction::READ, 0);
    }
}

unsafe extern "C-unwind" fn below_read(_below: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: the filter takes its callbacks from the one below before it ends.
    let bev = unsafe { Bev::from_arg(arg) };
    if !bev.try_hold() {
        return;
    }
    read(bev);
    bev.release();
}

unsafe extern "C-unwind" fn below_write(_below: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: as in `below_read`.
    let bev = unsafe { Bev::from_arg(arg) };
    if !bev.try_hold() {
        return;
    }
    process_output(bev, flush::NORMAL);
    bev.release();
}

unsafe extern "C-unwind" fn below_event(_below: *mut bufferevent, what: c_short, arg: *mut c_void) {
    // SAFETY: as in `below_read`.
    let bev = unsafe { Bev::from_arg(arg) };
    if !bev.try_hold() {
        return;
    }
    notice::event(bev, evoxide_core::stream::What::from_bits_retain(what as u16), 0);
    bev.release();
}

/// `bufferevent_flush` of a filter. Answers whether anything was produced.
pub(crate) fn flush(bev: Bev, directions: Direction, mode: c_int) -> c_int {
    bev.hold();
    let mut any = false;
    if directions.contains(Direction::READ) {
        any |= process_input(bev, mode);
    }
    if directions.contains(Direction::WRITE) {
        any |= process_output(bev, mode);
    }
    super::data::flush(part!(bev, below), directions, mode);
    bev.release();
    c_int::from(any)
}

/// The last reference is gone: the one below is let go, or freed with it.
pub(crate) fn unlink(bev: Bev) {
    let Some(below) = below(bev) else { return };
    let ours = get!(below, public.cbarg) == bev.arg();
    if get!(bev, options) & opt::CLOSE_ON_FREE != 0 {
        super::data::free(below);
    } else if ours {
        set!(below, public.readcb, None);
        set!(below, public.writecb, None);
        set!(below, public.errorcb, None);
        set!(below, public.cbarg, ptr::null_mut());
        below.resume(Direction::READ, Hold::FILTER);
    }
}

/// Frees the private part, and answers the bufferevent below, of which one reference is to be given back.
pub(crate) fn finish(bev: Bev) -> Option<Bev> {
    let filter = NonNull::new(rare!(bev, link).cast::<Filter>())?;
    let (below, free, context) = (part!(bev, below), part!(bev, free), part!(bev, context));
    set_rare!(bev, link, ptr::null_mut());
    // SAFETY: made by `mm::alloc`; the handle was cleared, so nobody finds it any more.
    unsafe { mm::free_value(filter) };
    if let Some(free) = free {
        // SAFETY: the user's function with the user's context, once.
        unsafe { free(context) };
    }
    Some(below)
}

/// Puts a filter on top of a bufferevent, whose callbacks it takes over.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_filter_new(
    underlying: *mut bufferevent,
    input: Option<FilterFn>,
    output: Option<FilterFn>,
    options: c_int,
    free_context: Option<FreeFn>,
    context: *mut c_void,
) -> *mut bufferevent {
    // SAFETY: the caller's promise.
    let Some(below) = (unsafe { Bev::of(underlying) }) else { return ptr::null_mut() };
    let part = Filter { below, input, output, free: free_context, context, busy: false, starved: false };
    let Some(part) = mm::alloc(part) else { return ptr::null_mut() };
    let base = get!(below, public.ev_base);
    let Some(bev) = create(base, -1, options as u8, Kind::Filter, LockFrom::Other(below)) else {
        // SAFETY: nobody else knows it.
        unsafe { mm::free_value(part) };
        return ptr::null_mut();
    };
    set_rare!(bev, link, part.as_ptr().cast());
    below.hold();
    below.unlock();
    set!(below, public.readcb, Some(below_read as DataFn));
    set!(below, public.writecb, Some(below_write as DataFn));
    set!(below, public.errorcb, Some(below_event as EventFn));
    set!(below, public.cbarg, bev.arg());
    below.suspend(Direction::READ, Hold::FILTER);
    below.enable(Direction::READ | Direction::WRITE);
    bev.public()
}
