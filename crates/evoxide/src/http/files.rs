//! Files beneath a folder: conditional requests, ranges, content types.

use super::answer::plain;
use super::body::Body;
use super::routes::RequestExt;
use super::server::Server;
use super::types::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use crate::Error;
use evoxide_proto::http::write;
use evoxide_sys::files;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Files of a folder, for [`Server::files`].
///
/// Only what lies beneath the folder is served: no `..`, no NUL, and no symbolic link leads out of it. Only regular files are.
///
/// # Examples
/// ```no_run
/// use evoxide::EventLoop;
/// use evoxide::http::{Files, Server};
///
/// let mut ev = EventLoop::new(())?;
/// let files = Files::new("/srv/www")?.index("index.html").cache("public, max-age=3600");
/// ev.serve("127.0.0.1:8080", Server::new().files("/", files))?;
/// ev.run()?;
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Debug)]
pub struct Files {
    folder: OwnedFd,
    index: Option<String>,
    cache: Option<HeaderValue>,
}

impl Files {
    /// The files beneath a folder, which stays the same when something else gets its name.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`Files`].
    pub fn new(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self { folder: files::open_folder(folder)?, index: None, cache: None })
    }

    /// Answers requests for a folder with its file of this name.
    ///
    /// # Examples
    /// See [`Files`].
    #[must_use]
    pub fn index(mut self, name: &str) -> Self {
        self.index = Some(name.to_owned());
        self
    }

    /// The `Cache-Control` of answers.
    ///
    /// # Panics
    /// For what is no value of a field.
    ///
    /// # Examples
    /// See [`Files`].
    #[must_use]
    pub fn cache(mut self, control: &'static str) -> Self {
        self.cache = Some(HeaderValue::from_static(control));
        self
    }

    /// Answers a request with the file of this name, relative to the folder.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::{Files, Server};
    ///
    /// let files = Files::new("/")?;
    /// let server = Server::<()>::new().get("/machine", move |_cx, request| files.answer(&request, "etc/machine-id"));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[must_use]
    pub fn answer<B>(&self, request: &::http::Request<B>, name: &str) -> Response {
        let mut response = match self.open(name) {
            Ok((file, metadata)) => send(request.headers(), file, &metadata, name),
            Err(status) => plain(status),
        };
        if let Some(cache) = &self.cache
            && (response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED)
        {
            response.headers_mut().insert(header::CACHE_CONTROL, cache.clone());
        }
        response
    }

    fn open(&self, name: &str) -> Result<(File, Metadata), StatusCode> {
        let name = name.trim_start_matches('/');
        let wrong = |part: &str| part == ".." || part == "." || part.contains('\0');
        if name.is_empty() || name.split('/').any(wrong) {
            return Err(StatusCode::NOT_FOUND);
        }
        let opened = files::open_beneath(&self.folder, name).and_then(|file| {
            let metadata = file.metadata()?;
            Ok((file, metadata))
        });
        match opened {
            Ok((file, metadata)) if metadata.is_file() => Ok((file, metadata)),
            Ok(_) => Err(StatusCode::NOT_FOUND),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
                io::ErrorKind::Unsupported => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::NOT_FOUND,
            }),
        }
    }

    fn serve(&self, request: &Request, path: &str) -> Response {
        let Some(index) = &self.index else { return self.answer(request, path) };
        if path.is_empty() || path.ends_with('/') {
            return self.answer(request, &format!("{path}{index}"));
        }
        let response = self.answer(request, path);
        if response.status() == StatusCode::NOT_FOUND && self.open(&format!("{path}/{index}")).is_ok() {
            // Relative links in the index mean files of the folder.
            let mut response = plain(StatusCode::PERMANENT_REDIRECT);
            let last = request.uri().path().rsplit('/').next().unwrap_or_default();
            if let Ok(to) = HeaderValue::from_str(&format!("./{last}/")) {
                response.headers_mut().insert(header::LOCATION, to);
                return response;
            }
        }
        response
    }
}

