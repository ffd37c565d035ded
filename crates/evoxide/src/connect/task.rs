//! Connecting tasks.

use super::{Destination, ToDestination};
use crate::Error;
use crate::task::{AsyncStream, TaskCx};
use std::io;

impl<S: 'static> TaskCx<S> {
    /// Connects to an address; of several, one is tried after the other. The name of a host (`example.com:80`) is looked up by
    /// the loop's [resolver](crate::Registry::set_resolver), and its addresses are tried as RFC 8305 says.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`AsyncStream`].
    pub async fn connect(&self, addr: impl ToDestination) -> Result<AsyncStream, Error> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let addresses = match addr.to_destination()? {
            Destination::Addresses(all) => all,
            #[cfg(feature = "dns")]
            Destination::Host(host, port) => {
                let resolver = self.with(|cx| cx.default_resolver())?;
                return self.connect_host(resolver, &host, port).await;
            }
            #[cfg(not(feature = "dns"))]
            Destination::Host(host, port) => {
                std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port))?.collect()
            }
        };
        for addr in addresses {
            match self.connect_one(&addr.into()).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.into(),
            }
        }
        Err(last.into())
    }
}
