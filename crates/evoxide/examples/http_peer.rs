//! A server and a client for other programs to talk to; `cargo xtask clients rust-http` does.
//!
//! - `http_peer PORT`: GET answers `hello PATH`, POST and PUT the body, `/chunks` in ten pieces.
//! - `http_peer HOST PORT PATH N`: asks N times, on one connection; prints status and length of each.

use evoxide::EventLoop;
use evoxide::http::{Answer, Body, Client, ClientConfig, Flow, IntoAnswer, Method, Request, RequestCx, Server};
use evoxide::{Context, Error};

fn hello(_cx: &mut RequestCx<'_, ()>, request: Request) -> Answer<()> {
    if request.method() == Method::POST || request.method() == Method::PUT {
        return Body::from(request.into_body()).into_answer();
    }
    format!("hello {}", request.uri().path()).into_answer()
}

fn chunks(_cx: &mut RequestCx<'_, ()>, _request: Request) -> Body {
    let mut next = 0;
    Body::from_fn(move |out| {
        out.append(format!("chunk {next}\n"));
        next += 1;
        Ok(if next == 10 { Flow::End } else { Flow::More })
    })
}

fn ask<S: 'static>(cx: &mut Context<'_, S>, client: Client, uri: String, left: u32) {
    client.get(cx, &uri.clone(), move |cx, answer| match answer {
        Ok(answer) => {
            println!("{} {}", answer.status().as_u16(), answer.body().len());
            if left > 1 { ask(cx, client, uri, left - 1) } else { cx.exit() }
        }
        Err(error) => {
            println!("-1 {error}");
            cx.exit();
        }
    });
}

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut ev = EventLoop::new(())?;
    match args.as_slice() {
        [host, port, path, count] => {
            let (uri, count) = (format!("http://{host}:{port}{path}"), count.parse().unwrap_or(1));
            let client = ev.http_client(ClientConfig::new().idle_connections(1, std::time::Duration::from_secs(10)));
            ev.timer(std::time::Duration::ZERO, move |cx| ask(cx, client, uri.clone(), count));
        }
        [port] => {
            let server = Server::new().max_body(64 << 20).get("/chunks", chunks).any("/{*path}", hello).any("/", hello);
            ev.serve(("127.0.0.1", port.parse().unwrap_or(0)), server)?;
        }
        _ => eprintln!("http_peer PORT, or http_peer HOST PORT PATH N"),
    }
    ev.run()?;
    Ok(())
}
