//! Clients that open WebSockets.

use super::config::SocketConfig;
use super::connection::{Close, OnSocket, SocketCx, SocketHandler};
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::event_loop::registry::Registry;
use crate::event_loop::timed::Named;
use crate::http::{Body, Client, Exchange, ExchangeId, Failure, Head, HeaderName, HeaderValue, OutRequest, Uri};
use crate::stream::StreamHandler;
use crate::{Error, ErrorKind};
use evoxide_proto::ws::{ClientHandshake, Role, code};

impl Client {
    /// Opens a WebSocket at a URI (`ws://`, or `wss://` where the client has TLS). Where that fails, the handler's
    /// [`on_close`](SocketHandler::on_close) says why.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for what is no URI; what the operating system says where it has no random bytes.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::http::{ClientConfig, Server};
    /// use evoxide::ws::{Message, SocketCx, SocketHandler};
    /// use std::net::TcpListener;
    ///
    /// struct Echo;
    ///
    /// impl SocketHandler<Vec<Message>> for Echo {
    ///     fn on_message(&mut self, cx: &mut SocketCx<'_, Vec<Message>>, message: Message) {
    ///         let _ = cx.send(message);
    ///     }
    /// }
    ///
    /// struct Hello;
    ///
    /// impl SocketHandler<Vec<Message>> for Hello {
    ///     fn on_open(&mut self, cx: &mut SocketCx<'_, Vec<Message>>) {
    ///         let _ = cx.send("hello");
    ///     }
    ///
    ///     fn on_message(&mut self, cx: &mut SocketCx<'_, Vec<Message>>, message: Message) {
    ///         cx.state().push(message);
    ///         cx.exit();
    ///     }
    /// }
    ///
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// let server = Server::new().websocket("/", Default::default(), |_cx, _request| Ok(Echo));
    /// let listener = ev.serve("127.0.0.1:0", server)?;
    /// let port = ev.source::<TcpListener>(listener).unwrap().local_addr()?.port();
    /// let client = ev.http_client(ClientConfig::new());
    /// client.websocket(&mut ev, &format!("ws://127.0.0.1:{port}/"), Default::default(), Hello)?;
    /// ev.run()?;
    /// assert_eq!(ev.state(), &[Message::from("hello")]);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn websocket<S: 'static>(
        self,
        events: &mut Registry<S>,
        uri: &str,
        config: SocketConfig,
        handler: impl SocketHandler<S> + 'static,
    ) -> Result<ExchangeId, Error> {
        let uri: Uri = uri.parse().map_err(|_| Error::invalid("uri"))?;
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|error| Error::from(std::io::Error::other(error.to_string())))?;
        let protocols: Vec<&str> = config.protocols.iter().map(String::as_str).collect();
        let handshake = ClientHandshake::new(key, &protocols);
        let mut request = OutRequest::new(Body::empty());
        *request.uri_mut() = uri;
        for (name, value) in handshake.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| ErrorKind::Invalid)?;
            let value = HeaderValue::from_str(&value).map_err(|_| Error::invalid("protocol"))?;
            request.headers_mut().insert(name, value);
        }
        Ok(self.exchange(
            events,
            request,
            Opening { handshake, config, named: Named::of_value(&handler), handler: Some(handler) },
        ))
    }
}

/// Waits for the answer to a handshake.
struct Opening<H> {
    handshake: ClientHandshake,
    config: SocketConfig,
    named: Named,
    /// `None` once it has the connection.
    handler: Option<H>,
}

impl<S: 'static, H: SocketHandler<S> + 'static> Exchange<S> for Opening<H> {
    fn on_head(&mut self, _cx: &mut Context<'_, S>, _head: Head) {}

    fn on_data(&mut self, _cx: &mut Context<'_, S>, data: &mut Buffer) {
        data.clear();
    }

    fn on_end(self: Box<Self>, cx: &mut Context<'_, S>, result: Result<(), Error>) {
        if let Some(mut handler) = self.handler {
            let error = result.err().unwrap_or_else(|| Failure::Upgrade.into());
            let context = Context { registry: cx.registry, state: cx.state, id: None };
            let close = Close { code: code::ABNORMAL, reason: error.to_string() };
            handler.on_close(&mut SocketCx { cx: context, socket: None }, close);
        }
    }

    fn on_upgrade(&mut self, _cx: &mut Context<'_, S>, head: &Head) -> Result<Box<dyn StreamHandler<S>>, Failure> {
        let fields = head.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        let checked = self.handshake.check_answer(head.status().as_u16(), fields);
        match (checked, self.handler.take()) {
            (Ok(_), Some(handler)) => {
                Ok(Box::new(OnSocket::new(handler, Role::Client, self.config.clone(), self.named)))
            }
            (_, handler) => {
                self.handler = handler;
                Err(Failure::Upgrade)
            }
        }
    }
}
