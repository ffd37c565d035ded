//! TLS on streams: rustls with itself, and with OpenSSL's command line as a peer, in all roles.
#![cfg(feature = "rustls")]

mod authority;

use authority::Authority;
use evoxide::buffer::Buffer;
use evoxide::stream::{Filter, StreamCtx, StreamEvent, StreamHandler};
use evoxide::tls::{ClientTls, ServerTls, Session, TlsLayer};
use evoxide::{Context, EventId, EventLoop};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What both ends saw.
#[derive(Default)]
struct World {
    log: Vec<String>,
    got: [usize; 2],
    sum: [u64; 2],
}

/// One end: 0 is the client.
struct End {
    number: usize,
    echo: bool,
    /// What is said when TLS is there.
    first: Vec<u8>,
    /// Closes when so much has come.
    enough: usize,
}

fn summed(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, &b| (sum ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

impl StreamHandler<World> for End {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, World>) {
        let bytes = cx.input().take_bytes(usize::MAX);
        let n = self.number;
        cx.state().got[n] += bytes.len();
        cx.state().sum[n] = summed(cx.state().sum[n], &bytes);
        if self.echo {
            cx.output().append_vec(bytes);
        }
        if cx.state().got[n] >= self.enough {
            cx.close_after_flush();
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, World>, event: StreamEvent) {
        let name = ["client", "server"][self.number];
        let text = match &event {
            StreamEvent::Error(error) => format!("{name}: {:?}", error.kind()),
            other => format!("{name}: {other:?}"),
        };
        cx.state().log.push(text);
        match event {
            StreamEvent::Connected => cx.output().append(&self.first),
            StreamEvent::Eof => cx.close_after_flush(),
            _ => cx.close(),
        }
    }
}

fn end(number: usize, first: impl Into<Vec<u8>>, enough: usize) -> End {
    End { number, echo: number == 1, first: first.into(), enough }
}

/// Runs both ends over a pair until both have closed.
fn run(client: TlsLayer, server: TlsLayer, first: &[u8]) -> (World, Session, Session) {
    let mut ev = EventLoop::new(World::default()).unwrap();
    let (a, b) = ev.pair(end(0, first, first.len().max(1)), end(1, "", usize::MAX)).unwrap();
    let sessions = (client.session(), server.session());
    ev.stream(a).unwrap().start_tls(client);
    ev.stream(b).unwrap().start_tls(server);
    ev.run().unwrap();
    (std::mem::take(ev.state_mut()), sessions.0, sessions.1)
}

#[test]
fn echo_with_itself() {
    let authority = Authority::new();
    let data: Vec<u8> = (0..2_000_000u32).map(|i| (i * 7) as u8).collect();
    let (world, client, server) =
        run(authority.client().layer("a.test").unwrap(), authority.server("a.test").layer().unwrap(), &data);
    assert_eq!(world.got, [data.len(); 2]);
    assert_eq!(world.sum, [summed(0, &data); 2]);
    assert!(world.log.contains(&"client: Connected".into()) && world.log.contains(&"server: Connected".into()));
    // The client's close_notify is an ordinary end.
    assert!(world.log.contains(&"server: Eof".into()), "{:?}", world.log);
    assert!(client.version().is_some() && client.version() == server.version());
    assert_eq!(client.peer_certificates().len(), 1);
}

#[test]
fn names_and_authorities_are_verified() {
    let authority = Authority::new();
    let server = authority.server("a.test");
    let (world, ..) = run(authority.client().layer("b.test").unwrap(), server.layer().unwrap(), b"secret");
    assert_eq!(world.got, [0, 0]);
    assert!(world.log.contains(&"client: InvalidData".into()), "{:?}", world.log);
    // The alert tells the server.
    assert!(world.log.contains(&"server: InvalidData".into()), "{:?}", world.log);
    let stranger = Authority::new().client();
    let (world, ..) = run(stranger.layer("a.test").unwrap(), server.layer().unwrap(), b"secret");
    assert_eq!(world.got, [0, 0]);
    assert!(ClientTls::builder().build().is_err(), "nobody is trusted");
    assert!(authority.client().layer("no name").is_err());
}

#[test]
fn protocols_are_agreed_on() {
    let authority = Authority::new();
    let server = ServerTls::builder(authority.identity("a.test")).protocols(["two", "three"]).build().unwrap();
    let client = |name| ClientTls::builder().root_pem(&authority.pem).unwrap().protocols([name]).build().unwrap();
    let (_, a, b) = run(client("three").layer("a.test").unwrap(), server.layer().unwrap(), b"x");
    assert_eq!(a.protocol().as_deref(), Some(&b"three"[..]));
    assert_eq!(b.protocol().as_deref(), Some(&b"three"[..]));
    let (world, ..) = run(client("one").layer("a.test").unwrap(), server.layer().unwrap(), b"x");
    assert_eq!(world.got, [0, 0]);
}

#[test]
fn clients_show_certificates() {
    let authority = Authority::new();
    let builder = ServerTls::builder(authority.identity("a.test"));
    let server = builder.client_roots_pem(&authority.pem, true).unwrap().build().unwrap();
    let customer = ClientTls::builder().root_pem(&authority.pem).unwrap().identity(authority.identity("customer"));
    let (world, _, session) =
        run(customer.build().unwrap().layer("a.test").unwrap(), server.layer().unwrap(), b"hello");
    assert_eq!(world.got, [5, 5]);
    assert_eq!(session.peer_certificates().len(), 1);
    let (world, ..) = run(authority.client().layer("a.test").unwrap(), server.layer().unwrap(), b"hello");
    assert_eq!(world.got, [0, 0]);
    assert!(!world.log.contains(&"server: Connected".into()), "{:?}", world.log);
}

#[test]
fn identities_by_name() {
    let authority = Authority::new();
    let builder = ServerTls::builder(authority.identity("a.test"));
    let server = builder.name("b.test", authority.identity("b.test")).build().unwrap();
    for name in ["a.test", "b.test"] {
        let (world, ..) = run(authority.client().layer(name).unwrap(), server.layer().unwrap(), b"hello");
        assert_eq!(world.got, [5, 5], "{name}");
    }
    let builder = ServerTls::builder(authority.identity("a.test"));
    assert!(builder.name("b.test", authority.identity("c.test")).build().is_err());
}

#[test]
fn sessions_are_resumed_for_their_name_only() {
    let authority = Authority::new();
    let builder = ServerTls::builder(authority.identity("a.test"));
    let server = builder.name("b.test", authority.identity("b.test")).build().unwrap();
    let client = authority.client();
    let resumed = |name: &str| run(client.layer(name).unwrap(), server.layer().unwrap(), b"hello").1.is_resumed();
    assert!(!resumed("a.test"));
    assert!(resumed("a.test"));
    assert!(!resumed("b.test"));
    server.reload(authority.identity("a.test")).unwrap();
    assert!(!resumed("a.test"), "a reload ends what was before");
}

#[test]
fn identities_are_reloaded() {
    let authority = Authority::new();
    let server = authority.server("old.test");
    let hello = |name| run(authority.client().layer(name).unwrap(), server.layer().unwrap(), b"hello").0.got;
    assert_eq!(hello("old.test"), [5, 5]);
    assert_eq!(hello("new.test"), [0, 0]);
    server.reload(authority.identity("new.test")).unwrap();
    assert_eq!(hello("new.test"), [5, 5]);
    assert_eq!(hello("old.test"), [0, 0]);
}

/// Two sessions without streams: what one end has for the other, by hand.
struct Bare {
    layer: TlsLayer,
    wire: Buffer,
    plain: Buffer,
}

impl Bare {
    fn new(mut layer: TlsLayer) -> Self {
        let mut wire = Buffer::new();
        layer.start(&mut wire).unwrap();
        Self { layer, wire, plain: Buffer::new() }
    }

    fn hear(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.layer.input(&mut Buffer::from(bytes), &mut self.plain, &mut self.wire)
    }
}

fn bare() -> (Bare, Bare) {
    let authority = Authority::new();
    let client = authority.client().layer("a.test").unwrap();
    (Bare::new(client), Bare::new(authority.server("a.test").layer().unwrap()))
}

/// Lets both talk until nothing is left to say, in pieces of at most `size` bytes. Returns what they said.
fn talk(client: &mut Bare, server: &mut Bare, size: usize) -> Vec<Vec<u8>> {
    let mut flights = Vec::new();
    while !(client.wire.is_empty() && server.wire.is_empty()) {
        let said = client.wire.take_bytes(usize::MAX);
        said.chunks(size).for_each(|bytes| server.hear(bytes).unwrap());
        flights.push(said);
        let said = server.wire.take_bytes(usize::MAX);
        said.chunks(size).for_each(|bytes| client.hear(bytes).unwrap());
        flights.push(said);
    }
    flights
}

#[test]
fn a_resumed_session_says_nothing_before_its_handshake() {
    let authority = Authority::new();
    let (client, server) = (authority.client(), authority.server("a.test"));
    run(client.layer("a.test").unwrap(), server.layer().unwrap(), b"hello");
    let mut early = Bare::new(client.layer("a.test").unwrap());
    let (mut data, hello) = (Buffer::from("secret"), early.wire.len());
    early.layer.output(&mut data, &mut early.wire).unwrap();
    assert_eq!((data.len(), early.wire.len()), (6, hello));
    let mut end = Bare::new(server.layer().unwrap());
    talk(&mut early, &mut end, usize::MAX);
    assert!(early.layer.is_ready() && early.layer.session().is_resumed() && end.plain.is_empty());
}

#[test]
fn a_cut_at_every_place_is_an_error() {
    let (mut client, mut server) = bare();
    let flights = talk(&mut client, &mut server, usize::MAX);
    assert!(client.layer.is_ready() && server.layer.is_ready());
    let hello = &flights[0];
    for cut in 0..hello.len() {
        let (_, mut server) = bare();
        server.hear(&hello[..cut]).unwrap();
        assert!(!server.layer.is_ready());
        assert_eq!(server.layer.end().unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    }
    for cut in (0..flights[1].len()).step_by(13) {
        // Another handshake, with a server's flight that is cut.
        let (mut client, mut server) = bare();
        server.hear(&client.wire.take_bytes(usize::MAX)).unwrap();
        let flight = server.wire.take_bytes(usize::MAX);
        client.hear(&flight[..cut.min(flight.len() - 1)]).unwrap();
        assert!(client.layer.end().is_err());
    }
}

#[test]
fn bytes_come_one_by_one() {
    let (mut client, mut server) = bare();
    talk(&mut client, &mut server, 1);
    let mut data = Buffer::from("hello");
    client.layer.output(&mut data, &mut client.wire).unwrap();
    for byte in client.wire.take_bytes(usize::MAX) {
        server.hear(&[byte]).unwrap();
    }
    assert_eq!(server.plain.to_vec(), b"hello");
}

#[test]
fn what_is_no_tls_is_refused() {
    for garbage in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\xff\xffxxxxxxxxxxx", &[0; 100]] {
        let (mut client, mut server) = bare();
        assert!(server.hear(garbage).is_err(), "{garbage:?}");
        assert!(server.hear(b"more").is_err());
        assert!(client.hear(garbage).is_err());
        assert!(server.plain.is_empty() && client.plain.is_empty());
    }
}

/// One end against a plain descriptor.
fn half(layer: TlsLayer, number: usize) -> (EventLoop<World>, UnixStream, EventId) {
    let mut ev = EventLoop::new(World::default()).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let id = ev.open(ours, end(number, "", usize::MAX)).unwrap();
    ev.stream(id).unwrap().start_tls(layer);
    (ev, theirs, id)
}

#[test]
fn truncation_is_told_apart() {
    let authority = Authority::new();
    for clean in [false, true] {
        let (mut ev, theirs, _) = half(authority.server("a.test").layer().unwrap(), 1);
        let mut client = Bare::new(authority.client().layer("a.test").unwrap());
        (&theirs).write_all(&client.wire.take_bytes(usize::MAX)).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut bytes = [0; 16384];
        while !ev.state().log.contains(&"server: Connected".into()) {
            ev.run_once().unwrap();
            if let Ok(n) = (&theirs).read(&mut bytes) {
                client.hear(&bytes[..n]).unwrap();
                (&theirs).write_all(&client.wire.take_bytes(usize::MAX)).unwrap();
            }
        }
        if clean {
            client.layer.finish(&mut client.wire).unwrap();
            (&theirs).write_all(&client.wire.take_bytes(usize::MAX)).unwrap();
        }
        drop(theirs);
        ev.run().unwrap();
        // The server's own close_notify may find nobody any more.
        let told = |what: &str| ev.state().log.iter().any(|l| l == what);
        assert_eq!([told("server: Eof"), told("server: UnexpectedEof")], [clean, !clean]);
    }
}

/// A server that turns to TLS when it reads the word.
struct Starting(ServerTls, End);

impl StreamHandler<World> for Starting {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, World>) {
        if cx.state().log.iter().any(|l| l == "turned") {
            return self.1.on_read(cx);
        }
        if cx.input().next_line().is_some_and(|line| line == b"STARTTLS") {
            cx.state().log.push("turned".into());
            cx.output().append("go\n");
            let layer = self.0.layer().unwrap();
            cx.this().start_tls(layer);
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, World>, event: StreamEvent) {
        self.1.on_event(cx, event);
    }
}

#[test]
fn plain_text_before_starttls_is_not_taken_for_tls() {
    let authority = Authority::new();
    let mut ev = EventLoop::new(World::default()).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    ev.open(ours, Starting(authority.server("a.test"), end(1, "", usize::MAX))).unwrap();
    (&theirs).write_all(b"STARTTLS\nRCPT TO:<evil@test>\r\n").unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state().got, [0, 0]);
    assert_eq!(ev.state().log, ["turned", "server: InvalidData"]);
    let mut said = String::new();
    let mut reader = BufReader::new(&theirs);
    reader.read_line(&mut said).unwrap();
    assert_eq!(said, "go\n");
}

/// Where a test's files are: removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evoxide-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn openssl(args: &[&str]) -> Option<Child> {
    let mut command = Command::new("openssl");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().ok()
}

