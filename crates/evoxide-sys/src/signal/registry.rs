//! Who listens to which signal, in a form that a signal handler can walk.
//!
//! - **Seats.** Each subscriber has a [`Node`] in a list that only grows and whose nodes are reused, never freed: the
//!   handler walks it without a lock and without following a dangling pointer. A node holds atomics only: which signals
//!   are wanted, how often each came, and where to write the byte that wakes.
//! - **Counting.** A delivery is counted in the node and a byte is written. The counts are what is believed, the bytes only
//!   wake: a full pipe loses nothing, and a byte that reaches another process's loop through an inherited pipe says nothing.
//! - **Leaving.** A handler on another thread may be about to write while a subscriber leaves, and its descriptor's number
//!   may be reused at once. So a handler first raises the node's `inside` count and then looks whether it is still wanted,
//!   while who leaves first clears what is wanted and then waits until `inside` is zero; only then is the descriptor
//!   closed. All four steps are sequentially consistent: either the handler sees that it is not wanted, or the leaver sees
//!   the handler. A handler blocks all signals and calls `write` on a nonblocking descriptor only, so the wait is short; it
//!   cannot wait for its own thread, since leaving is not done in signal handlers.
//! - **Dispositions** are changed under one spin lock that no handler takes. Fork handlers take it, so a child never finds
//!   it held, and clear in the child what concerns the parent's threads: `inside` counts of handlers that do not run here,
//!   and signals that were the parent's.

use crate::os::io;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use core::{cell::UnsafeCell, ffi::c_int, hint, mem::MaybeUninit, ptr};
use rustix::fd::RawFd;

use super::{LAST, bit_of, each_of};
use crate::errno;

/// One subscriber's place. Lives for ever, is used again.
#[derive(Debug)]
struct Node {
    /// The next node; written before the node is shown to anyone.
    next: *const Node,
    taken: AtomicBool,
    /// The signals that it listens to.
    wanted: AtomicU64,
    /// The signals that came and were not collected.
    pending: AtomicU64,
    counts: [AtomicU32; LAST as usize],
    /// Where to write; -1 while that changes.
    write: AtomicI32,
    /// How many handlers are at work here.
    inside: AtomicU32,
}

// SAFETY: the pointer is never written after the node is shown, and what it points to lives for ever and is Sync too.
unsafe impl Sync for Node {}

/// The newest node.
static NODES: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());

/// Every node, newest first. Used by handlers.
fn nodes() -> impl Iterator<Item = &'static Node> {
    let mut at = NODES.load(SeqCst).cast_const();
    core::iter::from_fn(move || {
        // SAFETY: null, or a node, and nodes are never freed.
        let node: &'static Node = unsafe { at.as_ref() }?;
        at = node.next;
        Some(node)
    })
}

impl Node {
    /// A signal came. Runs in the handler.
    fn deliver(&self, signo: c_int, bit: u64) {
        if self.wanted.load(SeqCst) & bit == 0 {
            return;
        }
        self.inside.fetch_add(1, SeqCst);
        if self.wanted.load(SeqCst) & bit != 0 {
            self.counts[signo as usize - 1].fetch_add(1, SeqCst);
            self.pending.fetch_or(bit, SeqCst);
            let write = self.write.load(SeqCst);
            if write >= 0 {
                let byte = signo as u8;
                // SAFETY: the pointer is good for one byte. The descriptor is open: its owner waits for `inside`.
                unsafe { libc::write(write, (&raw const byte).cast(), 1) };
            }
        }
        self.inside.fetch_sub(1, SeqCst);
    }

    /// Waits until every handler that may have seen the state before is done.
    fn quiesce(&self) {
        let mut tries = 0_u32;
        while self.inside.load(SeqCst) != 0 {
            tries += 1;
            match tries {
                ..100 => hint::spin_loop(),
                100..200 => rustix::thread::sched_yield(),
                // The handler's thread may have a lower priority than this one.
                _ => drop(rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 0, tv_nsec: 50_000 })),
            }
        }
    }

    /// Forgets what came of these signals.
    fn forget(&self, signals: u64) {
        self.pending.fetch_and(!signals, SeqCst);
        for signo in each_of(signals) {
            self.counts[signo as usize - 1].store(0, SeqCst);
        }
    }
}

