//! Rate limits of streams and groups: both are a `Limit` of the core; the timers and members are kept here.
//!
//! Lock order: stream, then group, then base. A group that pauses tells nobody: each member finds out before its next read or
//! write, holds itself and joins the group's waiting list, which keeps a reference to it. A group that resumes takes that
//! list, gives up its own lock, and then goes through the list with the streams' locks.

use super::handle::{Bev, Locked};
use crate::abi::entry::Out;
use crate::abi::event::{ev, event};
use crate::base::{Base, event_base};
use crate::event as events;
use crate::event::pending::Blocking;
use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_short, c_void};
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use evoxide_core::rate::{Limit, MAX, Rate, Turn};
use evoxide_core::stream::{Allowance, Direction, Hold, MAX_SINGLE};
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::mm;
use libc::timeval;

/// `struct ev_token_bucket_cfg`.
pub struct ev_token_bucket_cfg {
    rate: Rate,
    tick: timeval,
}

/// What only limited bufferevents have.
pub(crate) struct Limits {
    cfg: Cell<*const ev_token_bucket_cfg>,
    machine: Cell<Limit>,
    group: Cell<*mut bufferevent_rate_limit_group>,
    /// In the group's waiting list, with a reference.
    waiting: Cell<bool>,
    /// Refills the bucket while a direction is held for it. Assigned with the first limit.
    refill: UnsafeCell<MaybeUninit<event>>,
}

/// `struct bufferevent_rate_limit_group`.
pub struct bufferevent_rate_limit_group {
    machine: UnsafeCell<Limit>,
    /// Members that hold themselves until the group resumes.
    waiting: UnsafeCell<Vec<NonNull<Bev>>>,
    lock: ExtLock,
    /// Where the next round of resuming begins: nobody is always last.
    turn: Cell<usize>,
    tick: Cell<timeval>,
    refill: UnsafeCell<MaybeUninit<event>>,
}

fn now_ms(base: Option<&Base>) -> u64 {
    base.map_or(0, |b| b.section(|core| core.now())) / 1_000_000
}

fn limits(bev: &Locked) -> Option<&Limits> {
    // SAFETY: null, or made by `limits_or_new`, and freed when the bufferevent is finalized.
    unsafe { bev.extension().limits.get().cast::<Limits>().as_ref() }
}

fn limits_or_new(bev: &Locked) -> Option<&Limits> {
    if bev.is_unlimited() {
        if !bev.extension_or_new() {
            return None;
        }
        let none = Rate::new((1, 1), (1, 1), 1)?;
        let made = mm::alloc(Limits {
            cfg: Cell::new(ptr::null()),
            machine: Cell::new(Limit::of_one(none, 0)),
            group: Cell::new(ptr::null_mut()),
            waiting: Cell::new(false),
            refill: UnsafeCell::new(MaybeUninit::zeroed()),
        })?;
        bev.own_extension(|e| e.limits.set(made.as_ptr().cast()));
    }
    limits(bev)
}

impl Limits {
    /// The configured limit of a stream.
    fn rate(&self) -> Option<(Rate, timeval)> {
        // SAFETY: a configuration outlives its use by streams: that is its user's duty.
        unsafe { self.cfg.get().as_ref() }.map(|cfg| (cfg.rate, cfg.tick))
    }

    /// The group that it belongs to.
    fn group(&self) -> Option<&bufferevent_rate_limit_group> {
        // SAFETY: a group outlives its members: that is its user's duty.
        unsafe { self.group.get().as_ref() }
    }

    fn refill(&self) -> *mut event {
        self.refill.get().cast()
    }

    fn level(&self, direction: Direction) -> isize {
        self.machine.get().level(direction)
    }

    /// Changes the stream's own limit.
    fn with<R>(&self, f: impl FnOnce(&mut Limit) -> R) -> R {
        let mut machine = self.machine.get();
        let result = f(&mut machine);
        self.machine.set(machine);
        result
    }
}