/// `s_client` of one version against our server: what it sends comes back.
fn s_client(version: &str, with_certificate: bool) {
    let authority = Authority::new();
    let folder = Folder::new(&format!("client{version}{with_certificate}"));
    let roots = folder.file("roots.pem", &authority.pem);
    let (chain, key) = authority.issue("customer");
    let (chain, key) = (folder.file("chain.pem", &chain), folder.file("key.pem", &key));
    let mut ev = EventLoop::new(World::default()).unwrap();
    let builder = ServerTls::builder(authority.identity("a.test"));
    let tls = builder.client_roots_pem(&authority.pem, with_certificate).unwrap().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    ev.accept_from(listener, move |cx: &mut Context<'_, World>, conn, _| {
        let id = cx.open(conn, Once(end(1, "", usize::MAX)))?;
        cx.stream(id).unwrap().start_tls(tls.layer()?);
        Ok::<_, evoxide::Error>(id)
    })
    .unwrap();
    let mut args = vec!["s_client", "-quiet", "-no_ign_eof", version, "-connect", &addr, "-CAfile", &roots];
    args.extend(["-verify_return_error", "-verify_hostname", "a.test", "-servername", "a.test"]);
    if with_certificate {
        args.extend(["-cert", &chain, "-key", &key]);
    }
    let Some(mut child) = openssl(&args) else { return };
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let data: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8 | 0x80).collect();
    let sent = data.clone();
    let writer = std::thread::spawn(move || {
        stdin.write_all(&sent).unwrap();
        stdin
    });
    let len = data.len();
    let reader = std::thread::spawn(move || {
        let mut got = vec![0; len];
        stdout.read_exact(&mut got).unwrap();
        got
    });
    let handle = ev.handle();
    let stopper = std::thread::spawn(move || {
        let got = reader.join();
        drop(writer.join());
        let _ = child.wait();
        handle.stop();
        got
    });
    ev.run().unwrap();
    assert!(stopper.join().unwrap().unwrap() == data);
    assert_eq!(ev.state().got[1], data.len());
}