extern "C" fn on_signal(signo: c_int) {
    let saved = errno::get();
    if let 1..=LAST = signo {
        for node in nodes() {
            node.deliver(signo, 1 << (signo - 1));
        }
    }
    errno::set(saved);
}

/// A node that is taken.
#[derive(Debug)]
pub(super) struct Seat {
    node: &'static Node,
}

impl Seat {
    /// Takes a node that writes there.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn take(write: RawFd) -> io::Result<Self> {
        let _table = TABLE.lock();
        register_fork_handlers()?;
        let free = nodes().find(|node| !node.taken.load(SeqCst));
        let node = free.unwrap_or_else(|| {
            let node = Box::leak(Box::new(Node {
                next: NODES.load(SeqCst),
                taken: AtomicBool::new(false),
                wanted: AtomicU64::new(0),
                pending: AtomicU64::new(0),
                counts: [const { AtomicU32::new(0) }; LAST as usize],
                write: AtomicI32::new(-1),
                inside: AtomicU32::new(0),
            }));
            // Under the lock, so nobody else puts one at the head meanwhile.
            NODES.store(node, SeqCst);
            node
        });
        node.forget(u64::MAX);
        node.write.store(write, SeqCst);
        node.taken.store(true, SeqCst);
        Ok(Self { node })
    }

    /// The signals that it listens to.
    pub(super) fn wanted(&self) -> u64 {
        self.node.wanted.load(SeqCst)
    }

    pub(super) fn subscribe(&self, signo: c_int) -> io::Result<()> {
        let bit = bit_of(signo)?;
        let mut table = TABLE.lock();
        if self.wanted() & bit != 0 {
            return Ok(());
        }
        // First: the signal may come as soon as there is a handler.
        self.node.wanted.fetch_or(bit, SeqCst);
        table.of(signo).enter(signo).inspect_err(|_| {
            self.node.wanted.fetch_and(!bit, SeqCst);
            self.node.forget(bit);
        })
    }

    pub(super) fn unsubscribe(&self, signo: c_int) -> io::Result<()> {
        let bit = bit_of(signo)?;
        let mut table = TABLE.lock();
        if self.node.wanted.fetch_and(!bit, SeqCst) & bit == 0 {
            return Ok(());
        }
        let result = table.of(signo).leave(signo);
        self.node.quiesce();
        result
    }

    /// Takes what has come.
    pub(super) fn collect(&self, each: &mut impl FnMut(c_int, u32)) {
        for signo in each_of(self.node.pending.swap(0, SeqCst)) {
            // Zero where an earlier collection took the count before the handler had set the bit.
            match self.node.counts[signo as usize - 1].swap(0, SeqCst) {
                0 => {}
                count => each(signo, count),
            }
        }
    }

    /// Writes elsewhere from now on. When this returns, no handler writes to the descriptor before.
    pub(super) fn redirect(&self, write: RawFd) {
        self.node.write.store(-1, SeqCst);
        self.node.quiesce();
        self.node.write.store(write, SeqCst);
        if self.node.pending.load(SeqCst) != 0 {
            // What came meanwhile, or was not collected before.
            // SAFETY: the pointer is good for one byte; the descriptor is the caller's.
            unsafe { libc::write(write, c"".as_ptr().cast(), 1) };
        }
    }

    /// Gives the node back. When this returns, no handler writes to its descriptor. Done once, as the last thing.
    pub(super) fn leave(&self) {
        let mut table = TABLE.lock();
        for signo in each_of(self.node.wanted.swap(0, SeqCst)) {
            // Nobody is left to be told of an error.
            let _ = table.of(signo).leave(signo);
        }
        self.node.write.store(-1, SeqCst);
        self.node.quiesce();
        self.node.taken.store(false, SeqCst);
    }
}

/// How the process disposes of one signal.
struct Disposition {
    /// How many listen.
    users: u32,
    /// What the first of them found; initialised while there are users.
    previous: MaybeUninit<libc::sigaction>,
}

impl Disposition {
    const NEW: Self = Self { users: 0, previous: MaybeUninit::zeroed() };

