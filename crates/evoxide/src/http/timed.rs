//! Handlers of requests and answers whose time is taken, so that a report of slow handlers does not name the connection that called them.
//!
//! Only a loop that counts wraps them.

use super::answer::Answer;
use super::context::RequestCx;
use super::download::Exchange;
use super::failure::Failure;
use super::types::Head;
use super::upload::Upload;
use crate::Error;
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::event_loop::registry::Registry;
use crate::event_loop::timed::Named;
use crate::stream::StreamHandler;

/// A handler that a report of slow ones names.
struct Timed<H> {
    inner: H,
    named: Named,
}

/// An upload as it is kept: where the loop counts, one whose time is taken.
pub(super) fn upload<S, U: Upload<S> + 'static>(cx: &RequestCx<'_, S>, inner: U, named: Named) -> Box<dyn Upload<S>> {
    if cx.cx.registry.inspector.is_some() { Box::new(Timed { inner, named }) } else { Box::new(inner) }
}

impl<S, U: Upload<S>> Upload<S> for Timed<U> {
    fn on_data(&mut self, cx: &mut RequestCx<'_, S>, data: &mut Buffer) {
        cx.part_begins();
        self.inner.on_data(cx, data);
        cx.part_ends(self.named);
    }

    fn on_end(self: Box<Self>, cx: &mut RequestCx<'_, S>) -> Answer<S> {
        cx.part_begins();
        let answer = Box::new(self.inner).on_end(cx);
        cx.part_ends(self.named);
        answer
    }

    fn on_abort(self: Box<Self>, cx: &mut Context<'_, S>) {
        cx.part_begins();
        Box::new(self.inner).on_abort(cx);
        cx.part_ends(self.named);
    }
}

/// An exchange as it is kept, likewise.
pub(super) fn exchange<S, E>(registry: &Registry<S>, inner: E, named: Named) -> Box<dyn Exchange<S>>
where
    E: Exchange<S> + 'static,
{
    if registry.inspector.is_some() { Box::new(Timed { inner, named }) } else { Box::new(inner) }
}

impl<S, E: Exchange<S>> Exchange<S> for Timed<E> {
    fn on_head(&mut self, cx: &mut Context<'_, S>, head: Head) {
        cx.part_begins();
        self.inner.on_head(cx, head);
        cx.part_ends(self.named);
    }

    fn on_data(&mut self, cx: &mut Context<'_, S>, data: &mut Buffer) {
        cx.part_begins();
        self.inner.on_data(cx, data);
        cx.part_ends(self.named);
    }

    fn on_end(self: Box<Self>, cx: &mut Context<'_, S>, result: Result<(), Error>) {
        cx.part_begins();
        Box::new(self.inner).on_end(cx, result);
        cx.part_ends(self.named);
    }

    fn on_upgrade(&mut self, cx: &mut Context<'_, S>, head: &Head) -> Result<Box<dyn StreamHandler<S>>, Failure> {
        self.inner.on_upgrade(cx, head)
    }
}