/// An end that leaves the loop running when it closes.
struct Once(End);

impl StreamHandler<World> for Once {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, World>) {
        self.0.on_read(cx);
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, World>, event: StreamEvent) {
        self.0.on_event(cx, event);
    }
}

#[test]
fn openssl_is_the_client_tls12() {
    s_client("-tls1_2", false);
}

#[test]
fn openssl_is_the_client_tls13() {
    s_client("-tls1_3", false);
}

#[test]
fn openssl_shows_a_certificate() {
    s_client("-tls1_2", true);
    s_client("-tls1_3", true);
}

/// Our client against `s_server -rev`, which sends lines back reversed.
fn s_server(version: &str, asks: bool) {
    let authority = Authority::new();
    let folder = Folder::new(&format!("server{version}{asks}"));
    let roots = folder.file("roots.pem", &authority.pem);
    let (chain, key) = authority.issue("a.test");
    let (chain, key) = (folder.file("chain.pem", &chain), folder.file("key.pem", &key));
    let mut args = vec!["s_server", "-rev", version, "-accept", "127.0.0.1:0", "-cert", &chain, "-key", &key];
    if asks {
        args.extend(["-Verify", "2", "-verify_return_error", "-CAfile", &roots]);
    }
    let Some(mut child) = openssl(&args) else { return };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let addr = lines.by_ref().map(|line| line.unwrap()).find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()));
    let drain = std::thread::spawn(move || lines.count());
    let mut ev = EventLoop::new(World::default()).unwrap();
    let builder = ClientTls::builder().root_pem(&authority.pem).unwrap();
    let builder = if asks { builder.identity(authority.identity("customer")) } else { builder };
    let conn = TcpStream::connect(addr.unwrap()).unwrap();
    conn.set_nonblocking(true).unwrap();
    let id = ev.open(conn, end(0, "hello\n", 6)).unwrap();
    let layer = builder.build().unwrap().layer("a.test").unwrap();
    ev.stream(id).unwrap().start_tls(layer);
    ev.run().unwrap();
    let _ = child.kill();
    let _ = child.wait();
    let _ = drain.join();
    assert_eq!(ev.state().got[0], 6, "{:?}", ev.state().log);
    assert_eq!(ev.state().sum[0], summed(0, b"olleh\n"));
}

