//! A TLS echo server, and a client for it.
//!
//! * `tls_echo serve CHAIN.pem KEY.pem [port]` prints `listening PORT`. On SIGHUP it reads both files again.
//! * `tls_echo ask ROOTS.pem NAME ADDR TEXT` prints what comes back.
//! * Without arguments: both in one process, with an authority made on the spot.

use evoxide::EventLoop;
use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
use evoxide::tls::{ClientTls, Identity, ServerTls};
use std::net::TcpListener;

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

struct Echo;

impl StreamHandler<()> for Echo {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
        let (input, output) = cx.io();
        output.append_buffer(input);
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, ()>, event: StreamEvent) {
        match event {
            StreamEvent::Connected => {}
            StreamEvent::Eof => cx.close_after_flush(),
            StreamEvent::Error(error) => {
                eprintln!("server: {error}");
                cx.close();
            }
            _ => cx.close(),
        }
    }
}

struct Ask {
    text: String,
    answer: String,
}

impl StreamHandler<()> for Ask {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
        let bytes = cx.input().take_bytes(usize::MAX);
        self.answer.push_str(&String::from_utf8_lossy(&bytes));
        if self.answer.len() >= self.text.len() {
            println!("{}", self.answer);
            cx.close_after_flush();
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, ()>, event: StreamEvent) {
        match event {
            StreamEvent::Connected => cx.output().append(&self.text),
            StreamEvent::Error(error) => {
                println!("client: {error}");
                cx.close();
            }
            _ => cx.close(),
        }
    }

    fn on_close(&mut self, cx: &mut evoxide::Context<'_, ()>) {
        cx.stop();
    }
}

fn serve(ev: &mut EventLoop<()>, tls: ServerTls, port: u16) -> Fallible<u16> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let port = listener.local_addr()?.port();
    println!("listening {port}");
    ev.accept_from(listener, move |cx, conn, _peer| {
        let id = cx.open(conn, Echo)?;
        if let Some(stream) = cx.stream(id) {
            stream.start_tls(tls.layer()?);
        }
        Ok::<_, evoxide::Error>(id)
    })?;
    Ok(port)
}

fn ask(ev: &mut EventLoop<()>, tls: &ClientTls, name: &str, addr: &str, text: &str) -> Fallible {
    let id = ev.connect(addr, Ask { text: text.into(), answer: String::new() })?;
    ev.stream(id).ok_or("no stream")?.start_tls(tls.layer(name)?);
    Ok(())
}

fn main() -> Fallible {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut ev = EventLoop::new(())?;
    match args[..] {
        ["serve", chain, key, ref port @ ..] => {
            let read = {
                let (chain, key) = (chain.to_owned(), key.to_owned());
                move || -> Fallible<Identity> { Ok(Identity::from_pem(std::fs::read(&chain)?, std::fs::read(&key)?)?) }
            };
            let tls = ServerTls::builder(read()?).protocols(["echo", "http/1.1"]).build()?;
            let again = tls.clone();
            ev.signal(evoxide::Signal::HUP, move |_, _| {
                match read().and_then(|identity| Ok(again.reload(identity)?)) {
                    Ok(()) => println!("reloaded"),
                    Err(error) => eprintln!("{error}"),
                }
            })?;
            serve(&mut ev, tls, port.first().map_or(Ok(0), |p| p.parse())?)?;
        }
        ["ask", roots, name, addr, text] => {
            let tls = ClientTls::builder().root_pem(std::fs::read(roots)?)?.build()?;
            ask(&mut ev, &tls, name, addr, text)?;
        }
        _ => {
            let (roots, identity) = authority()?;
            let port = serve(&mut ev, ServerTls::builder(identity).build()?, 0)?;
            let tls = ClientTls::builder().root_pem(roots)?.build()?;
            ask(&mut ev, &tls, "localhost", &format!("127.0.0.1:{port}"), "hello over TLS")?;
        }
    }
    ev.run()?;
    Ok(())
}

/// A private authority, and a server's identity for `localhost` by it.
fn authority() -> Fallible<(String, Identity)> {
    let mut params = rcgen::CertificateParams::new(Vec::new())?;
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "example authority");
    let key = rcgen::KeyPair::generate()?;
    let authority = params.self_signed(&key)?;
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate()?;
    let server = rcgen::CertificateParams::new(vec!["localhost".into()])?.signed_by(&key, &issuer)?;
    Ok((authority.pem(), Identity::from_pem(server.pem(), key.serialize_pem())?))
}