/// Gives the bucket what the time since its last refill allows. What is held goes on when its timer comes.
fn update(bev: &Locked, limits: &Limits, rate: &Rate) {
    let _ = limits.with(|machine| machine.tick(rate.tick_at(now_ms(bev.base()))));
}

/// How much may be moved now, at most what one read or write moves. Holds the direction if its group is paused.
#[inline]
pub(crate) fn allowance(bev: &Locked, direction: Direction) -> Allowance {
    if bev.extension().is_shared() {
        return Allowance::Free;
    }
    let bound = bev.bounds().allowance(direction);
    if bev.is_unlimited() { bound } else { Allowance::AtMost(limited_allowance(bev, direction, bound.or(MAX_SINGLE))) }
}

#[cold]
fn limited_allowance(bev: &Locked, direction: Direction, mut max: usize) -> usize {
    let Some(limits) = limits(bev) else { return max };
    if let Some((rate, _)) = limits.rate() {
        update(bev, limits, &rate);
        max = max.min(limits.level(direction).max(0) as usize);
    }
    if let Some(group) = limits.group() {
        match group.with(|machine, _| machine.allowance(direction)) {
            Some(share) => max = max.min(share),
            None => {
                wait(bev, limits, group, direction);
                max = 0;
            }
        }
    }
    max
}

/// Books what was moved.
#[inline]
pub(crate) fn spend(bev: &Locked, direction: Direction, amount: usize) {
    if !bev.is_unlimited() {
        spend_limited(bev, direction, amount);
    }
}

#[cold]
fn spend_limited(bev: &Locked, direction: Direction, amount: usize) {
    let Some(limits) = limits(bev) else { return };
    if limits.rate().is_some() {
        take(bev, limits, direction, amount.min(MAX) as isize);
    }
    if let Some(group) = limits.group()
        && group.with(|machine, _| machine.spend(direction, amount)) == Turn::Pause
    {
        wait(bev, limits, group, direction);
    }
}

/// Holds a member until its group resumes. Without memory for the waiting list it is not held, and asks again when it is ready.
fn wait(bev: &Locked, limits: &Limits, group: &bufferevent_rate_limit_group, direction: Direction) {
    if !limits.waiting.get() {
        let listed = group.with(|_, waiting| {
            waiting.try_reserve(1).is_ok() && {
                waiting.push(NonNull::from(&**bev));
                true
            }
        });
        if !listed {
            return;
        }
        limits.waiting.set(true);
        bev.refs.set(bev.refs.get() + 1);
    }
    bev.suspend(direction, Hold::GROUP);
}

/// Takes a member off its group's waiting list. Not for the last reference: the caller has one.
pub(crate) fn stop_waiting(bev: &Locked) {
    let Some(limits) = limits(bev) else { return };
    if let (true, Some(group)) = (limits.waiting.get(), limits.group()) {
        let found = group.with(|_, waiting| {
            let before = waiting.len();
            waiting.retain(|member| !ptr::eq(member.as_ptr(), &raw const **bev));
            waiting.len() < before
        });
        // Otherwise the group is going through the list right now, and gives the reference back itself.
        if found {
            limits.waiting.set(false);
            bev.refs.set(bev.refs.get() - 1);
        }
    }
}

/// Takes out of a stream's bucket and holds or resumes it where that crosses zero.
fn take(bev: &Locked, limits: &Limits, direction: Direction, amount: isize) {
    let Some((_, tick)) = limits.rate() else { return };
    match limits.with(|machine| machine.take(direction, amount)) {
        Turn::Same => {}
        Turn::Pause => {
            bev.suspend(direction, Hold::RATE);
            add_timer(bev, limits.refill(), &tick);
        }
        Turn::Resume => {
            bev.resume(direction, Hold::RATE);
            if !is_held(bev) {
                del_timer(bev, limits.refill());
            }
        }
    }
}

fn is_held(bev: &Locked) -> bool {
    bev.machine(|m| (m.held(Direction::READ) | m.held(Direction::WRITE)).contains(Hold::RATE))
}

fn add_timer(bev: &Locked, timer: *mut event, tick: &timeval) {
    if let Some(base) = bev.base() {
        // SAFETY: the timer is assigned and lives as long as the limits.
        let _ = unsafe { base.add(&*timer, Some(*tick)) };
    }
}

