//! `evoxide-top [PORT]`: an echo server that draws what its loop does, twice a second, in the terminal that it was started in. `q` ends it.
//!
//! The drawing runs in the loop that it shows: the keyboard is a descriptor event, and each picture is a timer's. So it is among the
//! handlers that are counted, and often the longest.

use evoxide::metrics::{Histogram, Metrics};
use evoxide::stream::{StreamCtx, StreamHandler};
use evoxide::{Config, Context, EventLoop, Interest, Timer};
use ratatui::DefaultTerminal;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::Stylize;
use ratatui::widgets::{Bar, BarChart, BarGroup, Block, Paragraph, Sparkline};
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

/// Time between two pictures.
const TICK: Duration = Duration::from_millis(500);
/// Pictures that a curve remembers.
const HISTORY: usize = 240;

struct Top {
    terminal: DefaultTerminal,
    port: u16,
    /// Calls and bytes at the last picture.
    last: (u64, u64),
    calls: Vec<u64>,
    bytes: Vec<u64>,
}

struct Echo;

impl StreamHandler<Top> for Echo {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Top>) {
        let (input, output) = cx.io();
        output.append_buffer(input);
    }
}

fn draw(cx: &mut Context<'_, Top>) {
    let Some(metrics) = cx.metrics() else { return };
    let top = cx.state();
    let bytes = metrics.bytes_read + metrics.bytes_written;
    let (calls_before, bytes_before) = std::mem::replace(&mut top.last, (metrics.calls, bytes));
    for (curve, value) in [(&mut top.calls, metrics.calls - calls_before), (&mut top.bytes, bytes - bytes_before)] {
        curve.insert(0, value);
        curve.truncate(HISTORY);
    }
    let Top { terminal, port, calls, bytes, .. } = top;
    let drawn = terminal.draw(|frame| {
        let rows = Layout::vertical([
            Constraint::Length(5),
            Constraint::Length(6),
            Constraint::Length(6),
            Constraint::Min(8),
            Constraint::Length(6),
        ]);
        let [head, upper, lower, middle, foot] = rows.areas(frame.area());
        let title = format!(" evoxide-top: echo on 127.0.0.1:{port}, q ends ");
        frame.render_widget(Paragraph::new(numbers(&metrics)).block(Block::bordered().title(title.bold())), head);
        for (area, name, curve) in [(upper, "calls", &*calls), (lower, "bytes", &*bytes)] {
            let title = format!(" {name}: {} a second ", curve[0] * 1000 / TICK.as_millis() as u64);
            frame.render_widget(Sparkline::default().data(curve).block(Block::bordered().title(title)), area);
        }
        let halves = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]);
        let [left, right] = halves.areas(middle);
        frame.render_widget(bars(" handlers ", &metrics.callback), left);
        frame.render_widget(bars(" waits ", &metrics.wait), right);
        let slow: Vec<String> = metrics.slow.iter().rev().map(|s| format!("{s}, {} times", s.calls)).collect();
        frame.render_widget(Paragraph::new(slow.join("\n")).block(Block::bordered().title(" slow handlers ")), foot);
    });
    if drawn.is_err() {
        cx.exit();
    }
}

fn numbers(metrics: &Metrics) -> String {
    let time = |nanoseconds| format!("{:?}", Duration::from_nanos(nanoseconds));
    format!(
        "turns {}  calls {}  events {}  descriptors {}  in buffers {} B  pool {} B  rate waits {}\n\
         handlers: half within {}, 99 % within {}\nlag: 99 % within {}, at most {}",
        metrics.turns,
        metrics.calls,
        metrics.events,
        metrics.descriptors,
        metrics.buffered,
        metrics.pooled,
        metrics.rate_waits,
        time(metrics.callback.quantile(0.5)),
        time(metrics.callback.quantile(0.99)),
        time(metrics.lag.quantile(0.99)),
        time(metrics.lag.max()),
    )
}

/// A histogram: a bar for each bucket, with the bucket's end below it.
fn bars(title: &str, histogram: &Histogram) -> BarChart<'static> {
    let short = |bound: u64| match bound {
        0..1_000 => format!("{bound}ns"),
        1_000..1_000_000 => format!("{}us", bound / 1_000),
        1_000_000..1_000_000_000 => format!("{}ms", bound / 1_000_000),
        _ => format!("{}s", bound / 1_000_000_000),
    };
    let bar = |(bound, count)| Bar::default().value(count).label(short(bound).into());
    let bars: Vec<Bar<'static>> = histogram.buckets().map(bar).collect();
    let block = Block::bordered().title(title.to_owned());
    BarChart::default().data(BarGroup::default().bars(&bars)).bar_width(5).block(block)
}

fn run(terminal: DefaultTerminal, listener: TcpListener) -> Result<(), evoxide::Error> {
    let port = listener.local_addr()?.port();
    let top = Top { terminal, port, last: (0, 0), calls: Vec::new(), bytes: Vec::new() };
    let mut ev = EventLoop::with_config(Config::new().report_slow(Duration::from_millis(50)), top)?;
    ev.accept_from(listener, |cx, conn, _peer| cx.open(conn, Echo))?;
    ev.descriptor(std::io::stdin(), Interest::READ, |cx, keys, _ready| {
        let mut key = [0; 16];
        let n = keys.read(&mut key).unwrap_or(0);
        // Ctrl-C is a key like others in raw mode.
        if n == 0 || key[..n].iter().any(|key| matches!(key, b'q' | 3)) {
            cx.exit();
        }
    })?;
    ev.timer(Timer::after(Duration::ZERO).repeat(TICK), draw);
    ev.run()?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let terminal = ratatui::init();
    let done = run(terminal, listener);
    ratatui::restore();
    Ok(done?)
}
