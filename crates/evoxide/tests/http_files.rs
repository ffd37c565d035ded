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

/// Bytes that say where they are.
fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7) as u8 ^ (at >> 11) as u8).collect()
}

/// Serves one connection and reads what comes, a little at a time in the beginning; the thread of the client does what `meanwhile` says
/// when the head is there.
fn read_all(server: &Rc<Server<()>>, requests: &str, meanwhile: impl FnOnce() + Send + 'static) -> Vec<u8> {
    let (mut client, socket) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    ev.serve_connection(socket, server).unwrap();
    client.write_all(requests.as_bytes()).unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = vec![0; 100];
        client.read_exact(&mut bytes).unwrap();
        meanwhile();
        for size in [1, 1000, 100_000] {
            let mut piece = vec![0; size];
            let n = client.read(&mut piece).unwrap();
            bytes.extend_from_slice(&piece[..n]);
        }
        client.read_to_end(&mut bytes).unwrap();
        bytes
    });
    ev.run().unwrap();
    reader.join().unwrap()
}

/// The bodies of answers with `Content-Length`, one behind the other, and what is left of one that was cut off.
fn bodies(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let length: usize = field(head, "content-length").unwrap().parse().unwrap();
        let body = &bytes[end + 4..];
        let (body, rest) = body.split_at(length.min(body.len()));
        found.push(body);
        bytes = rest;
    }
    found
}

#[test]
fn large_files_come_whole_and_in_order_with_what_is_around_them() {
    let site = Site::new("large");
    let content = numbered(9_000_001);
    fs::write(site.dir.join("root/large"), &content).unwrap();
    let get = |target: &str, fields: &str| format!("GET /f/{target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    let requests = [
        get("ten.txt", ""),
        get("large", ""),
        get("large", "Range: bytes=1000000-8999999\r\n"),
        get("empty", ""),
        get("large", "Range: bytes=-16385\r\n"),
        get("large", "Range: bytes=5-5\r\n"),
        get("ten.txt", "Connection: close\r\n"),
    ];
    let bytes = read_all(&site.server, &requests.concat(), || {});
    let wanted: [&[u8]; 7] = [
        b"0123456789",
        &content,
        &content[1_000_000..9_000_000],
        b"",
        &content[9_000_001 - 16385..],
        &content[5..6],
        b"0123456789",
    ];
    // Not by one comparison, which would print them.
    let found = bodies(&bytes);
    assert_eq!(found.len(), wanted.len());
    for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(*found == wanted, "answer {at}: {} bytes", found.len());
    }
}

#[test]
fn a_file_that_becomes_shorter_cuts_its_answer_off() {
    let site = Site::new("shorter");
    let path = site.dir.join("root/shrinks");
    fs::write(&path, numbered(9_000_000)).unwrap();
    let request = "GET /f/shrinks HTTP/1.1\r\nHost: x\r\n\r\nGET /f/ten.txt HTTP/1.1\r\nHost: x\r\n\r\n";
    let shrink = move || fs::File::options().write(true).open(path).unwrap().set_len(5_000_000).unwrap();
    let bytes = read_all(&site.server, request, shrink);
    // Neither is anything said behind it: the client would take it for the rest.
    let found = bodies(&bytes);
    assert_eq!(found.len(), 1);
    assert!(found[0].len() < 9_000_000 && numbered(9_000_000).starts_with(found[0]), "{} bytes", found[0].len());
}

#[test]
fn a_file_goes_out_in_pieces_where_something_stands_between() {
    use evoxide::stream::Rate;
    use std::time::Duration;

    let site = Site::new("limited");
    let content = numbered(1_000_000);
    fs::write(site.dir.join("root/limited"), &content).unwrap();
    let (mut client, socket) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    let limit = ev.limit(Rate::per_tick(100_000, 100_000, Duration::from_millis(1)), None).unwrap();
    let id = ev.serve_connection(socket, &site.server).unwrap();
    ev.set_limit(id, Some(limit)).unwrap();
    client.write_all(b"GET /f/limited HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).unwrap();
        bytes
    });
    ev.run().unwrap();
    let bytes = reader.join().unwrap();
    assert!(bodies(&bytes) == [&content[..]]);
}
