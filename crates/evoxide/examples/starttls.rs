//! STARTTLS: an echo of lines that begins in the clear and goes on over TLS, both ends in one process.

use evoxide::EventLoop;
use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
use evoxide::tls::{ClientTls, Identity, ServerTls};

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

struct Server(ServerTls);

impl StreamHandler<()> for Server {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
        while let Some(line) = cx.input().next_line().map(<[u8]>::to_vec) {
            if line == b"STARTTLS" {
                cx.output().append("go ahead\n");
                // What the client sent ahead of its handshake goes to TLS, which refuses it.
                match self.0.layer() {
                    Ok(tls) => cx.this().start_tls(tls),
                    Err(_) => cx.close(),
                }
                return;
            }
            cx.output().append(&line);
            cx.output().append("\n");
        }
    }
}

struct Client {
    tls: ClientTls,
    secret: bool,
}

impl StreamHandler<()> for Client {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
        while let Some(line) = cx.input().next_line().map(|line| String::from_utf8_lossy(line).into_owned()) {
            println!("{}: {line}", if self.secret { "over TLS" } else { "in the clear" });
            if line == "go ahead" {
                match self.tls.layer("localhost") {
                    Ok(tls) => cx.this().start_tls(tls),
                    Err(_) => cx.close(),
                }
            } else if self.secret {
                cx.close_after_flush();
            } else {
                cx.output().append("STARTTLS\n");
            }
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, ()>, event: StreamEvent) {
        match event {
            StreamEvent::Connected => {
                self.secret = true;
                cx.output().append("secret\n");
            }
            StreamEvent::Error(error) => {
                println!("client: {error}");
                cx.close();
            }
            _ => cx.close(),
        }
    }
}

fn main() -> Fallible {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    let identity = Identity::from_pem(certified.cert.pem(), certified.signing_key.serialize_pem())?;
    let server = Server(ServerTls::builder(identity).build()?);
    let tls = ClientTls::builder().root_pem(certified.cert.pem())?.build()?;
    let mut ev = EventLoop::new(())?;
    let (client, _) = ev.pair(Client { tls, secret: false }, server)?;
    ev.stream(client).ok_or("no stream")?.output().append("hello\n");
    ev.run()?;
    Ok(())
}
