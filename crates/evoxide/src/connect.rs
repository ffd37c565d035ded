//! Connecting streams: to addresses, or to a host by its name.

#[cfg(feature = "async")]
mod task;

use crate::stream::{SocketOptions, StreamHandler};
use crate::timer::nanos;
use crate::{Error, EventId, Registry};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

/// Where a stream is to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The first of these that can be connected to.
    Addresses(Vec<SocketAddr>),
    /// A host by its name, and a port.
    Host(String, u16),
}

/// What says where a stream is to be connected to: addresses with their ports, texts like `192.0.2.1:80` and `example.com:80`,
/// and pairs of a host and a port. As [`ToSocketAddrs`](std::net::ToSocketAddrs), but nothing is looked up.
pub trait ToDestination {
    /// Where to.
    ///
    /// # Errors
    /// A text without a port.
    fn to_destination(&self) -> io::Result<Destination>;
}

/// A host by its text: an address, in brackets or not, or a name.
fn destination_of(host: &str, port: u16) -> Destination {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => Destination::Addresses(vec![SocketAddr::new(address, port)]),
        Err(_) => Destination::Host(host.to_owned(), port),
    }
}

impl ToDestination for str {
    fn to_destination(&self) -> io::Result<Destination> {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return Ok(Destination::Addresses(vec![address]));
        }
        let parts = self.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        match parts {
            Some((host, port)) => Ok(destination_of(host, port)),
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "no port behind the host")),
        }
    }
}

impl ToDestination for String {
    fn to_destination(&self) -> io::Result<Destination> {
        self.as_str().to_destination()
    }
}

impl ToDestination for (&str, u16) {
    fn to_destination(&self) -> io::Result<Destination> {
        Ok(destination_of(self.0, self.1))
    }
}

impl ToDestination for (String, u16) {
    fn to_destination(&self) -> io::Result<Destination> {
        Ok(destination_of(&self.0, self.1))
    }
}

impl ToDestination for [SocketAddr] {
    fn to_destination(&self) -> io::Result<Destination> {
        Ok(Destination::Addresses(self.to_vec()))
    }
}

impl<T: ToDestination + ?Sized> ToDestination for &T {
    fn to_destination(&self) -> io::Result<Destination> {
        (**self).to_destination()
    }
}

/// What the standard library makes a [`SocketAddr`] of.
macro_rules! addresses {
    ($($kind:ty),*) => {
        $(impl ToDestination for $kind {
            fn to_destination(&self) -> io::Result<Destination> {
                Ok(Destination::Addresses(vec![SocketAddr::from(*self)]))
            }
        })*
    };
}

addresses!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl<S: 'static> Registry<S> {
    /// Connects to an address; [`StreamEvent::Connected`](crate::stream::StreamEvent::Connected) tells that it is done. Of several
    /// addresses one is tried after the other. The name of a host (`example.com:80`) is looked up by the loop's
    /// [resolver](Self::set_resolver), and its addresses are tried as RFC 8305 says.
    ///
    /// # Errors
    /// What the operating system says right away; what it says later is told to the handler.
    ///
    /// # Examples
    /// See [`StreamHandler::on_event`].
    #[track_caller]
    pub fn connect<H>(&mut self, addr: impl ToDestination, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        self.connect_with(addr, &SocketOptions::new(), None, handler)
    }

    /// Connects to an address, and gives up after a while with an error of kind
    /// [`TimedOut`](std::io::ErrorKind::TimedOut).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
    /// use std::time::Duration;
    ///
    /// struct Hello;
    ///
    /// impl<S> StreamHandler<S> for Hello {
    ///     fn on_read(&mut self, _cx: &mut StreamCtx<'_, S>) {}
    ///
    ///     fn on_event(&mut self, cx: &mut StreamCtx<'_, S>, event: StreamEvent) {
    ///         if let StreamEvent::Connected = event {
    ///             cx.output().append("hello");
    ///         }
    ///         cx.close_after_flush();
    ///     }
    /// }
    ///
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut ev = EventLoop::new(())?;
    /// ev.connect_timeout(listener.local_addr()?, Duration::from_secs(5), Hello)?;
    /// ev.run()?;
    /// let mut text = String::new();
    /// std::io::Read::read_to_string(&mut listener.accept()?.0, &mut text)?;
    /// assert_eq!(text, "hello");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn connect_timeout<H>(
        &mut self,
        addr: impl ToDestination,
        timeout: Duration,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        self.connect_with(addr, &SocketOptions::new(), Some(timeout), handler)
    }

    /// Connects to an address with options of the socket, and gives up after `timeout`, if there is one.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Examples
    /// ```no_run
    /// # use evoxide::EventLoop;
    /// # use evoxide::stream::{SocketOptions, StreamCtx, StreamHandler};
    /// # use std::time::Duration;
    /// # struct Client;
    /// # impl<S> StreamHandler<S> for Client {
    /// #     fn on_read(&mut self, _cx: &mut StreamCtx<'_, S>) {}
    /// # }
    /// let options = SocketOptions::new().nodelay(true).keepalive(Duration::from_secs(60));
    /// let mut ev = EventLoop::new(())?;
    /// ev.connect_with("192.0.2.1:6379", &options, Some(Duration::from_secs(5)), Client)?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn connect_with<H>(
        &mut self,
        addr: impl ToDestination,
        options: &SocketOptions,
        timeout: Option<Duration>,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        let timeout = timeout.map(nanos);
        match addr.to_destination()? {
            Destination::Addresses(all) => {
                self.connect_to(all.into_iter().map(Into::into).collect(), options, timeout, handler)
            }
            Destination::Host(host, port) => self.connect_host(&host, port, options, timeout, handler),
        }
    }

    /// Without the feature `dns` the system's resolver is asked, which blocks.
    #[track_caller]
    fn connect_host<H>(
        &mut self,
        host: &str,
        port: u16,
        options: &SocketOptions,
        timeout: Option<u64>,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        #[cfg(feature = "dns")]
        {
            let resolver = self.default_resolver()?;
            let id = self.await_socket(timeout, handler)?;
            resolver.race(self, host, port, options.clone(), false, move |cx, socket| cx.adopt(id, socket));
            Ok(id)
        }
        #[cfg(not(feature = "dns"))]
        {
            use std::net::ToSocketAddrs;
            self.connect_to((host, port).to_socket_addrs()?.map(Into::into).collect(), options, timeout, handler)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_pairs() {
        let of = |text: &str| text.to_destination().ok();
        let known = |text: &str| Some(Destination::Addresses(vec![text.parse().unwrap()]));
        assert_eq!(of("192.0.2.1:80"), known("192.0.2.1:80"));
        assert_eq!(of("[2001:db8::1]:80"), known("[2001:db8::1]:80"));
        assert_eq!(of("example.com:80"), Some(Destination::Host("example.com".into(), 80)));
        assert_eq!((of("example.com"), of("example.com:x"), of("")), (None, None, None));
        assert_eq!(("::1", 7).to_destination().ok(), known("[::1]:7"));
        assert_eq!(("[::1]", 7).to_destination().ok(), known("[::1]:7"));
        assert_eq!((String::from("a"), 7).to_destination().ok(), Some(Destination::Host("a".into(), 7)));
    }
}