    /// One more listens: makes the handler ours, also where the program has put another in its place meanwhile.
    fn enter(&mut self, signo: c_int) -> io::Result<()> {
        let mut ours = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: zeroes are a valid sigaction; sigfillset is given its mask.
        let ours = unsafe {
            libc::sigfillset(&raw mut (*ours.as_mut_ptr()).sa_mask);
            (*ours.as_mut_ptr()).sa_sigaction = handler();
            (*ours.as_mut_ptr()).sa_flags = libc::SA_RESTART;
            ours.assume_init()
        };
        let mut found = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: both pointers are good for a sigaction, and the handler is async-signal-safe.
        if unsafe { libc::sigaction(signo, &raw const ours, found.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: zeroes are a valid sigaction, and the call has filled it in.
        let was_ours = unsafe { found.assume_init_ref() }.sa_sigaction == handler();
        if self.users == 0 || !was_ours {
            self.previous = found;
        }
        self.users += 1;
        Ok(())
    }

    /// One less listens: the last one gives back what the first found.
    fn leave(&mut self, signo: c_int) -> io::Result<()> {
        self.users -= 1;
        if self.users > 0 {
            return Ok(());
        }
        // SAFETY: there was a user, so `previous` is what the kernel gave.
        if unsafe { libc::sigaction(signo, self.previous.as_ptr(), ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

fn handler() -> libc::sighandler_t {
    on_signal as extern "C" fn(c_int) as libc::sighandler_t
}

/// The dispositions, under a lock that fork handlers can take and release in different frames.
struct Table {
    /// The thread that holds the lock, or 0.
    holder: AtomicUsize,
    /// A fork happened in a signal handler that interrupted the holder: the lock stays the holder's.
    fork_by_holder: AtomicBool,
    dispositions: UnsafeCell<[Disposition; LAST as usize]>,
    fork_handlers: UnsafeCell<bool>,
}

// SAFETY: the cells are reached only through a Guard, of which there is one at a time.
unsafe impl Sync for Table {}

static TABLE: Table = Table {
    holder: AtomicUsize::new(0),
    fork_by_holder: AtomicBool::new(false),
    dispositions: UnsafeCell::new([Disposition::NEW; LAST as usize]),
    fork_handlers: UnsafeCell::new(false),
};

struct Guard(());

impl Table {
    fn lock(&self) -> Guard {
        self.acquire();
        Guard(())
    }

    fn acquire(&self) {
        while self.holder.compare_exchange(0, this_thread(), SeqCst, SeqCst).is_err() {
            rustix::thread::sched_yield();
        }
    }

    fn release(&self) {
        self.holder.store(0, SeqCst);
    }
}

/// Never 0, and may be asked for in a signal handler.
fn this_thread() -> usize {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::pthread_self() as usize }
}

impl Guard {
    /// A signal's disposition; the number has been checked.
    fn of(&mut self, signo: c_int) -> &mut Disposition {
        // SAFETY: the guard is the only one and is borrowed mutably, so this is the only reference.
        let all = unsafe { &mut *TABLE.dispositions.get() };
        &mut all[signo as usize - 1]
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        TABLE.release();
    }
}

/// Has forks take the lock. Called with it held.
fn register_fork_handlers() -> io::Result<()> {
    // SAFETY: the caller holds the lock.
    let registered = unsafe { &mut *TABLE.fork_handlers.get() };
    if !*registered {
        // SAFETY: the three functions use atomics only, which is fine before and after a fork.
        let answer = unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
        if answer != 0 {
            return Err(io::Error::from_raw_os_error(answer));
        }
        *registered = true;
    }
    Ok(())
}

unsafe extern "C" fn before_fork() {
    if TABLE.holder.load(SeqCst) == this_thread() {
        TABLE.fork_by_holder.store(true, SeqCst);
    } else {
        TABLE.acquire();
    }
}

unsafe extern "C" fn in_parent() {
    if !TABLE.fork_by_holder.swap(false, SeqCst) {
        TABLE.release();
    }
}

unsafe extern "C" fn in_child() {
    for node in nodes() {
        // This thread is the only one, and it is in no handler: handlers do not fork.
        node.inside.store(0, SeqCst);
        // What came before the fork came to the parent.
        node.forget(u64::MAX);
    }
    // SAFETY: the child, too, has what `before` took, and gives it back once.
    unsafe { in_parent() };
}
