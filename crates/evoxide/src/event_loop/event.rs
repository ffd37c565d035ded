//! Events: their names, and what the loop keeps of each.

use crate::interest::Interest;
use evoxide_core::interest as core;
use evoxide_core::key::Key;
use evoxide_core::slab::Slab;
use std::fmt;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names an event of a loop. Cheap to copy; an id whose event has gone, or that belongs to another loop, is answered with
/// "no", never with another event.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use std::time::Duration;
///
/// let mut ev = EventLoop::new(())?;
/// let mut other = EventLoop::new(())?;
/// let id = ev.timer(Duration::from_secs(1), |_| {});
/// other.timer(Duration::from_secs(1), |_| {});
/// assert!(!other.remove(id));
/// assert!(ev.remove(id));
/// assert!(!ev.remove(id));
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    key: Key,
    owner: u32,
}

impl EventId {
    /// Which loop's.
    #[cfg(feature = "async")]
    pub(crate) fn owner(self) -> u32 {
        self.owner
    }

    /// One word for the reactor, never zero.
    pub(crate) fn to_bits(self) -> u64 {
        self.key.to_bits()
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({}v{})", self.key.index, self.key.generation)
    }
}

/// What made the loop call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fired {
    pub ready: core::Ready,
    pub calls: u16,
    pub side: Side,
}

impl Fired {
    /// Nothing but a call.
    pub fn plain(side: Side) -> Self {
        Self { ready: core::Ready::empty(), calls: 1, side }
    }
}

/// Which part of an event it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The event's first slot.
    First,
    /// The second slot of an extension's event.
    Second,
    /// The end of the turn, as asked for.
    TurnEnd,
}

/// What an event waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    Descriptor {
        fd: RawFd,
        interest: Interest,
        timeout: Option<u64>,
    },
    Timer {
        after: u64,
        period: Option<u64>,
    },
    Signal(i32),
    #[default]
    User,
    /// As [`User`](Self::User); it keeps the loop running although it waits for nothing.
    Task,
    Prepare,
    Check,
    Idle,
    /// An extension's event, which arms its slots itself: when it was added or resumed it is called at the end of the turn.
    Extension,
}

/// One event with its handler `H`.
pub(crate) struct Entry<H> {
    /// `None` while it runs.
    pub handler: Option<H>,
    pub kind: Kind,
    /// Its slot in the reactor, while it is pending or active.
    pub slot: Option<Key>,
    /// The second slot of an extension's event.
    pub second: Option<Key>,
    pub priority: u8,
    /// Ends when it has fired.
    pub once: bool,
    pub paused: bool,
    /// Does not keep the loop running.
    pub background: bool,
    /// An extension's own, which users neither see nor count.
    pub hidden: bool,
}

impl<H> Entry<H> {
    /// Whether it waits on its first side alone.
    #[inline]
    pub fn waits_to_read(&self) -> bool {
        self.slot.is_some() && self.second.is_none() && !self.paused
    }
}

impl<H> Default for Entry<H> {
    fn default() -> Self {
        Self {
            handler: None,
            kind: Kind::User,
            slot: None,
            second: None,
            priority: 0,
            once: false,
            paused: false,
            background: false,
            hidden: false,
        }
    }
}

/// A loop's events by their ids.
pub(crate) struct Entries<H> {
    slab: Slab<Entry<H>>,
    owner: u32,
    hidden: usize,
}

impl<H> Entries<H> {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self { slab: Slab::new(), owner: NEXT.fetch_add(1, Ordering::Relaxed), hidden: 0 }
    }

    /// The number of the loop in the process.
    pub fn owner(&self) -> u32 {
        self.owner
    }

    /// The id that [`EventId::to_bits`] packed.
    pub fn id(&self, bits: u64) -> Option<EventId> {
        Key::from_bits(bits).map(|key| EventId { key, owner: self.owner })
    }

    pub fn insert(&mut self, entry: Entry<H>) -> EventId {
        self.hidden += usize::from(entry.hidden);
        EventId { key: self.slab.insert(entry), owner: self.owner }
    }

    pub fn get(&self, id: EventId) -> Option<&Entry<H>> {
        if id.owner == self.owner { self.slab.get(id.key) } else { None }
    }

    pub fn get_mut(&mut self, id: EventId) -> Option<&mut Entry<H>> {
        if id.owner == self.owner { self.slab.get_mut(id.key) } else { None }
    }

    pub fn remove(&mut self, id: EventId) -> Option<Entry<H>> {
        let entry = if id.owner == self.owner { self.slab.remove(id.key) } else { None }?;
        self.hidden -= usize::from(entry.hidden);
        Some(entry)
    }

    /// The events whose handlers, if they are not running, are `wanted`.
    #[cfg(feature = "http")]
    pub fn ids_where(&mut self, mut wanted: impl FnMut(&mut H) -> bool) -> Vec<EventId> {
        let keys: Vec<Key> = self.slab.iter().map(|(key, _)| key).collect();
        let mut is_wanted = |key: &Key| self.slab.get_mut(*key)?.handler.as_mut().map(&mut wanted);
        let keys = keys.into_iter().filter(|key| is_wanted(key) == Some(true));
        keys.map(|key| EventId { key, owner: self.owner }).collect()
    }

    /// Hides an event from users.
    pub fn hide(&mut self, id: EventId) {
        if let Some(entry) = self.get_mut(id) {
            let news = !std::mem::replace(&mut entry.hidden, true);
            self.hidden += usize::from(news);
        }
    }

    /// Those that users see.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<H>> {
        self.slab.iter().map(|(_, entry)| entry).filter(|entry| !entry.hidden)
    }

    /// How many of those there are.
    pub fn len(&self) -> usize {
        self.slab.len() - self.hidden
    }
}