#[test]
fn openssl_is_the_server_tls12() {
    s_server("-tls1_2", false);
}

#[test]
fn openssl_is_the_server_tls13() {
    s_server("-tls1_3", false);
}

#[test]
fn openssl_asks_for_a_certificate() {
    s_server("-tls1_2", true);
    s_server("-tls1_3", true);
}

/// A name server behind TLS that has one address for every name.
struct OneAddress;

impl StreamHandler<World> for OneAddress {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, World>) {
        while cx.input().len() >= 2 {
            let bytes = cx.input().to_vec();
            let len = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
            let Some(query) = bytes.get(2..2 + len) else { return };
            cx.input().take_bytes(2 + len);
            // The question alone, without what stands behind it, then an answer that points to its name.
            let end = 12 + query[12..].iter().position(|b| *b == 0).unwrap() + 5;
            let mut reply = query[..end].to_vec();
            reply[2..4].copy_from_slice(&[0x81, 0x80]);
            reply[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
            cx.state().got[1] += 1;
            cx.output().append_vec([&(reply.len() as u16).to_be_bytes()[..], &reply].concat());
        }
    }
}

/// What a resolver that asks over TLS says, and how many questions reached the server.
#[cfg(feature = "dns")]
fn over_tls(client: ClientTls, server: ServerTls) -> (String, usize) {
    use evoxide::dns::{Config, rtype};

    let mut ev = EventLoop::new(World::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = ev
        .accept_from(listener, move |cx: &mut Context<'_, World>, conn, _| {
            let id = cx.open(conn, OneAddress)?;
            cx.stream(id).unwrap().start_tls(server.layer()?);
            Ok::<_, evoxide::Error>(id)
        })
        .unwrap();
    ev.keep_alive(accepting, false);
    let config = Config::new().server(address).attempts(1).tls(move |_| client.layer("dns.test"));
    let resolver = ev.resolver(config).unwrap();
    resolver.lookup(&mut ev, "host.example", rtype::A, None, |cx, result| {
        let text = match result {
            Ok(answer) => format!("{:?}", answer.records().map(|r| r.data().unwrap()).collect::<Vec<_>>()),
            Err(_) => "no answer".into(),
        };
        cx.state().log.push(text);
        cx.stop();
    });
    ev.run().unwrap();
    (ev.state().log.join(", "), ev.state().got[1])
}

