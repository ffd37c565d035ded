//! Which handler has a request: routes by path and method.

use super::answer::{Answer, plain};
use super::context::RequestCx;
use super::types::{Method, Request, RequestHead, StatusCode, header};
use super::upload::Upload;
use crate::buffer::Buffer;
use ::http::HeaderValue;

/// Takes a request whose body is whole out of its place.
pub(super) type OnRequest<S> = Box<dyn Fn(&mut RequestCx<'_, S>, &mut Option<Request>) -> Answer<S>>;
/// Gets a request when its head has come, and says who takes the body.
pub(super) type OnUpload<S> =
    Box<dyn Fn(&mut RequestCx<'_, S>, RequestHead) -> Result<Box<dyn Upload<S>>, Box<Answer<S>>>>;

/// What a route leads to.
pub(super) enum Endpoint<S> {
    Whole(OnRequest<S>),
    Upload(OnUpload<S>),
}

/// What a path leads to: methods with their endpoints, and one for all others.
#[derive(Default)]
struct Path {
    methods: Vec<(Method, usize)>,
    any: Option<usize>,
}

/// Routes of a server.
pub(super) struct Routes<S> {
    router: matchit::Router<usize>,
    patterns: Vec<(String, Path)>,
    pub endpoints: Vec<Endpoint<S>>,
    pub fallback: Option<usize>,
}

impl<S> Default for Routes<S> {
    fn default() -> Self {
        Self { router: matchit::Router::new(), patterns: Vec::new(), endpoints: Vec::new(), fallback: None }
    }
}

/// Parameters of a path, decoded.
#[derive(Clone, Debug)]
pub(super) struct Params(pub Vec<(String, String)>);

impl<S> Routes<S> {
    /// # Panics
    /// For a pattern that is malformed or conflicts with another, and for a method that a path has already.
    pub fn add(&mut self, method: Option<Method>, pattern: &str, endpoint: Endpoint<S>) {
        let at = match self.patterns.iter().position(|(known, _)| known == pattern) {
            Some(at) => at,
            None => {
                if let Err(error) = self.router.insert(pattern, self.patterns.len()) {
                    panic!("the route {pattern}: {error}");
                }
                self.patterns.push((pattern.to_owned(), Path::default()));
                self.patterns.len() - 1
            }
        };
        self.endpoints.push(endpoint);
        let new = self.endpoints.len() - 1;
        let path = &mut self.patterns[at].1;
        let known = match method {
            Some(method) if path.methods.iter().any(|(known, _)| *known == method) => true,
            Some(method) => {
                path.methods.push((method, new));
                false
            }
            None => path.any.replace(new).is_some(),
        };
        assert!(!known, "the route {pattern} has such a handler already");
    }

    /// The endpoint of a request, whose extensions get the parameters; or what is answered instead.
    pub fn find(&self, request: &mut Request) -> Result<usize, Box<Answer<S>>> {
        let path = request.uri().path();
        let Ok(found) = self.router.at(path) else {
            return self.fallback.ok_or_else(|| Box::new(Answer::Now(plain(StatusCode::NOT_FOUND))));
        };
        let params = if found.params.is_empty() { None } else { Some(decode(&found.params)) };
        let path = &self.patterns[*found.value].1;
        if let Some(params) = params {
            let Some(params) = params else { return Err(Box::new(Answer::Now(plain(StatusCode::BAD_REQUEST)))) };
            request.extensions_mut().insert(params);
        }
        let of = |method: &Method| path.methods.iter().find(|(known, _)| known == method).map(|(_, at)| *at);
        let method = request.method();
        let head = || if method == Method::HEAD { of(&Method::GET) } else { None };
        if let Some(at) = of(method).or_else(head).or(path.any) {
            return Ok(at);
        }
        let status = if method == Method::OPTIONS { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED };
        let mut response = plain(status);
        let mut allow: Vec<&str> = path.methods.iter().map(|(method, _)| method.as_str()).collect();
        if allow.contains(&"GET") && !allow.contains(&"HEAD") {
            allow.push("HEAD");
        }
        if let Ok(value) = HeaderValue::from_str(&allow.join(", ")) {
            response.headers_mut().insert(header::ALLOW, value);
        }
        Err(Box::new(Answer::Now(response)))
    }
}

fn decode(params: &matchit::Params<'_, '_>) -> Option<Params> {
    let pairs = params.iter().map(|(name, value)| Some((name.to_owned(), percent_decode(value)?)));
    pairs.collect::<Option<Vec<_>>>().map(Params)
}

/// Text without its percent escapes. `None`: an escape is malformed, or what comes out is no text or holds a NUL.
pub(super) fn percent_decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| (b? as char).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// What requests know beside what everybody knows of them.
///
/// # Examples
/// ```
/// use evoxide::http::{RequestCx, Request, RequestExt};
///
/// fn greet<S>(_cx: &mut RequestCx<'_, S>, request: Request) -> String {
///     let name = request.param("name").unwrap_or("you");
///     match request.query("mood").as_deref() {
///         Some("loud") => format!("HELLO {}!\n", name.to_uppercase()),
///         _ => format!("Hello {name}\n"),
///     }
/// }
/// let server = evoxide::http::Server::<()>::new().get("/hello/{name}", greet);
/// ```
pub trait RequestExt {
    /// A parameter of the route, without its percent escapes.
    ///
    /// # Examples
    /// See [`RequestExt`].
    fn param(&self, name: &str) -> Option<&str>;

    /// A parameter of the query, without its percent escapes; `+` is a space. `None` for those that are no text.
    ///
    /// # Examples
    /// See [`RequestExt`].
    fn query(&self, name: &str) -> Option<String>;
}

impl<B> RequestExt for ::http::Request<B> {
    fn param(&self, name: &str) -> Option<&str> {
        let Params(params) = self.extensions().get()?;
        params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn query(&self, name: &str) -> Option<String> {
        let text = |part: &str| percent_decode(&part.replace('+', " "));
        self.uri().query()?.split('&').find_map(|pair| {
            let (known, value) = pair.split_once('=').unwrap_or((pair, ""));
            if text(known)? == name { text(value) } else { None }
        })
    }
}

/// The content of a request's body, in one piece.
///
/// # Examples
/// ```
/// use evoxide::http::{Request, body_text};
///
/// fn words(request: Request) -> usize {
///     body_text(request.into_body()).map_or(0, |text| text.split_whitespace().count())
/// }
/// ```
#[must_use]
pub fn body_text(mut body: Buffer) -> Option<String> {
    String::from_utf8(body.take_bytes(usize::MAX)).ok()
}
