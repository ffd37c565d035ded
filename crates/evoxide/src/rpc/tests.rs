use super::*;
use crate::http::{Body, ClientConfig, Failure as Broken, Server, StatusCode};
use crate::{ErrorKind, EventLoop, Registry};
use std::net::TcpListener;
use std::time::Duration;

/// `struct text { string words = 1; }`.
#[derive(Clone, Debug, PartialEq)]
struct Text(String);

impl Message for Text {
    fn write(&self, out: &mut Vec<u8>) {
        field::put_bytes(out, 1, self.0.as_bytes());
    }

    fn read(items: Items<'_>) -> Result<Self, Error> {
        let mut words = None;
        for item in items {
            let item = item?;
            if item.tag == 1 {
                field::once(&mut words, field::text(&item)?)?;
            }
        }
        field::required(words).map(Self)
    }
}

/// A message without entries.
struct Nothing;

impl Message for Nothing {
    fn write(&self, _out: &mut Vec<u8>) {}

    fn read(_items: Items<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

fn text(words: &str) -> Text {
    Text(words.into())
}

fn server() -> Server<Vec<String>> {
    Server::new()
        .max_body(4000)
        .command("Loud", |_cx, asked: Text| Ok(Text(asked.0.to_uppercase())))
        .command("Refuse", |_cx, _asked: Text| Err::<Text, _>(StatusCode::CONFLICT))
        .command("Pretend", |_cx, _asked: Text| Err::<Text, _>(StatusCode::OK))
        .command("Empty", |_cx, _asked: Nothing| Ok(Nothing))
        .command_with_reply("Drop", |_cx, _asked: Text, _reply: Reply<Text>| {})
        .command_with_reply("Later", |cx, asked: Text, reply: Reply<Text>| {
            let mut waiting = Some(reply);
            cx.timer(Duration::from_millis(1), move |cx| {
                if let Some(reply) = waiting.take() {
                    reply.send(cx, &asked).unwrap();
                }
            });
        })
        .command_with_reply("No", |cx, _asked: Text, reply: Reply<Text>| {
            reply.refuse(cx, StatusCode::SERVICE_UNAVAILABLE).unwrap();
        })
        .command_async("Task", |cx, asked: Text| async move {
            cx.sleep(Duration::from_millis(1)).await;
            if asked.0.is_empty() { Err(StatusCode::BAD_REQUEST) } else { Ok(asked) }
        })
        // What looks like a reply, with a status that is none; and a reply that is no message.
        .post("/.rpc.Created", |_cx, _request| (StatusCode::CREATED, Body::from(text("x").to_bytes())))
        .post("/.rpc.Junk", |_cx, _request| Body::from(vec![0xff; 40]))
        .post("/.rpc.Long", |_cx, _request| Body::from(text(&"x".repeat(2000)).to_bytes()))
}

/// A client of the server, on the same loop.
fn client(ev: &mut Registry<Vec<String>>) -> Client {
    let listener = ev.serve("127.0.0.1:0", server()).unwrap();
    let port = ev.source::<TcpListener>(listener).unwrap().local_addr().unwrap().port();
    let http = ev.http_client(ClientConfig::new());
    Client::new(http, &format!("http://127.0.0.1:{port}/")).unwrap()
}

fn said(reply: Result<Text, crate::Error>) -> String {
    match reply {
        Ok(text) => format!("{:.5}", text.0),
        Err(error) => match (Failure::of(&error), Broken::of(&error)) {
            (Some(failure), None) => failure.to_string(),
            (None, Some(broken)) => broken.to_string(),
            _ => error.to_string(),
        },
    }
}

const CALLS: [(&str, &str, &str); 14] = [
    ("Loud", "hey", "HEY"),
    ("Refuse", "x", "the call was answered 409 Conflict"),
    ("Pretend", "x", "the call was answered 500 Internal Server Error"),
    ("Drop", "x", "the call was answered 500 Internal Server Error"),
    ("Later", "soon", "soon"),
    ("No", "x", "the call was answered 503 Service Unavailable"),
    ("Task", "done", "done"),
    ("Task", "", "the call was answered 400 Bad Request"),
    ("Unknown", "x", "the call was answered 404 Not Found"),
    ("Created", "x", "the call was answered 201 Created"),
    ("Junk", "x", "bad reply: "),
    ("Empty", "x", "bad reply: a message lacks an entry that it needs"),
    ("Long", "x", "xxxxx"),
    ("no name", "x", "no URI of HTTP"),
];

#[test]
fn calls_have_replies_or_fail() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let client = client(&mut ev);
    for (at, (command, words, _)) in CALLS.iter().enumerate() {
        client.call(&mut ev, command, &text(words), move |cx, reply| {
            cx.state().push(format!("{at:02} {}", said(reply)));
            if cx.state().len() == CALLS.len() {
                cx.exit();
            }
        });
    }
    ev.run().unwrap();
    ev.state_mut().sort();
    for ((at, (_, _, want)), got) in CALLS.iter().enumerate().zip(ev.state().iter()) {
        assert!(got.starts_with(&format!("{at:02} {want}")), "{got}");
    }
}

#[test]
fn tasks_call() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let (client, cx) = (client(&mut ev), ev.task_cx());
    let all = ev.block_on(async move {
        let mut all = Vec::new();
        for (command, words, _) in CALLS {
            all.push(said(client.ask(&cx, command, &text(words)).await));
        }
        let small = client.limits(Limits { bytes: 1000, ..Limits::default() });
        all.push(said(small.ask(&cx, "Long", &text("x")).await));
        all
    });
    let all = all.unwrap();
    for ((_, _, want), got) in CALLS.iter().zip(&all) {
        assert!(got.starts_with(want), "{got}");
    }
    assert_eq!(all.last().map(String::as_str), Some("the answer's body is too long"));
}