impl<S: 'static> Server<S> {
    /// Serves the files of a folder at a path and below it.
    ///
    /// Answers say `ETag` and `Last-Modified`; conditional requests and one range are understood, of several ranges the whole is sent.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// See [`Files`].
    #[must_use]
    #[track_caller]
    pub fn files(self, path: &str, files: Files) -> Self {
        let files = std::rc::Rc::new(files);
        let own = std::rc::Rc::clone(&files);
        let base = path.trim_end_matches('/');
        self.get(&format!("{base}/"), move |_cx, request| own.serve(&request, "")).get(
            &format!("{base}/{{*path}}"),
            move |_cx, request| {
                let path = request.param("path").unwrap_or_default();
                files.serve(&request, path)
            },
        )
    }
}

/// What identifies a file's content: when it was changed and how long it is.
fn etag(metadata: &Metadata, modified: u128) -> String {
    format!("\"{modified:x}-{:x}\"", metadata.len())
}

/// Answers with a file, or a part of it, or that nothing has changed.
fn send(asked: &HeaderMap, file: File, metadata: &Metadata, name: &str) -> Response {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let (etag, date) = (etag(metadata, since.as_nanos()), write::date(since.as_secs() as i64));
    let size = metadata.len();
    let mut response = match precondition(asked, &etag, &date) {
        Some(status) => plain(status),
        None => match range(asked, &etag, &date, size) {
            Ok(None) => Response::new(Body::from_file(file, 0, size)),
            Ok(Some((from, to))) => {
                let length = to - from + 1;
                let mut response = Response::new(Body::from_file(file, from, length));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                insert(&mut response, header::CONTENT_RANGE, &format!("bytes {from}-{to}/{size}"));
                response
            }
            Err(()) => {
                let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE);
                insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
                return response;
            }
        },
    };
    if response.status().is_success() {
        insert(&mut response, header::CONTENT_TYPE, content_type(name));
        insert(&mut response, header::ACCEPT_RANGES, "bytes");
    }
    if response.status() != StatusCode::PRECONDITION_FAILED {
        insert(&mut response, header::ETAG, &etag);
        insert(&mut response, header::LAST_MODIFIED, &date);
    }
    response
}

fn insert(response: &mut Response, name: ::http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn text(headers: &HeaderMap, name: ::http::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a list of entity tags has one. `weak`: marks of weakness do not count.
fn lists(list: &str, etag: &str, weak: bool) -> bool {
    list.trim() == "*"
        || list.split(',').map(str::trim).any(|tag| tag == etag || weak && tag.strip_prefix("W/") == Some(etag))
}

/// RFC 9110, section 13.2.2. Dates are compared as text: a client repeats what it was told.
fn precondition(asked: &HeaderMap, etag: &str, date: &str) -> Option<StatusCode> {
    let failed = match (text(asked, header::IF_MATCH), text(asked, header::IF_UNMODIFIED_SINCE)) {
        (Some(list), _) => !lists(list, etag, false),
        (None, Some(since)) => since != date,
        (None, None) => false,
    };
    if failed {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    let unchanged = match (text(asked, header::IF_NONE_MATCH), text(asked, header::IF_MODIFIED_SINCE)) {
        (Some(list), _) => lists(list, etag, true),
        (None, Some(since)) => since == date,
        (None, None) => false,
    };
    unchanged.then_some(StatusCode::NOT_MODIFIED)
}

/// The first and last byte that are asked for. `None`: all of them.
///
/// # Errors
/// The range lies beyond the end.
fn range(asked: &HeaderMap, etag: &str, date: &str, size: u64) -> Result<Option<(u64, u64)>, ()> {
    let Some(range) = text(asked, header::RANGE) else { return Ok(None) };
    if text(asked, header::IF_RANGE).is_some_and(|known| known != etag && known != date) {
        return Ok(None);
    }
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Ok(None);
    };
    let number =
        |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten();
    let (from, to) = match (from.is_empty(), to.is_empty()) {
        (true, true) => return Ok(None),
        (true, false) => match number(to) {
            Some(0) => return Err(()),
            Some(last) => (size.saturating_sub(last), size.saturating_sub(1)),
            None => return Ok(None),
        },
        (false, to_is_open) => {
            let to = if to_is_open { Some(u64::MAX) } else { number(to) };
            let (Some(from), Some(to)) = (number(from), to) else { return Ok(None) };
            if to < from {
                return Ok(None);
            }
            (from, to.min(size.saturating_sub(1)))
        }
    };
    if from >= size { Err(()) } else { Ok(Some((from, to))) }
}

/// The content type that goes with a file's name.
fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" | "map" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}
