//! A reverse proxy: bodies go through in both directions as they come, no faster than the slower side. `http_proxy UPSTREAM [PORT]`, UPSTREAM
//! as `http://127.0.0.1:8080`, listens on 127.0.0.1.
//!
//! What belongs to one hop (RFC 9110, section 7.6.1) stays there: fields that `Connection` names, and those of this list. `Connection` cannot
//! take away what routes or frames a message.

use evoxide::buffer::Buffer;
use evoxide::http::{
    Answer, Body, BodyWriter, Client, ClientConfig, Exchange, ExchangeId, Failure, Flow, Head, HeaderMap, HeaderName,
    IntoAnswer, Method, OutRequest, RequestCx, RequestHead, Responder, Server, StatusCode, Upload, Uri, header,
};
use evoxide::{Context, Error, EventLoop};
use std::cell::Cell;
use std::net::TcpListener;
use std::rc::Rc;

/// So much waits for the slower side before the faster one is held back.
const FULL: usize = 256 * 1024;

/// Removes what is meant for this hop only.
fn strip(headers: &mut HeaderMap) {
    const HOP: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "upgrade",
    ];
    const KEPT: [HeaderName; 4] =
        [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONTENT_TYPE];
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| !KEPT.contains(name))
        .collect();
    for name in listed {
        headers.remove(name);
    }
    for name in HOP {
        headers.remove(name);
    }
    // This side has a framing of its own.
    headers.remove(header::TRANSFER_ENCODING);
}

/// What of a body is on its way to the upstream.
#[derive(Default)]
struct Way {
    data: Cell<Buffer>,
    ended: Cell<bool>,
}

/// The client's side: takes the request's body.
struct FromClient {
    id: Option<ExchangeId>,
    way: Rc<Way>,
    later: Option<evoxide::http::Later>,
}

impl Upload<()> for FromClient {
    fn on_data(&mut self, cx: &mut RequestCx<'_, ()>, data: &mut Buffer) {
        let mut held = self.way.data.take();
        if held.len() < FULL {
            held.append_buffer(data);
        }
        self.way.data.set(held);
        self.tell(cx);
    }

    fn on_end(mut self: Box<Self>, cx: &mut RequestCx<'_, ()>) -> Answer<()> {
        self.way.ended.set(true);
        self.tell(cx);
        match self.later.take() {
            Some(later) => later.into_answer(),
            None => StatusCode::BAD_GATEWAY.into_answer(),
        }
    }

    fn on_abort(self: Box<Self>, cx: &mut Context<'_, ()>) {
        // Half a request is none.
        if let Some(id) = self.id.filter(|_| !self.way.ended.get()) {
            id.cancel(cx);
        }
    }
}

impl FromClient {
    /// The upstream may take more.
    fn tell(&self, cx: &mut RequestCx<'_, ()>) {
        if let Some(id) = self.id {
            id.resume(cx);
        }
    }
}

/// The upstream's side: takes the answer.
struct FromUpstream {
    responder: Responder,
    writer: Option<BodyWriter>,
    id: Rc<Cell<Option<ExchangeId>>>,
}

impl Exchange<()> for FromUpstream {
    fn on_head(&mut self, cx: &mut Context<'_, ()>, mut head: Head) {
        strip(head.headers_mut());
        self.writer = self.responder.stream(cx, head).ok();
        let id = Rc::clone(&self.id);
        if let Some(writer) = &self.writer {
            let _ = writer.on_drained(cx, move |cx| {
                if let Some(id) = id.get() {
                    id.resume(cx);
                }
            });
        }
    }

    fn on_data(&mut self, cx: &mut Context<'_, ()>, data: &mut Buffer) {
        let Some(writer) = &mut self.writer else { return data.clear() };
        match writer.queued(cx) {
            // What is left waits here, and then in the upstream's socket.
            Some(queued) if queued > FULL => {}
            Some(_) => drop(writer.write_buffer(cx, data)),
            None => {
                data.clear();
                if let Some(id) = self.id.get() {
                    id.cancel(cx);
                }
            }
        }
    }

    fn on_end(mut self: Box<Self>, cx: &mut Context<'_, ()>, result: Result<(), Error>) {
        match (result, &mut self.writer) {
            (Ok(()), Some(writer)) => drop(writer.finish(cx)),
            // Cut off where it stands, when the writer is dropped.
            (Err(_), Some(_)) => {}
            (result, None) => {
                let late = result.err().and_then(|error| Failure::of(&error)) == Some(Failure::TimedOut);
                let status = if late { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
                if let Answer::Now(response) = IntoAnswer::<()>::into_answer(status) {
                    let _ = self.responder.send(cx, response);
                }
            }
        }
    }
}

fn forward(
    cx: &mut RequestCx<'_, ()>,
    client: Client,
    upstream: &Uri,
    head: RequestHead,
) -> Result<FromClient, Box<Answer<()>>> {
    let target = head.uri().path_and_query().map_or("/", |target| target.as_str());
    let base = upstream.to_string();
    let uri = format!("{}{target}", base.trim_end_matches('/'));
    let Ok(uri) = uri.parse::<Uri>() else { return Err(Box::new(StatusCode::BAD_REQUEST.into_answer())) };
    let length = head.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let has_body = length.is_some_and(|n| n > 0) || head.headers().contains_key(header::TRANSFER_ENCODING);

    let (responder, later) = cx.later();
    let way = Rc::<Way>::default();
    let (source, resumption) = (Rc::clone(&way), cx.resumption());
    let mut body = Body::empty();
    if has_body {
        body = Body::from_fn(move |out| {
            out.append_buffer(&mut source.data.take());
            resumption.resume();
            Ok(if source.ended.get() { Flow::End } else { Flow::Wait })
        });
        if let Some(length) = length {
            body = body.sized(length);
        }
    }
    let (mut parts, ()) = head.into_parts();
    strip(&mut parts.headers);
    parts.headers.remove(header::EXPECT);
    parts.uri = uri;
    let id = Rc::<Cell<Option<ExchangeId>>>::default();
    let exchange = FromUpstream { responder, writer: None, id: Rc::clone(&id) };
    id.set(Some(client.exchange(cx, OutRequest::from_parts(parts, body), exchange)));
    Ok(FromClient { id: id.get(), way, later: Some(later) })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let upstream: Uri = args.next().ok_or("http_proxy UPSTREAM [PORT]")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", args.next().map_or(Ok(0), |arg| arg.parse())?))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(())?;
    let client = ev.http_client(ClientConfig::new());
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS];
    let mut server = Server::new().max_upload(u64::MAX);
    for method in methods {
        for path in ["/", "/{*path}"] {
            let upstream = upstream.clone();
            server = server.upload(method.clone(), path, move |cx, head| forward(cx, client, &upstream, head));
        }
    }
    ev.serve_from(listener, server)?;
    ev.run()?;
    Ok(())
}