fn del_timer(bev: &Locked, timer: *mut event) {
    if let Some(base) = bev.base() {
        // SAFETY: assigned when the limits were made, and alive with them.
        unsafe { base.del(&*timer, Blocking::Never) };
    }
}

/// A tick passed on a held stream.
unsafe extern "C-unwind" fn on_refill(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the timer ends with the bufferevent.
    let bev = unsafe { Bev::from_arg(arg) };
    let Some(bev) = bev.try_hold() else { return };
    if let Some(limits) = limits(bev)
        && let Some((rate, tick)) = limits.rate()
    {
        update(bev, limits, &rate);
        for direction in [Direction::READ, Direction::WRITE] {
            if bev.machine(|m| m.held(direction)).contains(Hold::RATE) && limits.level(direction) > 0 {
                bev.resume(direction, Hold::RATE);
            }
        }
        if is_held(bev) {
            add_timer(bev, limits.refill(), &tick);
        }
    }
    bev.release();
}

/// `bufferevent_set_rate_limit`.
fn set_limit(bev: &Locked, cfg: *const ev_token_bucket_cfg) -> c_int {
    // SAFETY: null, or alive: the caller's promise.
    let Some(config) = (unsafe { cfg.as_ref() }) else {
        if let Some(limits) = limits(bev)
            && !limits.cfg.get().is_null()
        {
            limits.cfg.set(ptr::null());
            del_timer(bev, limits.refill());
            bev.resume(Direction::READ, Hold::RATE);
            bev.resume(Direction::WRITE, Hold::RATE);
        }
        return 0;
    };
    let Some(limits) = limits_or_new(bev) else { return -1 };
    if limits.cfg.get() == cfg {
        return 0;
    }
    let tick = config.rate.tick_at(now_ms(bev.base()));
    if limits.cfg.get().is_null() {
        limits.machine.set(Limit::of_one(config.rate, tick));
        // SAFETY: the event lies in the limits and is not pending: there was no limit.
        unsafe {
            events::assign(limits.refill(), bev.base_ptr(), -1, ev::FINALIZE, Some(on_refill), bev.arg());
        }
    } else {
        del_timer(bev, limits.refill());
        limits.with(|machine| machine.set_rate(config.rate, tick));
    }
    limits.cfg.set(cfg);
    let mut held = false;
    for direction in [Direction::READ, Direction::WRITE] {
        if limits.level(direction) > 0 {
            bev.resume(direction, Hold::RATE);
        } else {
            bev.suspend(direction, Hold::RATE);
            held = true;
        }
    }
    if held {
        add_timer(bev, limits.refill(), &config.tick);
    }
    0
}

impl bufferevent_rate_limit_group {
    fn timer(&self) -> *mut event {
        self.refill.get().cast()
    }

    /// The base of its timer.
    fn base(&self) -> Option<&'static Base> {
        // SAFETY: the timer was assigned when the group was made; a base outlives the groups on it.
        unsafe { Base::of((*self.timer()).ev_base.get()) }
    }

    /// Runs `f` on the machine and the members that wait, under the group's lock.
    fn with<R>(&self, f: impl FnOnce(&mut Limit, &mut Vec<NonNull<Bev>>) -> R) -> R {
        self.lock.lock();
        // SAFETY: under the lock, and no closure given here calls out or opens the group again.
        let result = f(unsafe { &mut *self.machine.get() }, unsafe { &mut *self.waiting.get() });
        self.lock.unlock();
        result
    }
}

