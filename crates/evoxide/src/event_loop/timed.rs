//! Handlers whose time is taken, and the verbs that ask what a loop did.
//!
//! A loop that counts wraps each handler as its event is made, so that one that does not has no test on the way to a handler.

use super::context::{Callback, Context, Core, Handler};
use super::event::{EventId, Fired, Kind};
use super::registry::Registry;
use crate::metrics::Metrics;
use std::any::Any;
use std::os::fd::RawFd;
use std::panic::Location;
#[cfg(feature = "metrics")]
use std::time::Duration;

/// A handler whose time is taken.
struct Timed<C> {
    inner: C,
    name: &'static str,
    place: &'static Location<'static>,
}

impl<C> Timed<C> {
    fn returned<S>(&self, registry: &mut Registry<S>) {
        if let Some(inspector) = &mut registry.inspector {
            inspector.returned(self.name, self.place);
        }
    }
}

impl<S, C: Callback<S> + 'static> Callback<S> for Timed<C> {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        self.inner.call(cx, fired);
        self.returned(cx.registry);
    }

    fn fd(&self) -> Option<RawFd> {
        self.inner.fd()
    }

    fn source(&mut self) -> Option<&mut dyn Any> {
        self.inner.source()
    }

    fn into_source(self: Box<Self>) -> Option<Box<dyn Any>> {
        Box::new(self.inner).into_source()
    }

    fn object(&mut self) -> Option<&mut dyn Any> {
        self.inner.object()
    }

    fn whole(&mut self) -> Option<&mut dyn Any> {
        self.inner.whole()
    }

    fn buffered(&self) -> Option<usize> {
        self.inner.buffered()
    }

    fn call_with(&mut self, core: Box<Core<S>>, id: EventId) -> Box<Core<S>> {
        let mut core = self.inner.call_with(core, id);
        self.returned(&mut core.registry);
        core
    }

    fn panicked(&mut self, cx: &mut Context<'_, S>) {
        self.returned(cx.registry);
        self.inner.panicked(cx);
    }

    fn removed(&mut self, registry: &mut Registry<S>) {
        self.inner.removed(registry);
    }
}

/// Who a handler is in a report: its type, and where the program gave it to us.
#[cfg(feature = "dns")]
#[derive(Clone, Copy)]
pub(crate) struct Named {
    name: &'static str,
    place: &'static Location<'static>,
}

#[cfg(feature = "dns")]
impl Named {
    #[track_caller]
    pub fn of<H>() -> Self {
        Self { name: std::any::type_name::<H>(), place: Location::caller() }
    }

    /// That of a handler whose type has no name here.
    #[track_caller]
    pub fn of_value<H>(_handler: &H) -> Self {
        Self::of::<H>()
    }
}

/// A handler that one of ours calls, once, as it is kept: a report names it, and where it was given.
#[cfg(feature = "dns")]
#[track_caller]
pub(crate) fn named<S, A>(
    handler: impl FnOnce(&mut Context<'_, S>, A) + 'static,
) -> impl FnOnce(&mut Context<'_, S>, A) + 'static {
    let named = Named::of_value(&handler);
    move |cx: &mut Context<'_, S>, answer: A| {
        cx.part_begins();
        handler(cx, answer);
        cx.part_ends(named);
    }
}

impl<S> Registry<S> {
    /// A handler as it is kept: where the loop counts, one whose time is taken.
    #[track_caller]
    pub(crate) fn kept<C: Callback<S> + 'static>(&self, handler: C) -> Handler<S> {
        self.kept_as(handler, std::any::type_name::<C>(), Location::caller())
    }

    /// As [`kept`](Self::kept), under another name than its type's.
    pub(crate) fn kept_as<C: Callback<S> + 'static>(
        &self,
        inner: C,
        name: &'static str,
        place: &'static Location<'static>,
    ) -> Handler<S> {
        if self.inspector.is_some() { Box::new(Timed { inner, name, place }) } else { Box::new(inner) }
    }

    /// A handler of ours, which calls many of the program's, calls one: a connection that of a route, for one.
    #[cfg(feature = "dns")]
    pub(crate) fn part_begins(&mut self) {
        if let Some(inspector) = &mut self.inspector {
            inspector.part_begins();
        }
    }

    /// That one has returned. Where it was slow, the report names it, and not ours.
    #[cfg(feature = "dns")]
    pub(crate) fn part_ends(&mut self, Named { name, place }: Named) {
        if let Some(inspector) = &mut self.inspector {
            inspector.part_ends(name, place);
        }
    }

    /// A wait has ended, in a loop that counts.
    pub(crate) fn inspect_wait(&mut self) {
        let now = self.time.now();
        let first = self.engine.reactor.first_deadline(now, u64::MAX);
        if let Some(inspector) = &mut self.inspector {
            inspector.waited(now, first);
        }
    }

    /// What the loop did until now, and what it has; `None` where [`Config::metrics`](crate::Config::metrics) did not ask for it.
    ///
    /// A handler's time is from the end of what ran before it in the turn to its own end. Where streams are counted, a stream whose handler
    /// is running now is left out.
    ///
    /// # Examples
    /// See [`metrics`](crate::metrics).
    pub fn metrics(&mut self) -> Option<Metrics> {
        let mut metrics = self.inspector.as_ref()?.metrics.clone();
        metrics.events = self.entries.len();
        for entry in self.entries.iter() {
            let buffered = entry.handler.as_ref().and_then(|handler| handler.buffered());
            metrics.descriptors += usize::from(matches!(entry.kind, Kind::Descriptor { .. }) || buffered.is_some());
            metrics.buffered += buffered.unwrap_or(0);
        }
        metrics.pooled = self.pool.held();
        Some(metrics)
    }

    /// [Publishes](Metrics::publish) the loop's values now and then. That does not keep a loop running.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Config, EventLoop};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::with_config(Config::new().metrics(true), ())?;
    /// ev.publish_metrics("main", Duration::from_secs(10));
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[cfg(feature = "metrics")]
    #[track_caller]
    pub fn publish_metrics(&mut self, name: impl Into<String>, every: Duration) -> EventId {
        let name = name.into();
        let id = self.timer(crate::Timer::every(every), move |cx| {
            if let Some(metrics) = cx.metrics() {
                metrics.publish(&name);
            }
        });
        self.keep_alive(id, false);
        id
    }
}

#[cfg(test)]
mod tests;
