//! Listeners: descriptor events that accept connections.

use super::options::SocketOptions;
use crate::error::Error;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::interest::Interest;
use evoxide_sys::socket;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// The most connections that are accepted in a row.
const BURST: usize = 256;
/// How long a listener rests when the process has no more descriptors.
const REST: Duration = Duration::from_millis(100);

impl<S> Registry<S> {
    /// Listens on an address and calls `handler` with each connection and its peer. What `handler` returns is of no concern;
    /// a connection that it does not keep is closed.
    ///
    /// The listener is the [source](Self::source) of the event, as a [`TcpListener`]. When the process has no more
    /// descriptors, it rests for a moment and tries again.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`StreamHandler`](crate::stream::StreamHandler).
    #[track_caller]
    pub fn listen<H, R>(&mut self, addr: impl ToSocketAddrs, handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, TcpStream, SocketAddr) -> R + 'static,
    {
        self.accept_from(TcpListener::bind(addr)?, handler)
    }

    /// Listens on an address with options of the socket, which accepted connections inherit.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::SocketOptions;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let options = SocketOptions::new().nodelay(true).reuse_port(true).backlog(1024);
    /// ev.listen_with("127.0.0.1:0", &options, |_cx, conn, _peer| assert!(conn.nodelay().unwrap()))?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn listen_with<H, R>(
        &mut self,
        addr: impl ToSocketAddrs,
        options: &SocketOptions,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, TcpStream, SocketAddr) -> R + 'static,
    {
        self.accept_from(options.listen(addr)?, handler)
    }

    /// Accepts connections from a listener that is there already: see [`listen`](Self::listen).
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let mut ev = EventLoop::new(None)?;
    /// ev.accept_from(listener, |cx, _conn, peer| {
    ///     *cx.state() = Some(peer);
    ///     cx.exit();
    /// })?;
    /// ev.run()?;
    /// assert_eq!(*ev.state(), Some(client.local_addr()?));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn accept_from<H, R>(&mut self, listener: TcpListener, mut handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, TcpStream, SocketAddr) -> R + 'static,
    {
        listener.set_nonblocking(true)?;
        let id = self.descriptor(listener, Interest::READ, move |cx, listener, _| {
            let next = || socket::accept(&*listener, socket::Flags::LOOP);
            accept(cx, next, |cx, (conn, peer)| {
                if let Some(peer) = peer.and_then(|peer| peer.to_inet()) {
                    drop(handler(cx, conn.into(), peer));
                }
            });
        })?;
        self.add_listener(id);
        Ok(id)
    }

    /// Listens on a Unix socket and calls `handler` with each connection. The listener is the [source](Self::source) of
    /// the event, as a [`UnixListener`]; the file stays when it goes.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::os::unix::net::UnixStream;
    ///
    /// # let dir = std::env::temp_dir().join(format!("evoxide-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let path = dir.join("socket");
    /// let mut ev = EventLoop::new(0)?;
    /// ev.listen_unix(&path, |cx, _conn| {
    ///     *cx.state() += 1;
    ///     cx.exit();
    /// })?;
    /// let _client = UnixStream::connect(&path)?;
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 1);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn listen_unix<H, R>(&mut self, path: impl AsRef<Path>, mut handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, UnixStream) -> R + 'static,
    {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        let id = self.descriptor(listener, Interest::READ, move |cx, listener, _| {
            let next = || socket::accept(&*listener, socket::Flags::LOOP);
            accept(cx, next, |cx, (conn, _)| drop(handler(cx, conn.into())));
        })?;
        self.add_listener(id);
        Ok(id)
    }

    fn add_listener(&mut self, id: EventId) {
        let mut listeners = std::mem::take(self.extensions.get::<Listeners>());
        if !std::mem::replace(&mut listeners.end_in_order, true) {
            self.drainers.push(Self::drain_listeners);
        }
        listeners.ids.retain(|id| self.contains(*id));
        listeners.ids.push(id);
        *self.extensions.get::<Listeners>() = listeners;
    }

    /// Has all listeners accept what waits for them, and go.
    fn drain_listeners(&mut self, _within: Duration) {
        for id in self.extensions.get::<Listeners>().ids.clone() {
            if self.is_paused(id) {
                self.remove(id);
            } else {
                self.activate(id);
            }
        }
    }

    pub(crate) fn has_listeners(&mut self) -> bool {
        let ids = std::mem::take(&mut self.extensions.get::<Listeners>().ids);
        let any = ids.iter().any(|id| self.contains(*id));
        self.extensions.get::<Listeners>().ids = ids;
        any
    }
}

/// The listeners of a loop.
#[derive(Default)]
struct Listeners {
    ids: Vec<EventId>,
    /// The loop knows that they end in order.
    end_in_order: bool,
}

/// Accepts what waits, as long as the event is there.
fn accept<S, C>(
    cx: &mut Context<'_, S>,
    mut next: impl FnMut() -> io::Result<C>,
    mut each: impl FnMut(&mut Context<'_, S>, C),
) {
    let Some(id) = cx.id() else { return };
    for _ in 0..BURST {
        match next() {
            Ok(conn) => each(cx, conn),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if cx.is_draining() {
                    cx.remove_self();
                }
                return;
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {}
            Err(error) => {
                log::warn!("no connection accepted: {error}");
                cx.pause(id);
                cx.timer(REST, move |cx| {
                    let _ = cx.resume(id);
                });
                return;
            }
        }
        if !cx.contains(id) || cx.is_paused(id) {
            return;
        }
    }
}