#[cfg(feature = "dns")]
#[test]
fn names_are_looked_up_over_tls() {
    let authority = Authority::new();
    let (text, questions) = over_tls(authority.client(), authority.server("dns.test"));
    assert_eq!((text.as_str(), questions), ("[A([192, 0, 2, 7])]", 1));
    let (text, questions) = over_tls(Authority::new().client(), authority.server("dns.test"));
    assert_eq!((text.as_str(), questions), ("no answer", 0), "an authority that is not known");
    let (text, questions) = over_tls(authority.client(), authority.server("other.test"));
    assert_eq!((text.as_str(), questions), ("no answer", 0), "a name that is another one");
}

/// Which test a process was started for by [`in_environment`].
const STARTED_FOR: &str = "EVOXIDE_TLS_TEST";

/// Runs the rest of a test in a process of its own, where `variable` names a file that does not exist yet: a test may not change the
/// environment of the others. Returns the file, and only in that process.
fn in_environment(test: &str, variable: &str) -> Option<PathBuf> {
    if std::env::var_os(STARTED_FOR).is_some() {
        return std::env::var_os(variable).map(PathBuf::from);
    }
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.{}", std::process::id()));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).env(STARTED_FOR, test).env(variable, &file);
    let out = child.env_remove("SSL_CERT_DIR").output().unwrap();
    let _ = std::fs::remove_file(&file);
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
    None
}

