//! Calls between C and Rust, in both directions: a C program with what the generator writes, on the distribution's library and
//! (where `EVOXIDE_LIB` names its folder) on ours, against `evoxide::rpc` with the module that the generator writes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use evoxide::EventLoop;
use evoxide::http::{ClientConfig, Failure as Broken, Server, StatusCode};
use evoxide::rpc::{Client, Failure, Items, Message, Reply};

/// `event_rpcgen tests/rpc/17_each_other.rpc tests/rust/17_each_other.rs`.
mod each_other {
    include!("rust/17_each_other.rs");
}
use each_other::{Ping, Pong};

/// `calls serve` prints its port and serves; `calls PORT COMMAND...` calls each command once, one after the other.
const PROGRAM: &str = r#"
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/time.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/rpc.h>
#include <event2/rpc_struct.h>
#include "17_each_other.gen.h"

EVRPC_HEADER(Ask, ping, pong)
EVRPC_GENERATE(Ask, ping, pong)
EVRPC_HEADER(Refuse, ping, pong)
EVRPC_GENERATE(Refuse, ping, pong)
EVRPC_HEADER(Never, ping, pong)
EVRPC_GENERATE(Never, ping, pong)

static struct event_base *base;
static char **commands;
static struct evrpc_pool *pool;
static struct ping *question;
static struct pong *answer;

/* "pong N", and N pings that count. */
static void on_ask(EVRPC_STRUCT(Ask) *rpc, void *arg)
{
	ev_uint32_t n = 0, i;
	char text[40];
	(void)arg;
	EVTAG_GET(rpc->request, n, &n);
	snprintf(text, sizeof text, "pong %u", (unsigned)n);
	EVTAG_ASSIGN(rpc->reply, s, text);
	for (i = 0; i < n; i++) {
		struct ping *one = EVTAG_ARRAY_ADD(rpc->reply, again);
		EVTAG_ASSIGN(one, n, i);
	}
	EVRPC_REQUEST_DONE(rpc);
}

/* A reply that is not complete: the call fails. */
static void on_refuse(EVRPC_STRUCT(Refuse) *rpc, void *arg)
{
	(void)arg;
	EVRPC_REQUEST_DONE(rpc);
}

static void on_never(EVRPC_STRUCT(Never) *rpc, void *arg)
{
	(void)rpc, (void)arg;
}

static int serve(void)
{
	struct evhttp *http = evhttp_new(base);
	struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	struct evrpc_base *rpcs = evrpc_init(http);
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	if (!bound || getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &len))
		return 1;
	EVRPC_REGISTER(rpcs, Ask, ping, pong, on_ask, NULL);
	EVRPC_REGISTER(rpcs, Refuse, ping, pong, on_refuse, NULL);
	EVRPC_REGISTER(rpcs, Never, ping, pong, on_never, NULL);
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return event_base_dispatch(base);
}

static void next(void);
static void on_reply(struct evrpc_status *status, struct ping *asked, struct pong *reply, void *arg)
{
	char *text = NULL;
	(void)asked, (void)arg;
	if (status->error == EVRPC_STATUS_ERR_NONE && !EVTAG_GET(reply, s, &text))
		printf("%s: %s, %d\n", *commands, text, (int)EVTAG_ARRAY_LEN(reply, again));
	else
		printf("%s: error %d\n", *commands, status->error);
	commands++;
	next();
}

static void next(void)
{
	if (!*commands) {
		event_base_loopexit(base, NULL);
		return;
	}
	pong_clear(answer);
	if (!strcmp(*commands, "Ask"))
		EVRPC_MAKE_REQUEST(Ask, pool, question, answer, on_reply, NULL);
	else
		EVRPC_MAKE_REQUEST(Refuse, pool, question, answer, on_reply, NULL);
}

int main(int argc, char **argv)
{
	struct evhttp_connection *connection;
	base = event_init();
	if (argc < 2 || !base)
		return 2;
	if (!strcmp(argv[1], "serve"))
		return serve();
	connection = evhttp_connection_base_new(base, NULL, "127.0.0.1", (unsigned short)atoi(argv[1]));
	/* The original's pool gives connections a base where it has one; these have one. */
	pool = evrpc_pool_new(NULL);
	evrpc_pool_add_connection(pool, connection);
	question = ping_new();
	answer = pong_new();
	EVTAG_ASSIGN(question, n, 3);
	commands = argv + 2;
	next();
	event_base_dispatch(base);
	evrpc_pool_free(pool);
	ping_free(question);
	pong_free(answer);
	event_base_free(base);
	return 0;
}
"#;

/// The program, built once.
fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("calls");
        fs::create_dir_all(&dir).expect("a folder");
        let made = event_rpcgen::generate(include_str!("rpc/17_each_other.rpc"), "17_each_other.gen.h");
        let made = made.unwrap_or_else(|e| panic!("{}: {}", e.line, e.what));
        fs::write(dir.join("17_each_other.gen.h"), made.header).expect("to write");
        fs::write(dir.join("17_each_other.gen.c"), made.code).expect("to write");
        fs::write(dir.join("calls.c"), PROGRAM).expect("to write");
        let program = dir.join("calls");
        let mut cmd = Command::new("cc");
        cmd.args(["-Wall", "-std=gnu99", "-g", "-I"]).arg(&dir).arg("-o").arg(&program);
        cmd.args(["calls.c", "17_each_other.gen.c"].map(|name| dir.join(name))).arg("-levent");
        let done = cmd.output().expect("a compiler");
        assert!(done.status.success(), "{cmd:?}\n{}", String::from_utf8_lossy(&done.stderr));
        program
    })
}

