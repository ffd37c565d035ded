//! Datagrams. [`Registry::udp`](crate::Registry::udp) and [`Registry::udp_connect`](crate::Registry::udp_connect) make endpoints.

use crate::error::Error;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::interest::Interest;
use evoxide_sys::message::{self, DATAGRAM, Datagrams};
use evoxide_sys::socket::Addr;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

/// The most batches that are received in a row.
const BURST: usize = 16;

/// A UDP endpoint: the source of its event, lent to the handler with each datagram, and to others by
/// [`Registry::source`](crate::Registry::source).
///
/// # Examples
/// See [`Registry::udp`](crate::Registry::udp).
pub struct Udp {
    socket: UdpSocket,
    segments: bool,
}

impl Udp {
    /// Sends to an address.
    ///
    /// # Errors
    /// What the operating system says: [`WouldBlock`](io::ErrorKind::WouldBlock) where its queue is full, and nothing was sent.
    ///
    /// # Examples
    /// See [`Registry::udp`](crate::Registry::udp).
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> Result<(), Error> {
        message::send_datagram(self.socket.as_fd(), bytes, Some(&to.into()), None)?;
        Ok(())
    }

    /// Sends to the [connected](crate::Registry::udp_connect) peer.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to); what the peer refused before shows here, too.
    ///
    /// # Examples
    /// See [`Registry::udp_connect`](crate::Registry::udp_connect).
    pub fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        message::send_datagram(self.socket.as_fd(), bytes, None, None)?;
        Ok(())
    }

    /// Sends `bytes` as datagrams of `segment` bytes each (the last may be shorter), to an address or to the connected peer: in
    /// one call for many of them where the kernel can cut them, and one by one where it cannot. Returns how many bytes were sent;
    /// fewer than there are where the system's queue is full.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to), if nothing was sent; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for segments of nothing.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::udp::Udp;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// let server = ev.udp("127.0.0.1:0", |cx, _udp, datagram| {
    ///     *cx.state() += datagram.bytes.len();
    ///     if *cx.state() == 2500 {
    ///         cx.exit();
    ///     }
    /// })?;
    /// let to = ev.source::<Udp>(server).unwrap().local_addr()?;
    /// let client = ev.udp_connect(to, |_, _, _| {})?;
    /// assert_eq!(ev.source::<Udp>(client).unwrap().send_segments(&[7; 2500], 1000, None)?, 2500);
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn send_segments(&mut self, bytes: &[u8], segment: u16, to: Option<SocketAddr>) -> Result<usize, Error> {
        let size = usize::from(segment);
        if size == 0 {
            return Err(Error::invalid("segment"));
        }
        let to = to.map(Addr::from);
        // As many whole segments as one call may hold.
        let at_once = (DATAGRAM - 1024) / size.max(1);
        let at_once = size * at_once.clamp(1, 64);
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            let many = &rest[..rest.len().min(if self.segments { at_once } else { size })];
            let cut = (many.len() > size).then_some(segment);
            match message::send_datagram(self.socket.as_fd(), many, to.as_ref(), cut) {
                Ok(_) => sent += many.len(),
                Err(_) if cut.is_some() && self.segments => self.segments = false,
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }

    /// Sends several datagrams, each to an address or to the connected peer, in one call for many of them where the kernel has one.
    /// Answers how many were sent; fewer than there are where the system's queue is full, or one of them was refused.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to), if nothing was sent.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::udp::Udp;
    /// use std::net::UdpSocket;
    ///
    /// let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// let mut ev = EventLoop::new(())?;
    /// let id = ev.udp("127.0.0.1:0", |_, _, _| {})?;
    /// let news = b"news".as_slice();
    /// let sent = ev.source::<Udp>(id).unwrap().send_batch([(news, Some(a.local_addr()?)), (news, Some(b.local_addr()?))])?;
    /// assert_eq!(sent, 2);
    /// let mut text = [0; 4];
    /// b.recv(&mut text)?;
    /// assert_eq!(&text, news);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn send_batch<'a>(
        &self,
        datagrams: impl IntoIterator<Item = (&'a [u8], Option<SocketAddr>)>,
    ) -> Result<usize, Error> {
        let all: Vec<_> = datagrams.into_iter().map(|(bytes, to)| (bytes, to.map(Addr::from))).collect();
        let mut sent = 0;
        while sent < all.len() {
            match message::send_datagrams(self.socket.as_fd(), &all[sent..]) {
                Ok(count) => sent += count,
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }

    /// Its own address.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`Registry::udp`](crate::Registry::udp).
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.socket.local_addr()?)
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for Udp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Udp").field(&self.socket).finish()
    }
}