/// Resumes every member that waits.
fn carry_out(g: &bufferevent_rate_limit_group, direction: Direction, turn: Turn) {
    if turn != Turn::Resume {
        return;
    }
    let mut waiting = g.with(|_, waiting| core::mem::take(waiting));
    if waiting.is_empty() {
        return;
    }
    let first = g.turn.get().wrapping_add(1);
    g.turn.set(first);
    let middle = first % waiting.len();
    waiting.rotate_left(middle);
    for bev in waiting {
        // SAFETY: the list has a reference to each.
        let bev = unsafe { bev.as_ref() }.lock();
        bev.resume(direction, Hold::GROUP);
        if let Some(limits) = limits(bev) {
            limits.waiting.set(false);
            for other in [Direction::READ, Direction::WRITE] {
                if !bev.is_freed() && bev.machine(|m| m.held(other)).contains(Hold::GROUP) {
                    wait(bev, limits, g, other);
                }
            }
        }
        bev.release();
    }
}

/// A tick passed for a group.
unsafe extern "C-unwind" fn on_group_tick(_fd: c_int, _what: c_short, arg: *mut c_void) {
    let group = arg.cast::<bufferevent_rate_limit_group>();
    // SAFETY: the timer ends with the group.
    let g = unsafe { &*group };
    let now = now_ms(g.base());
    let (read, write) = g.with(|machine, _| {
        let tick = machine.rate().tick_at(now);
        machine.tick(tick)
    });
    carry_out(g, Direction::READ, read);
    carry_out(g, Direction::WRITE, write);
}

fn leave_group(bev: &Locked) {
    let Some(limits) = limits(bev) else { return };
    if let Some(group) = limits.group() {
        stop_waiting(bev);
        limits.group.set(ptr::null_mut());
        group.with(|machine, _| machine.leave());
    }
}

/// Ends the limits of a bufferevent.
pub(crate) fn finish(bev: &Locked) {
    let Some(limits) = limits(bev) else { return };
    leave_group(bev);
    if !limits.cfg.get().is_null() {
        del_timer(bev, limits.refill());
    }
    bev.own_extension(|e| e.limits.set(ptr::null_mut()));
    crate::base::debug::teardown(limits.refill());
    // SAFETY: made by `mm::alloc`, and forgotten just now.
    unsafe { mm::free_value(NonNull::from(limits)) };
}

/// Makes a limit: bytes per tick on average and at most, for reading and writing. NULL where it makes no sense.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_token_bucket_cfg_new(
    read_rate: usize,
    read_burst: usize,
    write_rate: usize,
    write_burst: usize,
    tick: *const timeval,
) -> *mut ev_token_bucket_cfg {
    // SAFETY: null or a value, by contract.
    let tick = unsafe { tick.as_ref() }.copied().unwrap_or(timeval { tv_sec: 1, tv_usec: 0 });
    let ms = u64::try_from(tick.tv_sec).unwrap_or(0).saturating_mul(1000);
    let ms = ms.saturating_add(u64::try_from(tick.tv_usec).unwrap_or(0) / 1000);
    Rate::new((read_rate, read_burst), (write_rate, write_burst), ms)
        .and_then(|rate| mm::alloc(ev_token_bucket_cfg { rate, tick }))
        .map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Frees a limit that no bufferevent uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_token_bucket_cfg_free(cfg: *mut ev_token_bucket_cfg) {
    // SAFETY: null, or made by `ev_token_bucket_cfg_new`.
    unsafe { mm::free(cfg.cast()) };
}

/// Runs `f` on the bufferevent that C names, locked; `missing` if it names none.
fn locked<R>(bufev: Option<&Bev>, missing: R, f: impl FnOnce(&Locked) -> R) -> R {
    let Some(bev) = bufev else { return missing };
    let bev = bev.lock();
    let result = f(bev);
    bev.unlock();
    result
}

/// Sets or ends the limit of one bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_set_rate_limit(
    bufev: Option<&Bev>,
    cfg: *mut ev_token_bucket_cfg,
) -> c_int {
    locked(bufev, -1, |bev| set_limit(bev, cfg))
}

/// The limit of one bufferevent, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_token_bucket_cfg(bufev: Option<&Bev>) -> *const ev_token_bucket_cfg {
    locked(bufev, ptr::null(), |bev| limits(bev).map_or(ptr::null(), |l| l.cfg.get()))
}

fn level(bev: &Locked, direction: Direction) -> isize {
    let Some(limits) = limits(bev) else { return isize::MAX };
    let Some((rate, _)) = limits.rate() else { return isize::MAX };
    update(bev, limits, &rate);
    limits.level(direction)
}

