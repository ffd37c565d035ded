//! Bodies of requests as they come.

use super::answer::Answer;
use super::context::RequestCx;
use crate::Context;
use crate::buffer::Buffer;

/// Takes the body of a request as it comes: for bodies that are too long to be kept, or of use before they are whole.
///
/// # Examples
/// A server that counts the bytes of what is sent to it, however much that is:
/// ```
/// use evoxide::EventLoop;
/// use evoxide::buffer::Buffer;
/// use evoxide::http::{Answer, IntoAnswer, Method, RequestCx, Server, Upload};
///
/// #[derive(Default)]
/// struct Count(u64);
///
/// impl<S> Upload<S> for Count {
///     fn on_data(&mut self, _cx: &mut RequestCx<'_, S>, data: &mut Buffer) {
///         self.0 += data.len() as u64;
///         data.clear();
///     }
///
///     fn on_end(self: Box<Self>, _cx: &mut RequestCx<'_, S>) -> Answer<S> {
///         format!("{}\n", self.0).into_answer()
///     }
/// }
///
/// let server = Server::<()>::new().upload(Method::PUT, "/count", |_cx, _request| Ok(Count::default()));
/// ```
pub trait Upload<S> {
    /// A piece has come. What is left in `data` is offered again, with what comes behind it; when much of it is left, no more is read
    /// until [`Resumption::resume`](super::Resumption::resume).
    ///
    /// # Examples
    /// See [`Upload`].
    fn on_data(&mut self, cx: &mut RequestCx<'_, S>, data: &mut Buffer);

    /// The body is whole, and was taken.
    ///
    /// # Examples
    /// See [`Upload`].
    fn on_end(self: Box<Self>, cx: &mut RequestCx<'_, S>) -> Answer<S>;

    /// The rest of the body will not come: the peer has gone, did wrong, or took too long. Not called where the loop ends, or the event is
    /// removed by its id.
    ///
    /// # Examples
    /// See [`Upload`].
    fn on_abort(self: Box<Self>, cx: &mut Context<'_, S>) {
        let _ = cx;
    }
}

impl<S> Upload<S> for Box<dyn Upload<S>> {
    fn on_data(&mut self, cx: &mut RequestCx<'_, S>, data: &mut Buffer) {
        (**self).on_data(cx, data);
    }

    fn on_end(self: Box<Self>, cx: &mut RequestCx<'_, S>) -> Answer<S> {
        (*self).on_end(cx)
    }

    fn on_abort(self: Box<Self>, cx: &mut Context<'_, S>) {
        (*self).on_abort(cx);
    }
}
