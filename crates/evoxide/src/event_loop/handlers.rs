//! Handlers of the loop's own kinds of events.

use super::context::{Callback, Context};
use super::event::Fired;
use crate::interest::Ready;
use std::any::Any;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

pub(crate) struct Plain<H>(pub H);

impl<S, H: FnMut(&mut Context<'_, S>)> Callback<S> for Plain<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, _: Fired) {
        (self.0)(cx);
    }
}

pub(crate) struct OnSignal<H>(pub H);

impl<S, H: FnMut(&mut Context<'_, S>, u32)> Callback<S> for OnSignal<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        (self.0)(cx, u32::from(fired.calls.max(1)));
    }
}

pub(crate) struct OnPrepare<H>(pub H);

impl<S, H: FnMut(&mut Context<'_, S>, Option<Duration>)> Callback<S> for OnPrepare<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, _: Fired) {
        (self.0)(cx, cx.registry.next_wait);
    }
}

pub(crate) struct OnDescriptor<F, H> {
    pub source: F,
    pub handler: H,
}

impl<S, F, H> Callback<S> for OnDescriptor<F, H>
where
    F: AsFd + 'static,
    H: FnMut(&mut Context<'_, S>, &mut F, Ready),
{
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        (self.handler)(cx, &mut self.source, Ready::new(fired.ready));
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.source.as_fd().as_raw_fd())
    }

    fn source(&mut self) -> Option<&mut dyn Any> {
        Some(&mut self.source)
    }

    fn into_source(self: Box<Self>) -> Option<Box<dyn Any>> {
        Some(Box::new(self.source))
    }
}