/// What is left of the read limit.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_read_limit(bufev: Option<&Bev>) -> isize {
    locked(bufev, isize::MAX, |bev| level(bev, Direction::READ))
}

/// What is left of the write limit.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_write_limit(bufev: Option<&Bev>) -> isize {
    locked(bufev, isize::MAX, |bev| level(bev, Direction::WRITE))
}

/// How much the next read may take.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_max_to_read(bufev: Option<&Bev>) -> isize {
    locked(bufev, 0, |bev| allowance(bev, Direction::READ).or(MAX_SINGLE) as isize)
}

/// How much the next write may take.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_max_to_write(bufev: Option<&Bev>) -> isize {
    locked(bufev, 0, |bev| allowance(bev, Direction::WRITE).or(MAX_SINGLE) as isize)
}

fn decrement(bev: &Locked, direction: Direction, amount: isize) -> c_int {
    let Some(limits) = limits(bev) else { return -1 };
    let Some((rate, _)) = limits.rate() else { return -1 };
    update(bev, limits, &rate);
    take(bev, limits, direction, amount);
    0
}

/// Takes out of the read bucket by hand; below zero puts in.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_decrement_read_limit(bufev: Option<&Bev>, amount: isize) -> c_int {
    locked(bufev, -1, |bev| decrement(bev, Direction::READ, amount))
}

/// Takes out of the write bucket by hand; below zero puts in.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_decrement_write_limit(bufev: Option<&Bev>, amount: isize) -> c_int {
    locked(bufev, -1, |bev| decrement(bev, Direction::WRITE, amount))
}

/// Makes a group whose members share a limit.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_rate_limit_group_new(
    base: *mut event_base,
    cfg: Option<&ev_token_bucket_cfg>,
) -> *mut bufferevent_rate_limit_group {
    let Some(config) = cfg else { return ptr::null_mut() };
    // SAFETY: null or alive.
    let b = unsafe { Base::of(base) };
    let Some(lock) = ExtLock::try_new(LOCKTYPE_RECURSIVE) else { return ptr::null_mut() };
    let machine = Limit::new(config.rate, config.rate.tick_at(now_ms(b)));
    let group = mm::alloc(bufferevent_rate_limit_group {
        machine: UnsafeCell::new(machine),
        waiting: UnsafeCell::new(Vec::new()),
        lock,
        turn: Cell::new(0),
        tick: Cell::new(config.tick),
        refill: UnsafeCell::new(MaybeUninit::zeroed()),
    });
    let Some(group) = group else { return ptr::null_mut() };
    let group = group.as_ptr();
    // SAFETY: the timer lies in the group, which lives until it is freed, and its timer with it.
    unsafe {
        let timer = (*group).timer();
        events::assign(timer, base, -1, ev::PERSIST | ev::FINALIZE, Some(on_group_tick), group.cast());
        if let Some(b) = b {
            let _ = b.add(&*timer, Some(config.tick));
        }
    }
    group
}

/// Changes the limit of a group.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_rate_limit_group_set_cfg(
    group: Option<&bufferevent_rate_limit_group>,
    cfg: Option<&ev_token_bucket_cfg>,
) -> c_int {
    let (Some(g), Some(config)) = (group, cfg) else { return -1 };
    let tick = config.rate.tick_at(now_ms(g.base()));
    g.with(|machine, _| machine.set_rate(config.rate, tick));
    let old = g.tick.replace(config.tick);
    if (old.tv_sec, old.tv_usec) != (config.tick.tv_sec, config.tick.tv_usec)
        && let Some(base) = g.base()
    {
        // SAFETY: the group lives; its timer is assigned.
        let _ = unsafe { base.add(&*g.timer(), Some(config.tick)) };
    }
    0
}

/// Sets what one member is given at least.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_rate_limit_group_set_min_share(
    group: Option<&bufferevent_rate_limit_group>,
    share: usize,
) -> c_int {
    let Some(g) = group else { return -1 };
    if g.with(|machine, _| machine.set_min_share(share)) { 0 } else { -1 }
}

