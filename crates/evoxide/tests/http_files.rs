//! Files over HTTP.
#![cfg(feature = "http")]

use evoxide::EventLoop;
use evoxide::http::{Files, Server};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;

struct Site {
    dir: PathBuf,
    server: Rc<Server<()>>,
}

impl Site {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("evoxide-files-{name}-{}", std::process::id()));
        let root = dir.join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(dir.join("secret"), "secret").unwrap();
        fs::write(root.join("ten.txt"), "0123456789").unwrap();
        fs::write(root.join("empty"), "").unwrap();
        fs::write(root.join("sub/index.html"), "<p>sub").unwrap();
        fs::write(root.join("big.bin"), vec![b'b'; 3_000_000]).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink(dir.join("secret"), root.join("absolute")).unwrap();
        symlink("ten.txt", root.join("inside")).unwrap();
        let files = Files::new(&root).unwrap().index("index.html").cache("no-cache");
        Self { dir, server: Rc::new(Server::new().files("/f", files)) }
    }

    /// The whole answer to one request.
    fn ask(&self, method: &str, target: &str, fields: &str) -> String {
        let (mut client, socket) = UnixStream::pair().unwrap();
        let mut ev = EventLoop::new(()).unwrap();
        ev.serve_connection(socket, &self.server).unwrap();
        write!(client, "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n").unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            text
        });
        ev.run().unwrap();
        reader.join().unwrap()
    }

    fn get(&self, target: &str) -> String {
        self.ask("GET", target, "")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn status(answer: &str) -> u16 {
    answer[9..12].parse().unwrap()
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name))).map(|(_, v)| v)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn files_come_with_what_identifies_them() {
    let site = Site::new("plain");
    let answer = site.get("/f/ten.txt");
    assert_eq!((status(&answer), body(&answer)), (200, "0123456789"));
    assert_eq!(field(&answer, "content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(field(&answer, "content-length"), Some("10"));
    assert_eq!(field(&answer, "accept-ranges"), Some("bytes"));
    assert_eq!(field(&answer, "cache-control"), Some("no-cache"));
    assert!(field(&answer, "etag").unwrap().starts_with('"'));
    assert!(field(&answer, "last-modified").unwrap().ends_with(" GMT"));
    let head = site.ask("HEAD", "/f/ten.txt", "");
    assert_eq!((status(&head), body(&head), field(&head, "content-length")), (200, "", Some("10")));
    assert_eq!(body(&site.get("/f/empty")), "");
    assert_eq!(body(&site.get("/f/big.bin")).len(), 3_000_000);
    assert_eq!(body(&site.get("/f/inside")), "0123456789");
    assert_eq!(status(&site.ask("POST", "/f/ten.txt", "")), 405);
}

#[test]
fn an_index_stands_for_its_folder() {
    let site = Site::new("index");
    assert_eq!(body(&site.get("/f/sub/")), "<p>sub");
    let answer = site.get("/f/sub");
    assert_eq!((status(&answer), field(&answer, "location")), (308, Some("./sub/")));
    assert_eq!(status(&site.get("/f/")), 404);
}

#[test]
fn nothing_outside_of_the_folder_is_served() {
    let site = Site::new("outside");
    for target in [
        "/f/../secret",
        "/f/%2e%2e/secret",
        "/f/sub/../../secret",
        "/f/..%2fsecret",
        "/f/out",
        "/f/absolute",
        "/f//etc/passwd",
        "/f/%2fetc%2fpasswd",
        "/f/sub",
        "/f/sub/..",
    ] {
        let answer = site.get(target);
        assert!(matches!(status(&answer), 308 | 404), "{target}: {answer}");
        assert!(!body(&answer).contains("secret") && !body(&answer).contains("root:"), "{target}");
    }
    assert_eq!(status(&site.get("/f/ten.txt%00.html")), 400);
}

#[test]
fn ranges_are_parts() {
    let site = Site::new("ranges");
    let range = |range: &str| site.ask("GET", "/f/ten.txt", &format!("Range: {range}\r\n"));
    for (asked, content, part) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-30", "0123456789", "bytes 0-9/10"),
        ("bytes=8-99999999999999999999", "0123456789", ""),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        // Several ranges, other units and nonsense mean the whole.
        ("bytes=0-1,3-4", "0123456789", ""),
        ("lines=0-1", "0123456789", ""),
        ("bytes=4-2", "0123456789", ""),
        ("bytes=-", "0123456789", ""),
        ("bytes=+1-2", "0123456789", ""),
    ] {
        let answer = range(asked);
        let wanted = if part.is_empty() { (200, None) } else { (206, Some(part)) };
        assert_eq!((status(&answer), field(&answer, "content-range")), wanted, "{asked}");
        assert_eq!(body(&answer), content, "{asked}");
    }
    for asked in ["bytes=10-", "bytes=11-12", "bytes=-0"] {
        let answer = range(asked);
        assert_eq!((status(&answer), field(&answer, "content-range")), (416, Some("bytes */10")), "{asked}");
    }
    assert_eq!(status(&site.ask("GET", "/f/empty", "Range: bytes=0-\r\n")), 416);
}

#[test]
fn conditions_are_kept() {
    let site = Site::new("conditions");
    let answer = site.get("/f/ten.txt");
    let (etag, date) = (field(&answer, "etag").unwrap(), field(&answer, "last-modified").unwrap());
    let of = |fields: &str| status(&site.ask("GET", "/f/ten.txt", fields));
    assert_eq!(of(&format!("If-None-Match: {etag}\r\n")), 304);
    assert_eq!(of(&format!("If-None-Match: \"x\", W/{etag}\r\n")), 304);
    assert_eq!(of("If-None-Match: *\r\n"), 304);
    assert_eq!(of("If-None-Match: \"x\"\r\n"), 200);
    assert_eq!(of(&format!("If-Modified-Since: {date}\r\n")), 304);
    assert_eq!(of(&format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {date}\r\n")), 200);
    assert_eq!(of(&format!("If-Match: {etag}\r\n")), 200);
    assert_eq!(of(&format!("If-Match: W/{etag}\r\n")), 412);
    assert_eq!(of("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), 412);
    assert_eq!(of(&format!("Range: bytes=0-1\r\nIf-Range: {etag}\r\n")), 206);
    assert_eq!(of("Range: bytes=0-1\r\nIf-Range: \"old\"\r\n"), 200);
    let unchanged = site.ask("GET", "/f/ten.txt", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((body(&unchanged), field(&unchanged, "etag")), ("", Some(etag)));
}
