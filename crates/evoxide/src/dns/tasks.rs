//! Names for tasks.

use super::{Answer, Failure, HostLookup, LookupId, Resolver};
use crate::error::Error;
use crate::stream::SocketOptions;
use crate::task::{AsyncStream, Given, TaskCx};
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// Cancels a lookup that nobody waits for any more.
struct Asked<'a, S: 'static> {
    cx: &'a TaskCx<S>,
    resolver: Resolver,
    lookup: Option<LookupId>,
}

impl<S> Drop for Asked<'_, S> {
    fn drop(&mut self) {
        if let Some(lookup) = self.lookup {
            // Where the loop is not there, the answer finds nobody.
            self.cx.try_with(|cx| self.resolver.cancel(cx, lookup));
        }
    }
}

/// As [`Asked`], of a host.
struct AskedHost<'a, S: 'static> {
    cx: &'a TaskCx<S>,
    lookup: HostLookup,
}

impl<S> Drop for AskedHost<'_, S> {
    fn drop(&mut self) {
        // One that is over is cancelled without effect.
        self.cx.try_with(|cx| self.lookup.cancel(cx));
    }
}

impl<S: 'static> TaskCx<S> {
    /// Looks up the records of a name: see [`Resolver::lookup`]. Dropping the future cancels the lookup.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Examples
    /// As for [`lookup_host`](Self::lookup_host).
    pub async fn lookup(
        &self,
        resolver: Resolver,
        name: &str,
        rtype: u16,
        deadline: Option<Duration>,
    ) -> Result<Answer, Failure> {
        let given = Given::new();
        let gives = Rc::clone(&given);
        let lookup = self.with(|cx| resolver.lookup(cx, name, rtype, deadline, move |cx, found| gives.give(cx, found)));
        let mut asked = Asked { cx: self, resolver, lookup };
        let found = poll_fn(|cx| given.poll(cx)).await;
        asked.lookup = None;
        found
    }

    /// Looks up the addresses of a host, of both families: see [`Resolver::lookup_host`]. Dropping the future cancels the lookup.
    ///
    /// # Errors
    /// Why there are none.
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::dns::Config;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let resolver = ev.resolver(Config::system())?;
    /// let cx = ev.task_cx();
    /// ev.block_on(async move {
    ///     for addr in cx.lookup_host(resolver, "example.org").await.unwrap_or_default() {
    ///         println!("{addr}");
    ///     }
    /// })?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub async fn lookup_host(&self, resolver: Resolver, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let given = Given::new();
        let gives = Rc::clone(&given);
        let lookup = self.with(|cx| resolver.lookup_host(cx, host, move |cx, found| gives.give(cx, found)));
        let _asked = AskedHost { cx: self, lookup };
        poll_fn(|cx| given.poll(cx)).await
    }

    /// Connects to a port of a host by its name, without blocking; its addresses are tried as RFC 8305 says.
    ///
    /// # Errors
    /// What the operating system says of the last address; [`NotFound`](std::io::ErrorKind::NotFound) where the host has none.
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::dns::Config;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let resolver = ev.resolver(Config::system())?;
    /// let cx = ev.task_cx();
    /// ev.block_on(async move {
    ///     let stream = cx.connect_host(resolver, "example.org", 80).await?;
    ///     stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    ///     Ok::<_, evoxide::Error>(())
    /// })??;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub async fn connect_host(&self, resolver: Resolver, host: &str, port: u16) -> Result<AsyncStream, Error> {
        let given = Given::new();
        let gives = Rc::clone(&given);
        self.with(|cx| {
            resolver.race(cx, host, port, SocketOptions::new(), true, move |cx, socket| gives.give(cx, socket));
        });
        self.open_stream(poll_fn(|cx| given.poll(cx)).await?)
    }
}
