//! What a loop is made of.

use super::context::{Handler, Job};
use super::drain::Draining;
use super::event::{Entries, EventId};
use super::extension::Extensions;
use super::inspector::Inspector;
use super::mailbox::Mailbox;
use crate::buffer::pool::Pool;
use crate::clock::Time;
use crate::config::Config;
use crate::error::Error;
use evoxide_core::reactor;
use evoxide_sys::engine::Engine;
use evoxide_sys::waker::Waker;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Number of waits in a row that reported what is not watched any more, after which the kernel's set is rebuilt.
const STALE_WAITS: u32 = 8;

/// A loop's events. [`EventLoop`](crate::EventLoop) and [`Context`](crate::Context) both dereference to it, so that events are added and
/// changed in the same words outside and inside handlers.
///
/// The loop owns every handler, and what it waits on; both are dropped with the event.
pub struct Registry<S> {
    /// The body of the loop. Payloads are the bits of an [`EventId`]; 0 is posted work.
    pub(crate) engine: Engine<u64, Arc<Waker>>,
    pub(crate) entries: Entries<Handler<S>>,
    pub(crate) mailbox: Arc<Mailbox<Job<S>>>,
    pub(crate) time: Time,
    /// The priority of posted work.
    pub(crate) middle: u8,
    /// Posted work is among what is ready.
    pub(crate) work_is_ready: bool,
    pub(crate) prepares: Vec<EventId>,
    pub(crate) checks: Vec<EventId>,
    pub(crate) idles: Vec<EventId>,
    /// Events of extensions to call when the turn ends.
    pub(crate) turn_end: VecDeque<EventId>,
    pub(crate) extensions: Extensions,
    /// Storage that streams read into.
    pub(crate) pool: Pool,
    /// Extensions that have something to queue before the loop asks what is ready.
    pub(crate) collectors: Vec<fn(&mut Self)>,
    /// Extensions that must know that nobody drives the loop any more.
    pub(crate) leavers: Vec<fn(&mut Self)>,
    /// Extensions that end in order when the loop does.
    pub(crate) drainers: Vec<fn(&mut Self, Duration)>,
    /// How far the loop is with its end.
    pub(crate) draining: Draining,
    /// Streams that are open.
    pub(crate) streams: usize,
    /// Something waits for the handler that runs now to return.
    #[cfg(feature = "http")]
    pub(crate) left_for_later: bool,
    /// How long the loop is about to wait, for prepare hooks.
    pub(crate) next_wait: Option<Duration>,
    /// Inside a turn the cached time is good enough.
    pub(crate) in_turn: bool,
    /// What the loop counts, where it does.
    pub(crate) inspector: Option<Box<Inspector>>,
    /// The last turn called a handler, so that another turn may have something to do.
    pub(crate) served: bool,
}

impl<S> Drop for Registry<S> {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

impl<S> Registry<S> {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let mailbox = Arc::new(Mailbox::new()?);
        let mut engine = Engine::new(config.backend()?, Arc::clone(&mailbox.alarm.waker))?;
        if !engine.reactor.set_priorities(config.priorities) {
            return Err(Error::invalid("priorities"));
        }
        engine.reactor.set_options(reactor::Options { limits: config.limits, ..Default::default() });
        engine.set_stale_limit(STALE_WAITS);
        let middle = (config.priorities / 2) as u8;
        Ok(Self {
            engine,
            entries: Entries::new(),
            mailbox,
            time: Time::new(config.clock),
            middle,
            work_is_ready: false,
            prepares: Vec::new(),
            checks: Vec::new(),
            idles: Vec::new(),
            turn_end: VecDeque::new(),
            extensions: Extensions::default(),
            pool: Pool::default(),
            collectors: Vec::new(),
            leavers: Vec::new(),
            drainers: Vec::new(),
            draining: Draining::No,
            streams: 0,
            #[cfg(feature = "http")]
            left_for_later: false,
            next_wait: None,
            in_turn: false,
            inspector: Inspector::new(config),
            served: false,
        })
    }
}

impl<S> fmt::Debug for Registry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("method", &self.method())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