#[test]
fn secrets_are_logged_on_request() {
    let Some(file) = in_environment("secrets_are_logged_on_request", "SSLKEYLOGFILE") else { return };
    let authority = Authority::new();
    let client = || ClientTls::builder().root_pem(&authority.pem).unwrap();
    let server = || ServerTls::builder(authority.identity("a.test"));
    let meet = |client: &ClientTls, server: &ServerTls| {
        let (world, ..) = run(client.layer("a.test").unwrap(), server.layer().unwrap(), b"x");
        assert_eq!(world.got, [1, 1], "{:?}", world.log);
    };
    meet(&client().build().unwrap(), &server().build().unwrap());
    assert!(!file.exists(), "nobody asked for it");

    meet(&client().key_log().build().unwrap(), &server().build().unwrap());
    let first = std::fs::read_to_string(&file).unwrap();
    let labels: Vec<_> = first.lines().filter_map(|line| line.split(' ').next()).collect();
    for label in ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"] {
        assert_eq!(labels.iter().filter(|l| **l == label).count(), 1, "{first}");
    }

    // Both ends write what they know of a session, and it is the same.
    meet(&client().key_log().build().unwrap(), &server().key_log().build().unwrap());
    let all = std::fs::read_to_string(&file).unwrap();
    let second: Vec<_> = all[first.len()..].lines().filter(|line| line.contains("_TRAFFIC_SECRET_0 ")).collect();
    assert_eq!(second.len(), 4, "{all}");
    for line in &second {
        assert_eq!(second.iter().filter(|other| *other == line).count(), 2, "{all}");
        assert!(!first.contains(line));
    }
}

#[cfg(feature = "native-roots")]
#[test]
fn the_systems_authorities_are_trusted() {
    let Some(file) = in_environment("the_systems_authorities_are_trusted", "SSL_CERT_FILE") else { return };
    assert!(ClientTls::builder().native_roots().is_err(), "there is no file");
    std::fs::write(&file, "no certificate\n").unwrap();
    assert!(ClientTls::builder().native_roots().is_err(), "there is nothing in it");
    let (known, other) = (Authority::new(), Authority::new());
    std::fs::write(&file, &known.pem).unwrap();
    let client = ClientTls::builder().native_roots().unwrap().build().unwrap();
    let got = |server: ServerTls| run(client.layer("a.test").unwrap(), server.layer().unwrap(), b"x").0.got;
    assert_eq!(got(known.server("a.test")), [1, 1]);
    assert_eq!(got(known.server("b.test")), [0, 0], "a name that is another one");
    assert_eq!(got(other.server("a.test")), [0, 0], "an authority that the system does not know");
}