#[test]
fn what_is_too_long_or_no_message_is_refused() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let client = client(&mut ev);
    let small = client.clone().limits(Limits { bytes: 1000, ..Limits::default() });
    let shallow = client.clone().limits(Limits { items: 0, ..Limits::default() });
    let next = |cx: &mut crate::Context<'_, Vec<String>>, reply| {
        cx.state().push(said(reply));
        if cx.state().len() == 4 {
            cx.exit();
        }
    };
    client.call(&mut ev, "Loud", &Nothing, next);
    client.call(&mut ev, "Loud", &text(&"x".repeat(5000)), next);
    small.call(&mut ev, "Long", &text("x"), next);
    shallow.call(&mut ev, "Loud", &text("x"), next);
    ev.run().unwrap();
    ev.state_mut().sort();
    let want = [
        "bad reply: tagged data is over its limits",
        "the answer's body is too long",
        "the call was answered 400 Bad Request",
        "the call was answered 413 Payload Too Large",
    ];
    assert_eq!(ev.state(), &want);
}

/// A call that is not answered ends with the client's time-out; one that is cancelled is told so.
#[test]
fn calls_time_out() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = ev.http_client(ClientConfig::new().timeout(Duration::from_millis(50)));
    let client = Client::new(http, &format!("http://{}", silent.local_addr().unwrap())).unwrap();
    let next = |cx: &mut crate::Context<'_, Vec<String>>, reply| cx.state().push(said(reply));
    client.call(&mut ev, "Loud", &text("x"), next);
    let cancelled = client.call(&mut ev, "Loud", &text("x"), next);
    assert!(cancelled.cancel(&mut ev));
    ev.run().unwrap();
    ev.state_mut().sort();
    assert_eq!(ev.state(), &["cancelled", "timed out"]);
}

#[test]
fn origins() {
    let mut ev = EventLoop::new(()).unwrap();
    let http = ev.http_client(ClientConfig::new());
    for good in ["http://a", "http://a:1/", "https://[::1]:443"] {
        assert!(Client::new(http, good).is_ok(), "{good}");
    }
    for bad in ["", "/", "a", "a:80", "http://a/b", "http://a/?q", "http://"] {
        assert_eq!(Client::new(http, bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
    }
}
