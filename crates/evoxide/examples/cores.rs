//! A loop for each core: `cores [http|echo] [THREADS] [PORT] [handed|shared]`. `handed`: one loop accepts, and hands connections to the others in
//! turn; `shared`: each listens at the same address, and the system spreads connections. It ends in order at SIGTERM or SIGINT, and says what each
//! thread served and how much of a processor they took: `load_echo -H -c 64 -n 150000 -p PORT` of `bench` is a load for it.

use evoxide::http::{Body, Server};
use evoxide::stream::{SocketOptions, StreamCtx, StreamHandler};
use evoxide::{Context, EventLoop, Signal};
use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const BODY: [u8; 128] = [b'x'; 128];

/// What a thread has served. All threads see all counts, and each has its own cache lines, so that none waits for another's.
#[derive(Default)]
#[repr(align(128))]
struct Counts {
    connections: AtomicU64,
    requests: AtomicU64,
}

struct World {
    counts: Arc<Vec<Counts>>,
    number: usize,
    /// `None`: bytes are sent back.
    server: Option<Rc<Server<World>>>,
}

impl World {
    fn counts(&self) -> &Counts {
        &self.counts[self.number]
    }
}

struct Echo;

impl StreamHandler<World> for Echo {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, World>) {
        cx.state().counts().requests.fetch_add(1, Ordering::Relaxed);
        let (input, output) = cx.io();
        output.append_buffer(input);
    }
}

fn take(cx: &mut Context<'_, World>, conn: TcpStream) {
    let _ = conn.set_nodelay(true);
    cx.state().counts().connections.fetch_add(1, Ordering::Relaxed);
    let taken = match cx.state().server.clone() {
        Some(server) => cx.serve_connection(conn, &server),
        None => cx.open(conn, Echo),
    };
    if let Err(error) = taken {
        eprintln!("a connection was lost: {error}");
    }
}

fn hello() -> Rc<Server<World>> {
    let server = Server::<World>::new().get("/hello", |cx, _request| {
        cx.state().counts().requests.fetch_add(1, Ordering::Relaxed);
        Body::from(&BODY[..]).content_type("text/plain")
    });
    Rc::new(server)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let http = args.next().is_none_or(|kind| kind == "http");
    let count = args
        .next()
        .map_or_else(|| std::thread::available_parallelism().map(Into::into), |n| Ok(n.parse().unwrap_or(1)))?;
    let port: u16 = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let handed = args.next().is_none_or(|way| way == "handed");

    let listeners = SocketOptions::new().listen_many(("127.0.0.1", port), if handed { 1 } else { count })?;
    println!("listening {}", listeners[0].local_addr()?.port());
    let counts: Arc<Vec<Counts>> = Arc::new((0..count).map(|_| Counts::default()).collect());
    let first = if handed { Some(listeners[0].try_clone()?) } else { None };
    let shared = Arc::clone(&counts);
    let mut threads = evoxide::threads(count, move |number| {
        let server = http.then(hello);
        let mut ev = EventLoop::new(World { counts: Arc::clone(&shared), number, server })?;
        if !handed {
            ev.accept_from(listeners[number].try_clone()?, |cx, conn, _peer| take(cx, conn))?;
        }
        Ok(ev)
    })?;

    // This loop waits for signals, and accepts where it hands connections over.
    let mut ev = EventLoop::new(())?;
    for signal in [Signal::TERM, Signal::INT] {
        ev.signal(signal, |cx, _count| cx.drain(Duration::from_secs(10)))?;
    }
    if let Some(listener) = first {
        deal(&mut ev, listener, &threads)?;
    }
    ev.run()?;
    threads.handles().drain(Duration::from_secs(10));
    threads.wait()?;

    let mut requests = 0;
    for (number, counts) in counts.iter().enumerate() {
        requests += counts.requests.load(Ordering::Relaxed);
        println!(
            "thread {number}: {} connections, {} requests",
            counts.connections.load(Ordering::Relaxed),
            counts.requests.load(Ordering::Relaxed)
        );
    }
    println!("{requests} requests, {} ns of a processor for each", spent()? / requests.max(1));
    Ok(())
}

fn deal(
    ev: &mut EventLoop<()>,
    listener: TcpListener,
    threads: &evoxide::Threads<World>,
) -> Result<(), evoxide::Error> {
    let handles = threads.handles().clone();
    ev.accept_from(listener, move |_cx, conn, _peer| handles.in_turn().post(move |cx| take(cx, conn)))?;
    Ok(())
}

/// What all threads of the process took of the processors, in nanoseconds.
fn spent() -> std::io::Result<u64> {
    let mut sum = 0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may contain anything: user and system time in ticks of 10 ms.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    for at in [11, 12] {
        sum += fields.get(at).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum * 10_000_000)
}
