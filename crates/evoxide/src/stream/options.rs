//! Options of sockets.

use crate::error::Error;
use evoxide_sys::socket::{self, Addr};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Options of a socket: for [streams](super::Stream::set_options), [listeners](crate::Registry::listen_with), whose connections inherit
/// them, and [connects](crate::Registry::connect_with). What is not set stays as the system has it.
///
/// # Examples
/// See [`Registry::connect_with`](crate::Registry::connect_with).
#[derive(Clone, Debug, Default)]
pub struct SocketOptions {
    nodelay: Option<bool>,
    keepalive: Option<Duration>,
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
    reuse_port: bool,
    v6_only: Option<bool>,
    backlog: Option<i32>,
    local: Option<SocketAddr>,
}

impl SocketOptions {
    /// Nothing is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends small pieces at once, instead of waiting for more (`TCP_NODELAY`).
    pub fn nodelay(mut self, on: bool) -> Self {
        self.nodelay = Some(on);
        self
    }

    /// Looks whether the peer is still there when nothing came for so long, in whole seconds.
    pub fn keepalive(mut self, idle: Duration) -> Self {
        self.keepalive = Some(idle);
        self
    }

    /// How many bytes the system keeps for reading.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// How many bytes the system keeps for writing.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// Lets several listeners share an address (`SO_REUSEPORT`).
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.reuse_port = on;
        self
    }

    /// Whether a listener on an IPv6 address takes no IPv4 connections.
    pub fn v6_only(mut self, on: bool) -> Self {
        self.v6_only = Some(on);
        self
    }

    /// How many connections wait to be accepted; 1024 unless told otherwise.
    pub fn backlog(mut self, connections: u16) -> Self {
        self.backlog = Some(connections.into());
        self
    }

    /// Connects from this address.
    pub fn bind(mut self, local: SocketAddr) -> Self {
        self.local = Some(local);
        self
    }

    /// Sets what may be set at any time.
    pub(super) fn apply(&self, fd: &OwnedFd) -> io::Result<()> {
        if let Some(on) = self.nodelay {
            socket::set_no_delay(fd.as_fd(), on)?;
        }
        if let Some(idle) = self.keepalive {
            socket::set_tcp_keepalive(fd.as_fd(), idle)?;
        }
        if let Some(bytes) = self.receive_buffer {
            socket::set_recv_buffer_size(fd.as_fd(), bytes)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket::set_send_buffer_size(fd.as_fd(), bytes)?;
        }
        Ok(())
    }

    /// Sets what must be set before a connect.
    pub(super) fn prepare(&self, fd: &OwnedFd) -> io::Result<()> {
        self.apply(fd)?;
        match self.local {
            Some(local) => socket::bind(fd.as_fd(), &local.into()),
            None => Ok(()),
        }
    }

    /// Binds a listener with these options, for any loop.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// As for [`listen_many`](Self::listen_many).
    pub fn listen(&self, addr: impl ToSocketAddrs) -> Result<TcpListener, Error> {
        let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
        for addr in addr.to_socket_addrs()? {
            result = self.listener(&addr.into());
            if result.is_ok() {
                break;
            }
        }
        Ok(result?)
    }

    /// Binds listeners that share an address by `SO_REUSEPORT`: one for each thread. Port 0 means the same port for all.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::SocketOptions;
    ///
    /// let listeners = SocketOptions::new().listen_many("127.0.0.1:0", 2)?;
    /// assert_eq!(listeners[0].local_addr()?, listeners[1].local_addr()?);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn listen_many(&self, addr: impl ToSocketAddrs, count: usize) -> Result<Vec<TcpListener>, Error> {
        let options = self.clone().reuse_port(true);
        let mut listeners = Vec::new();
        if count > 0 {
            listeners.push(options.listen(addr)?);
        }
        for _ in 1..count {
            let addr = listeners[0].local_addr()?;
            listeners.push(options.listener(&addr.into())?);
        }
        Ok(listeners)
    }

    fn listener(&self, addr: &Addr) -> io::Result<TcpListener> {
        let fd = socket::stream(addr, socket::Flags::LOOP)?;
        socket::set_reuse_addr(&fd, true)?;
        if self.reuse_port {
            socket::set_reuse_port(&fd, true)?;
        }
        if let Some(on) = self.v6_only {
            socket::set_v6_only(&fd, on)?;
        }
        self.apply(&fd)?;
        socket::bind(&fd, addr)?;
        socket::listen(&fd, self.backlog.unwrap_or(1024))?;
        Ok(fd.into())
    }
}
