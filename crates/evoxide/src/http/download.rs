//! Answers that are taken as they come: the trait of who takes one.

use super::failure::Failure;
use super::types::Head;
use crate::Error;
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::stream::StreamHandler;

/// Takes an answer as it comes.
///
/// # Examples
/// ```
/// use evoxide::buffer::Buffer;
/// use evoxide::http::{Exchange, Head};
/// use evoxide::{Context, Error};
///
/// #[derive(Default)]
/// struct Print(u64);
///
/// impl<S> Exchange<S> for Print {
///     fn on_head(&mut self, _cx: &mut Context<'_, S>, head: Head) {
///         println!("{}", head.status());
///     }
///
///     fn on_data(&mut self, _cx: &mut Context<'_, S>, data: &mut Buffer) {
///         self.0 += data.len() as u64;
///         data.clear();
///     }
///
///     fn on_end(self: Box<Self>, _cx: &mut Context<'_, S>, result: Result<(), Error>) {
///         println!("{} bytes: {result:?}", self.0);
///     }
/// }
/// ```
pub trait Exchange<S> {
    /// The answer's head has come; that of a redirect that is followed is not told.
    ///
    /// # Examples
    /// See [`Exchange`].
    fn on_head(&mut self, cx: &mut Context<'_, S>, head: Head);

    /// A piece of the body has come. What is left in `data` is offered again, with what comes behind it; when much of it is left, no more is
    /// read until [`ExchangeId::resume`](super::ExchangeId::resume).
    ///
    /// # Examples
    /// See [`Exchange`].
    fn on_data(&mut self, cx: &mut Context<'_, S>, data: &mut Buffer);

    /// The answer is whole, or failed. Called once.
    ///
    /// # Examples
    /// See [`Exchange`].
    fn on_end(self: Box<Self>, cx: &mut Context<'_, S>, result: Result<(), Error>);

    /// The server changed the protocol, as the request asked: who has the connection from here on. It is called first by
    /// [`on_wake`](StreamHandler::on_wake).
    ///
    /// # Errors
    /// [`Failure::Upgrade`], unless a handler has it otherwise: the exchange fails.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::Failure;
    ///
    /// assert_eq!(Failure::Upgrade.to_string(), "the server did not change the protocol");
    /// ```
    fn on_upgrade(&mut self, cx: &mut Context<'_, S>, head: &Head) -> Result<Box<dyn StreamHandler<S>>, Failure> {
        let _ = (cx, head);
        Err(Failure::Upgrade)
    }
}