/// The libraries that take part: the distribution's, and ours.
fn libraries() -> Vec<Option<PathBuf>> {
    let ours = std::env::var_os("EVOXIDE_LIB").map(|lib| Some(PathBuf::from(lib)));
    [None].into_iter().chain(ours).collect()
}

fn command(lib: Option<&Path>) -> Command {
    let mut cmd = Command::new(program());
    cmd.env_remove("LD_LIBRARY_PATH").stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(lib) = lib {
        cmd.env("LD_LIBRARY_PATH", lib);
    }
    cmd
}

#[test]
fn c_calls_rust() {
    for lib in libraries() {
        let server = Server::<()>::new()
            .command("Ask", |_cx, ping: Ping| {
                let again = (0..ping.n).map(|n| Ping { n, back: None }).collect();
                Ok(Pong { s: format!("pong {}", ping.n), again })
            })
            .command_with_reply("Refuse", |cx, ping: Ping, reply: Reply<Pong>| {
                assert_eq!(ping, Ping { n: 3, back: None });
                reply.refuse(cx, StatusCode::SERVICE_UNAVAILABLE).expect("a caller that waits");
            });
        let mut ev = EventLoop::new(()).expect("a loop");
        let listener = ev.serve("127.0.0.1:0", server).expect("a port");
        let port = ev.source::<TcpListener>(listener).expect("it").local_addr().expect("it").port();
        let mut cmd = command(lib.as_deref());
        cmd.arg(port.to_string()).args(["Ask", "Refuse", "Ask"]);
        let handle = ev.handle();
        let ran = std::thread::spawn(move || {
            let done = cmd.output();
            handle.stop();
            done
        });
        ev.run().expect("it runs");
        let done = ran.join().expect("it ended").expect("a program");
        assert!(done.status.success(), "{lib:?}: {}", done.status);
        let said = String::from_utf8_lossy(&done.stdout);
        assert_eq!(said, "Ask: pong 3, 3\nRefuse: error 2\nAsk: pong 3, 3\n", "{lib:?}");
    }
}

/// Each library calls each.
#[test]
fn c_calls_c() {
    for serves in libraries() {
        for calls in libraries() {
            let (_child, port) = serve(serves.as_deref());
            let done = command(calls.as_deref()).args([&port, "Ask", "Refuse", "Ask"]).output().expect("a program");
            assert!(done.status.success(), "{calls:?}: {}", done.status);
            let said = String::from_utf8_lossy(&done.stdout);
            assert_eq!(said, "Ask: pong 3, 3\nRefuse: error 2\nAsk: pong 3, 3\n", "{calls:?} calls {serves:?}");
        }
    }
}

/// Ends the server with the test.
struct Serving(Child);

/// A server, and its port.
fn serve(lib: Option<&Path>) -> (Serving, String) {
    let mut child = Serving(command(lib).arg("serve").spawn().expect("a program"));
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().expect("its output")).read_line(&mut line).expect("a port");
    (child, line.trim().into())
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A call without the entry that the server needs.
struct Nothing;

impl Message for Nothing {
    fn write(&self, _out: &mut Vec<u8>) {}

    fn read(_items: Items<'_>) -> Result<Self, evoxide::rpc::Error> {
        Ok(Self)
    }
}

#[test]
fn rust_calls_c() {
    for lib in libraries() {
        let (_child, port) = serve(lib.as_deref());
        let origin = format!("http://127.0.0.1:{port}");
        let mut ev = EventLoop::new(Vec::<String>::new()).expect("a loop");
        let client = Client::new(ev.http_client(ClientConfig::new()), &origin).expect("an origin");
        let hasty = ev.http_client(ClientConfig::new().timeout(Duration::from_millis(200)));
        let hasty = Client::new(hasty, &origin).expect("an origin");
        let cx = ev.task_cx();
        let calls = async move {
            let back = Some(Box::new(Pong { s: "nested".into(), again: Vec::new() }));
            for n in [0, 1, 300] {
                let ping = Ping { n, back: back.clone() };
                let pong: Pong = client.ask(&cx, "Ask", &ping).await.expect("a reply");
                let again: Vec<Ping> = (0..n).map(|n| Ping { n, back: None }).collect();
                assert_eq!(pong, Pong { s: format!("pong {n}"), again });
            }
            let ping = Ping { n: 1, back: None };
            let status = |result: Result<Pong, evoxide::Error>| Failure::of(&result.expect_err("no reply"));
            let refused = Some(Failure::Status(StatusCode::SERVICE_UNAVAILABLE));
            assert_eq!(status(client.ask(&cx, "Ask", &Nothing).await), refused);
            assert_eq!(status(client.ask(&cx, "Refuse", &ping).await), refused);
            let unknown = Some(Failure::Status(StatusCode::NOT_FOUND));
            assert_eq!(status(client.ask(&cx, "Unknown", &ping).await), unknown);
            let late: Result<Pong, _> = hasty.ask(&cx, "Never", &ping).await;
            assert_eq!(late.map_err(|error| Broken::of(&error)), Err(Some(Broken::TimedOut)));
            // The connection goes on after a failure.
            assert!(client.ask::<_, Pong>(&cx, "Ask", &ping).await.is_ok());
        };
        ev.block_on(calls).expect("it runs");
    }
}