/// Frees a group without members.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_rate_limit_group_free(group: *mut bufferevent_rate_limit_group) {
    let Some(owned) = NonNull::new(group) else { return };
    // SAFETY: the caller promises that the group lives and that nobody uses it any more.
    unsafe {
        let timer = (*group).timer();
        if let Some(base) = (*group).base() {
            base.del(&*timer, Blocking::Never);
        }
        crate::base::debug::teardown(timer);
        (*group).lock.free(LOCKTYPE_RECURSIVE);
        mm::free_value(owned);
    }
}

/// Puts a bufferevent into a group, or takes it out of its group for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_add_to_rate_limit_group(
    bufev: Option<&Bev>,
    group: Option<&bufferevent_rate_limit_group>,
) -> c_int {
    locked(bufev, -1, |bev| group.map_or_else(|| leave(bev), |group| join(bev, group)))
}

fn join(bev: &Locked, g: &bufferevent_rate_limit_group) -> c_int {
    let group = ptr::from_ref(g).cast_mut();
    let Some(limits) = limits_or_new(bev) else { return -1 };
    if limits.group.get() == group {
        return 0;
    }
    if !limits.group.get().is_null() {
        leave(bev);
    }
    g.with(|machine, _| machine.join());
    limits.group.set(group);
    for direction in [Direction::READ, Direction::WRITE] {
        if g.with(|machine, _| machine.is_paused(direction)) {
            wait(bev, limits, g, direction);
        }
    }
    0
}

fn leave(bev: &Locked) -> c_int {
    leave_group(bev);
    bev.resume(Direction::READ, Hold::GROUP);
    bev.resume(Direction::WRITE, Hold::GROUP);
    0
}

/// Takes a bufferevent out of its group.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_remove_from_rate_limit_group(bufev: Option<&Bev>) -> c_int {
    locked(bufev, -1, |bev| if limits(bev).is_some_and(|l| !l.group.get().is_null()) { leave(bev) } else { 0 })
}

/// What is left in a group's read bucket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_rate_limit_group_get_read_limit(
    group: Option<&bufferevent_rate_limit_group>,
) -> isize {
    group.map_or(0, |g| g.with(|machine, _| machine.level(Direction::READ)))
}

/// What is left in a group's write bucket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_rate_limit_group_get_write_limit(
    group: Option<&bufferevent_rate_limit_group>,
) -> isize {
    group.map_or(0, |g| g.with(|machine, _| machine.level(Direction::WRITE)))
}

/// Takes out of (or, below zero, puts into) a group's bucket by hand.
fn group_take(group: Option<&bufferevent_rate_limit_group>, direction: Direction, amount: isize) -> c_int {
    let Some(g) = group else { return -1 };
    let turn = g.with(|machine, _| machine.take(direction, amount));
    carry_out(g, direction, turn);
    0
}

/// Takes out of a group's read bucket by hand; below zero puts in.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_rate_limit_group_decrement_read(
    group: Option<&bufferevent_rate_limit_group>,
    amount: isize,
) -> c_int {
    group_take(group, Direction::READ, amount)
}

/// Takes out of a group's write bucket by hand; below zero puts in.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_rate_limit_group_decrement_write(
    group: Option<&bufferevent_rate_limit_group>,
    amount: isize,
) -> c_int {
    group_take(group, Direction::WRITE, amount)
}

/// Everything that a group's members ever read and wrote.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bufferevent_rate_limit_group_get_totals(
    group: Option<&bufferevent_rate_limit_group>,
    read: Out<'_, u64>,
    written: Out<'_, u64>,
) {
    let Some(g) = group else { return };
    let totals = g.with(|machine, _| machine.totals());
    read.set(totals.0);
    written.set(totals.1);
}

/// Begins a group's totals again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bufferevent_rate_limit_group_reset_totals(group: Option<&bufferevent_rate_limit_group>) {
    if let Some(g) = group {
        g.with(|machine, _| machine.reset_totals());
    }
}
