//! Downloads a file with a progress bar, and goes on where it was broken off. `download URI FILE`.

use evoxide::buffer::Buffer;
use evoxide::http::{Body, ClientConfig, Exchange, Head, HeaderValue, OutRequest, StatusCode, header};
use evoxide::{Context, Error, EventLoop, Timer};
use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

/// What the bar shows.
#[derive(Default)]
struct Progress {
    bytes: u64,
    whole: Option<u64>,
    result: Option<Result<(), String>>,
}

impl Progress {
    fn draw(&self) {
        const WIDTH: usize = 40;
        let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
        match self.whole {
            Some(whole) if whole > 0 => {
                let full = (self.bytes as f64 / whole as f64 * WIDTH as f64) as usize;
                let bar = "#".repeat(full.min(WIDTH)) + &".".repeat(WIDTH - full.min(WIDTH));
                eprint!("\r[{bar}] {:.1} of {:.1} MiB", mib(self.bytes), mib(whole));
            }
            _ => eprint!("\r{:.1} MiB", mib(self.bytes)),
        }
    }
}

struct Download {
    file: File,
    refused: Option<StatusCode>,
}

impl Exchange<Progress> for Download {
    fn on_head(&mut self, cx: &mut Context<'_, Progress>, head: Head) {
        if head.status() == StatusCode::OK {
            // All of it, though a part was asked for.
            cx.state().bytes = 0;
            let _ = self.file.set_len(0);
        } else if head.status() != StatusCode::PARTIAL_CONTENT {
            self.refused = Some(head.status());
        }
        let length = head.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        cx.state().whole = length.map(|n| n + cx.state().bytes);
    }

    fn on_data(&mut self, cx: &mut Context<'_, Progress>, data: &mut Buffer) {
        if self.refused.is_some() {
            return data.clear();
        }
        cx.state().bytes += data.len() as u64;
        if let Err(error) = io::copy(data, &mut self.file) {
            cx.state().result = Some(Err(error.to_string()));
            cx.exit();
        }
    }

    fn on_end(self: Box<Self>, cx: &mut Context<'_, Progress>, result: Result<(), Error>) {
        let result = match (result, self.refused) {
            (Err(error), _) => Err(error.to_string()),
            // Everything is there already.
            (Ok(()), Some(StatusCode::RANGE_NOT_SATISFIABLE)) => Ok(()),
            (Ok(()), Some(status)) => Err(status.to_string()),
            (Ok(()), None) => Ok(()),
        };
        cx.state().result = Some(result);
        cx.exit();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(uri), Some(path)) = (args.next(), args.next()) else { return Err("download URI FILE".into()) };
    let file = File::options().append(true).create(true).open(path)?;
    let have = file.metadata()?.len();

    let mut request = OutRequest::new(Body::empty());
    *request.uri_mut() = uri.parse()?;
    if have > 0 {
        request.headers_mut().insert(header::RANGE, HeaderValue::from_str(&format!("bytes={have}-"))?);
    }
    let mut ev = EventLoop::new(Progress { bytes: have, ..Progress::default() })?;
    let client = ev.http_client(ClientConfig::new().redirects(5));
    client.exchange(&mut ev, request, Download { file, refused: None });
    ev.timer(Timer::every(Duration::from_millis(100)), |cx| cx.state().draw());
    ev.run()?;
    ev.state().draw();
    eprintln!();
    io::stderr().flush()?;
    match ev.into_state().result {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(error.into()),
        None => Err("stopped".into()),
    }
}
