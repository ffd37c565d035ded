//! What an event waits for, what a wait reports, and the changes of interest that a face carries out.
//!
//! The bit values are those of libevent's `EV_*` constants, so that the C face converts without a table.

use bitflags::bitflags;

/// A file descriptor as a plain number. Machines never own or use it.
pub type Fd = i32;

bitflags! {
    /// What is waited for on one descriptor.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Interest: u16 {
        /// Readable, or at end of file.
        const READ = 0x02;
        /// Writable.
        const WRITE = 0x04;
        /// Edge-triggered instead of level-triggered.
        const EDGE = 0x20;
        /// The peer closed its sending side.
        const CLOSED = 0x80;
        /// Disarmed by the kernel when it fires (never set together with `EDGE`).
        const ONESHOT = 0x100;
        /// Not a condition: [`Ready::UNUSUAL`] is to be told.
        const UNUSUAL = 0x200;
    }
}

bitflags! {
    /// What happened.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Ready: u16 {
        /// A timeout expired.
        const TIMEOUT = 0x01;
        /// Readable, or at end of file.
        const READ = 0x02;
        /// Writable.
        const WRITE = 0x04;
        /// A signal arrived.
        const SIGNAL = 0x08;
        /// The event is edge-triggered.
        const EDGE = 0x20;
        /// The event's finalizer must run.
        const FINALIZE = 0x40;
        /// The peer closed its sending side.
        const CLOSED = 0x80;
        /// An error, a hang-up or urgent data: after a read there may be more to hear, and no edge tells of it.
        const UNUSUAL = 0x200;
    }
}

impl Interest {
    /// The bits that name a condition, without the mode bits.
    pub const CONDITIONS: Self = Self::READ.union(Self::WRITE).union(Self::CLOSED);
}

/// One change of what the kernel watches on a descriptor: `old` is what it watched before, `new` what it must watch now.
///
/// An empty `old` means "not registered", an empty `new` means "remove". The face carries a change out before the
/// section that produced it ends; where it fails, the face rolls the machine back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the kernel does not know of the change until a backend applies it"]
pub struct Change {
    /// The descriptor.
    pub fd: Fd,
    /// Registrations of this descriptor so far; travels with readiness and rejects stale reports.
    pub serial: u32,
    /// What is registered now.
    pub old: Interest,
    /// What must be registered.
    pub new: Interest,
}

/// One readiness as a backend reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The descriptor.
    pub fd: Fd,
    /// The serial of the [`Change`] that registered it.
    pub serial: u32,
    /// What happened (`READ`, `WRITE`, `CLOSED`); an error or hang-up counts as readable and writable. With `EDGE` from a
    /// backend that knows edges: edge-triggered events are told so.
    pub ready: Ready,
}