/// What came in one datagram.
///
/// # Examples
/// See [`Registry::udp`](crate::Registry::udp).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Datagram<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
}

impl<S> Registry<S> {
    /// Binds a UDP endpoint and calls `handler` with each datagram that comes. Datagrams are received in batches, and coalesced by
    /// the kernel where it can.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::udp::Udp;
    ///
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// let server = ev.udp("127.0.0.1:0", |_, udp, datagram| {
    ///     let _ = udp.send_to(datagram.bytes, datagram.from);
    /// })?;
    /// let to = ev.source::<Udp>(server).unwrap().local_addr()?;
    /// let client = ev.udp("127.0.0.1:0", |cx, _, datagram| {
    ///     cx.state().extend_from_slice(datagram.bytes);
    ///     cx.exit();
    /// })?;
    /// ev.source::<Udp>(client).unwrap().send_to(b"echo", to)?;
    /// ev.run()?;
    /// assert_eq!(ev.state(), b"echo");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn udp<H>(&mut self, addr: impl ToSocketAddrs, handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, &mut Udp, Datagram<'_>) + 'static,
    {
        self.udp_from(UdpSocket::bind(addr)?, handler)
    }

    /// Makes an endpoint that sends to one peer and hears from nobody else.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::udp::Udp;
    /// use std::net::UdpSocket;
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let mut ev = EventLoop::new(())?;
    /// let id = ev.udp_connect(peer.local_addr()?, |_, _, _| {})?;
    /// ev.source::<Udp>(id).unwrap().send(b"hello")?;
    /// let mut text = [0; 5];
    /// peer.recv(&mut text)?;
    /// assert_eq!(&text, b"hello");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn udp_connect<H>(&mut self, addr: impl ToSocketAddrs, handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, &mut Udp, Datagram<'_>) + 'static,
    {
        let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
        for addr in addr.to_socket_addrs()? {
            let any: SocketAddr = match addr {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            result = UdpSocket::bind(any).and_then(|socket| socket.connect(addr).map(|()| socket));
            if result.is_ok() {
                break;
            }
        }
        self.udp_from(result?, handler)
    }

    /// Makes an endpoint of a socket that is there already.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// As for [`udp`](Self::udp).
    #[track_caller]
    pub fn udp_from<H>(&mut self, socket: UdpSocket, mut handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, &mut Udp, Datagram<'_>) + 'static,
    {
        socket.set_nonblocking(true)?;
        message::coalesce(socket.as_fd());
        let peer = socket.peer_addr().ok();
        self.descriptor(Udp { socket, segments: true }, Interest::READ, move |cx, udp, _| {
            let Some(id) = cx.id() else { return };
            let mut batch = std::mem::take(&mut cx.registry.extensions.get::<Room>().0).unwrap_or_default();
            'bursts: for _ in 0..BURST {
                let count = match batch.receive(udp.as_fd()) {
                    Ok(count) => count,
                    Err(error) => {
                        if error.kind() != io::ErrorKind::WouldBlock && error.kind() != io::ErrorKind::Interrupted {
                            log::debug!("a datagram was refused: {error}");
                            continue;
                        }
                        break;
                    }
                };
                for (bytes, from, segment) in (0..count).filter_map(|i| batch.get(i)) {
                    let Some(from) = from.and_then(|from| from.to_inet()).or(peer) else { continue };
                    // An empty datagram is one, too.
                    let mut rest = Some(bytes);
                    while let Some(all) = rest {
                        let (bytes, behind) = all.split_at(all.len().min(segment));
                        handler(cx, udp, Datagram { bytes, from });
                        if !cx.contains(id) || cx.is_paused(id) {
                            break 'bursts;
                        }
                        rest = (!behind.is_empty()).then_some(behind);
                    }
                }
                if count < message::BATCH {
                    break;
                }
            }
            cx.registry.extensions.get::<Room>().0 = Some(batch);
        })
    }
}

/// What the endpoints of a loop receive into.
#[derive(Default)]
struct Room(Option<Datagrams>);
