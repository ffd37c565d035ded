//! Routes that open WebSockets.

use super::config::SocketConfig;
use super::connection::{OnSocket, SocketHandler};
use crate::event_loop::timed::Named;
use crate::http::{
    Answer, Body, HeaderValue, IntoAnswer, Request, RequestCx, Response, Server, StatusCode, Version, header,
};
use evoxide_proto::ws::{Refusal, Role, check_request};

fn fields(request: &Request) -> impl Iterator<Item = (&[u8], &[u8])> {
    request.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}

/// What a request for a WebSocket is answered.
fn handshake(request: &Request, config: &SocketConfig) -> Result<Response, Box<Response>> {
    let minor = if request.version() == Version::HTTP_10 { 0 } else { 1 };
    let method = request.method().as_str().as_bytes();
    let checked = config.origins.with(|origins| check_request(method, (1, minor), fields(request), origins));
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    match checked {
        Ok(accepted) => {
            let value = |text: &str| HeaderValue::from_str(text).ok();
            let chosen = config.protocols.iter().find(|known| accepted.protocols.contains(known));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.extend(value(&accepted.accept).map(|value| (header::SEC_WEBSOCKET_ACCEPT, value)));
            headers.extend(chosen.and_then(|name| value(name)).map(|value| (header::SEC_WEBSOCKET_PROTOCOL, value)));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            Ok(response)
        }
        Err(refusal) => {
            if refusal == Refusal::Version {
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            *response.status_mut() = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            Err(Box::new(response))
        }
    }
}

impl<S: 'static> Server<S> {
    /// Opens WebSockets at a path. What `handler` makes has the connection, or `handler` refuses.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// See the [module](crate::ws) and [`Socket`](super::Socket).
    #[must_use]
    #[track_caller]
    pub fn websocket<M, H>(self, path: &str, config: SocketConfig, handler: M) -> Self
    where
        M: Fn(&mut RequestCx<'_, S>, &Request) -> Result<H, StatusCode> + 'static,
        H: SocketHandler<S> + 'static,
    {
        let named = Named::of::<H>();
        self.get(path, move |cx, request| match handshake(&request, &config) {
            Ok(response) => match handler(cx, &request) {
                Ok(handler) => {
                    let on = OnSocket::new(handler, Role::Server, config.clone(), named);
                    Answer::Upgrade(response, Box::new(on))
                }
                Err(status) => status.into_answer(),
            },
            Err(response) => Answer::Now(*response),
        })
    }
}
