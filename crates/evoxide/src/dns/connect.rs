//! Connecting by name: Happy Eyeballs version 2 (RFC 8305).

use super::resolver::Asked;
use super::{Failure, Resolver};
use crate::event_loop::timed::named;
use crate::stream::{SocketOptions, Stream};
use crate::{Context, Error, EventId, Interest, Registry};
use evoxide_proto::dns::race::{Family, Next, Race};
use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

type Handler<S> = Box<dyn FnOnce(&mut Context<'_, S>, io::Result<OwnedFd>)>;

/// One race, shared by the look-ups, attempts and the timer that belong to it.
struct Shared<S> {
    race: Race,
    port: u16,
    options: SocketOptions,
    /// Attempts keep the loop running: not where a stream waits for them, which may give up before.
    keep_alive: bool,
    handler: Option<Handler<S>>,
    attempts: Vec<EventId>,
    timer: Option<EventId>,
    error: Option<io::Error>,
    failure: Option<Failure>,
}

impl Resolver {
    /// Connects to a host by name: its addresses are looked up and tried as RFC 8305 says, and the first connection wins.
    ///
    /// `handler` gets the connection, for [`open`](Registry::open), or the last error.
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::dns::Config;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let resolver = ev.resolver(Config::system())?;
    /// resolver.connect(&mut ev, "example.com", 80, |_cx, connection| match connection {
    ///     Ok(socket) => println!("connected to {:?}", socket.peer_addr()),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn connect<S: 'static>(
        self,
        events: &mut Registry<S>,
        host: &str,
        port: u16,
        handler: impl FnOnce(&mut Context<'_, S>, Result<TcpStream, Error>) + 'static,
    ) {
        let handler = named(handler);
        self.race(events, host, port, SocketOptions::new(), true, move |cx, socket| {
            handler(cx, socket.map(TcpStream::from).map_err(Error::from));
        });
    }

    /// As [`connect`](Self::connect), with options of the socket.
    pub(crate) fn race<S: 'static>(
        self,
        events: &mut Registry<S>,
        host: &str,
        port: u16,
        options: SocketOptions,
        keep_alive: bool,
        handler: impl FnOnce(&mut Context<'_, S>, io::Result<OwnedFd>) + 'static,
    ) {
        let shared = Rc::new(RefCell::new(Shared::<S> {
            race: Race::new(),
            port,
            options,
            keep_alive,
            handler: Some(Box::new(handler)),
            attempts: Vec::new(),
            timer: None,
            error: None,
            failure: None,
        }));
        self.lookup_families(events, host, &Asked::default(), move |cx, family, found| {
            let family = if family == 0 { Family::V6 } else { Family::V4 };
            let now = cx.time.now();
            {
                let mut race = shared.borrow_mut();
                race.failure = found.as_ref().err().copied().or(race.failure);
                race.race.found(family, found.unwrap_or_default(), now);
            }
            run(&shared, cx);
        });
    }
}

/// Starts what is to be started.
fn run<S: 'static>(shared: &Rc<RefCell<Shared<S>>>, cx: &mut Context<'_, S>) {
    loop {
        let now = cx.time.now();
        let (next, port) = {
            let mut race = shared.borrow_mut();
            if race.handler.is_none() {
                return;
            }
            if let Some(timer) = race.timer.take() {
                cx.remove(timer);
            }
            (race.race.next(now), race.port)
        };
        match next {
            Next::Try(address) => {
                if let Err(error) = attempt(shared, cx, address, port) {
                    let mut race = shared.borrow_mut();
                    race.error = Some(error);
                    race.race.attempt_failed();
                }
            }
            Next::Wait(until) => {
                let again = Rc::clone(shared);
                let timer = cx.timer(Duration::from_nanos(until.saturating_sub(now)), move |cx| {
                    again.borrow_mut().timer = None;
                    run(&again, cx);
                });
                let mut race = shared.borrow_mut();
                race.timer = Some(timer);
                cx.keep_alive(timer, race.keep_alive);
                return;
            }
            Next::Idle => return,
            Next::Failed => {
                let (error, failure) = {
                    let mut race = shared.borrow_mut();
                    (race.error.take(), race.failure)
                };
                let unknown = || io::Error::new(io::ErrorKind::NotFound, failure.unwrap_or(Failure::BadName));
                return end(shared, cx, Err(error.unwrap_or_else(unknown)));
            }
        }
    }
}

fn attempt<S: 'static>(
    shared: &Rc<RefCell<Shared<S>>>,
    cx: &mut Context<'_, S>,
    address: IpAddr,
    port: u16,
) -> io::Result<()> {
    let addr = evoxide_sys::socket::Addr::from(SocketAddr::new(address, port));
    let socket = Stream::connecting(&addr, &shared.borrow().options)?;
    let again = Rc::clone(shared);
    let id = cx.descriptor(socket, Interest::WRITE, move |cx, socket: &mut OwnedFd, _ready| {
        let result = match evoxide_sys::socket::take_error(&*socket) {
            Ok(None) => socket.try_clone(),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        cx.remove_self();
        match result {
            Ok(socket) => end(&again, cx, Ok(socket)),
            Err(error) => {
                {
                    let mut race = again.borrow_mut();
                    race.error = Some(error);
                    race.race.attempt_failed();
                }
                run(&again, cx);
            }
        }
    });
    let id = id.map_err(io::Error::from)?;
    let mut race = shared.borrow_mut();
    race.attempts.push(id);
    cx.keep_alive(id, race.keep_alive);
    Ok(())
}

fn end<S: 'static>(shared: &Rc<RefCell<Shared<S>>>, cx: &mut Context<'_, S>, result: io::Result<OwnedFd>) {
    let (handler, attempts, timer) = {
        let mut race = shared.borrow_mut();
        (race.handler.take(), std::mem::take(&mut race.attempts), race.timer.take())
    };
    for id in attempts.into_iter().chain(timer) {
        cx.remove(id);
    }
    if let Some(handler) = handler {
        handler(cx, result);
    }
}
