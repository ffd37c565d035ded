//! What a loop is made of.

use super::context::{Handler, Job};
use super::event::{Entries, EventId};
use super::extension::Extensions;
use super::mailbox::Mailbox;
use crate::clock::Time;
use crate::config::Config;
use crate::error::Error;
use evoxide_core::reactor::Reactor;
use evoxide_sys::backend::Backend;
use evoxide_sys::signal::SignalPipe;
use std::collections::VecDeque;
use std::fmt;
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Tags of the loop's own descriptors.
pub(crate) const WAKER: u8 = 1;
pub(crate) const SIGNALS: u8 = 2;

/// A loop's events. [`EventLoop`](crate::EventLoop) and [`Context`](crate::Context) both dereference to it, so that events are added and
/// changed in the same words outside and inside handlers.
///
/// The loop owns every handler, and what it waits on; both are dropped with the event.
pub struct Registry<S> {
    pub(crate) reactor: Reactor<u64>,
    pub(crate) entries: Entries<Handler<S>>,
    pub(crate) backend: Backend,
    pub(crate) mailbox: Arc<Mailbox<Job<S>>>,
    pub(crate) time: Time,
    pub(crate) signals: Option<SignalPipe>,
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
    /// Extensions that have something to queue before the loop asks what is ready.
    pub(crate) collectors: Vec<fn(&mut Self)>,
    /// Inside a turn the cached time is good enough.
    pub(crate) in_turn: bool,
}

impl<S> Drop for Registry<S> {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

impl<S> Registry<S> {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let mut reactor = Reactor::new();
        if !reactor.set_priorities(config.priorities) {
            return Err(Error::invalid("priorities"));
        }
        reactor.set_limits(config.limits);
        let mut backend = config.backend()?;
        let mailbox = Arc::new(Mailbox::new()?);
        let change = reactor.register_internal(mailbox.alarm.waker.fd().as_raw_fd(), WAKER)?;
        backend.apply(&change)?;
        let middle = (config.priorities / 2) as u8;
        Ok(Self {
            reactor,
            entries: Entries::new(),
            backend,
            mailbox,
            time: Time::new(config.clock),
            signals: None,
            middle,
            work_is_ready: false,
            prepares: Vec::new(),
            checks: Vec::new(),
            idles: Vec::new(),
            turn_end: VecDeque::new(),
            extensions: Extensions::default(),
            collectors: Vec::new(),
            in_turn: false,
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
