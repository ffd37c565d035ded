//! Where a request goes, and where a redirect leads.

use super::failure::Failure;
use super::types::{Method, StatusCode, Uri, header};
use ::http::uri::{Authority, Parts, PathAndQuery, Scheme};
use ::http::{HeaderMap, HeaderName};

/// Scheme, host and port: what connections are shared by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub https: bool,
    /// In lower case, an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
}

impl Origin {
    pub fn of(uri: &Uri) -> Result<Self, Failure> {
        let https = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(Failure::Target),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(Failure::Target)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        // A password in a target is nobody's business.
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) || port == 0 {
            return Err(Failure::Target);
        }
        Ok(Self { https, host, port })
    }

    /// The value of `Host`.
    pub fn host_value(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.https { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// The target of `CONNECT`.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }
}

/// Fields that say who asks, which another origin must not see.
const SECRETS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
/// Fields of a body that is not sent again.
const OF_BODY: [HeaderName; 5] =
    [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_ENCODING, header::TRANSFER_ENCODING, header::EXPECT];

/// Makes of a request what a redirect asks for. `None`: the status is no redirect, or the request cannot be made again; the answer stands.
///
/// # Errors
/// A redirect that must not be followed.
pub(super) fn redirect(
    status: StatusCode,
    location: Option<&[u8]>,
    method: &mut Method,
    uri: &mut Uri,
    headers: &mut HeaderMap,
    has_body: bool,
) -> Result<Option<()>, Failure> {
    let (Some(location), 301 | 302 | 303 | 307 | 308) = (location, status.as_u16()) else { return Ok(None) };
    let asks_anew = match status.as_u16() {
        303 => *method != Method::GET && *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    };
    if has_body && !asks_anew {
        return Ok(None);
    }
    let next = resolve(uri, location).ok_or(Failure::Redirect)?;
    let (from, to) = (Origin::of(uri)?, Origin::of(&next).map_err(|_| Failure::Redirect)?);
    if from.https && !to.https {
        return Err(Failure::Redirect);
    }
    if from != to {
        for name in SECRETS {
            headers.remove(name);
        }
        headers.remove(header::HOST);
    }
    if asks_anew {
        *method = Method::GET;
        for name in OF_BODY {
            headers.remove(name);
        }
    }
    *uri = next;
    Ok(Some(()))
}

/// Where a `Location` leads from a URI. `None`: nowhere.
pub(super) fn resolve(base: &Uri, location: &[u8]) -> Option<Uri> {
    let text = std::str::from_utf8(location).ok()?.split('#').next()?;
    let mut parts = Parts::default();
    parts.scheme = base.scheme().cloned();
    parts.authority = base.authority().cloned();
    let path = |text: &str| PathAndQuery::try_from(text).ok();
    if let Some(rest) = text.strip_prefix("//") {
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        parts.authority = Authority::try_from(&rest[..at]).ok();
        parts.path_and_query = path(if at < rest.len() { &rest[at..] } else { "/" });
    } else if let Some((scheme, _)) = text.split_once("://").filter(|(s, _)| !s.contains(['/', '?'])) {
        let uri: Uri = text.parse().ok()?;
        if Scheme::try_from(scheme).ok()? != Scheme::HTTP && scheme != "https" {
            return None;
        }
        return Some(uri);
    } else if text.starts_with('/') {
        parts.path_and_query = path(&dots(text));
    } else if text.starts_with('?') {
        parts.path_and_query = path(&format!("{}{text}", base.path()));
    } else if text.is_empty() {
        parts.path_and_query = base.path_and_query().cloned();
    } else {
        let folder = &base.path()[..base.path().rfind('/').map_or(0, |at| at + 1)];
        parts.path_and_query = path(&dots(&format!("{}{text}", if folder.is_empty() { "/" } else { folder })));
    }
    parts.path_and_query.as_ref()?;
    Uri::from_parts(parts).ok()
}

/// A path without `.` and `..` (RFC 3986, section 5.2.4).
fn dots(text: &str) -> String {
    let (path, query) = text.find('?').map_or((text, ""), |at| text.split_at(at));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved_as_the_rfc_says() {
        let base: Uri = "http://a.example/b/c/d?q".parse().unwrap();
        for (location, wanted) in [
            ("g", "http://a.example/b/c/g"),
            ("./g?y", "http://a.example/b/c/g?y"),
            ("../g", "http://a.example/b/g"),
            ("../../../g", "http://a.example/g"),
            ("..", "http://a.example/b/"),
            ("/g/./h/../i", "http://a.example/g/i"),
            ("?y", "http://a.example/b/c/d?y"),
            ("", "http://a.example/b/c/d?q"),
            ("#s", "http://a.example/b/c/d?q"),
            ("//g.example", "http://g.example/"),
            ("//g.example?x", "http://g.example/?x"),
            ("https://g.example/h#s", "https://g.example/h"),
        ] {
            assert_eq!(resolve(&base, location.as_bytes()).unwrap().to_string(), wanted, "{location}");
        }
        assert_eq!(resolve(&base, b"ftp://x/y"), None);
        assert_eq!(resolve(&base, b"\xff"), None);
    }

    #[test]
    fn redirects_drop_what_others_must_not_see_and_never_leave_https() {
        let follow = |from: &str, to: &str, status: u16, method: &Method| {
            let (mut method, mut uri) = (method.clone(), from.parse::<Uri>().unwrap());
            let mut headers = HeaderMap::new();
            for name in [header::AUTHORIZATION, header::COOKIE, header::ACCEPT, header::CONTENT_LENGTH] {
                headers.insert(name, "x".parse().unwrap());
            }
            let has_body = method == Method::POST;
            let status = StatusCode::from_u16(status).unwrap();
            let followed = redirect(status, Some(to.as_bytes()), &mut method, &mut uri, &mut headers, has_body)
                .map(|f| f.is_some());
            (followed, method, headers.len())
        };
        assert_eq!(follow("http://a/", "/b", 302, &Method::GET), (Ok(true), Method::GET, 4));
        assert_eq!(follow("http://a/", "http://a:80/b", 302, &Method::GET), (Ok(true), Method::GET, 4));
        assert_eq!(follow("http://a/", "http://b/", 302, &Method::GET), (Ok(true), Method::GET, 2));
        assert_eq!(follow("http://a/", "http://a:81/", 302, &Method::GET), (Ok(true), Method::GET, 2));
        assert_eq!(follow("http://a/", "https://a/", 302, &Method::GET), (Ok(true), Method::GET, 2));
        assert_eq!(follow("https://a/", "http://a/", 302, &Method::GET).0, Err(Failure::Redirect));
        assert_eq!(follow("http://a/", "file:///etc/passwd", 302, &Method::GET).0, Err(Failure::Redirect));
        assert_eq!(follow("http://a/", "/b", 303, &Method::POST), (Ok(true), Method::GET, 3));
        assert_eq!(follow("http://a/", "/b", 301, &Method::POST), (Ok(true), Method::GET, 3));
        assert_eq!(follow("http://a/", "/b", 307, &Method::POST).0, Ok(false));
        assert_eq!(follow("http://a/", "/b", 304, &Method::GET).0, Ok(false));
    }
}
