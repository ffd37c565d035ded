//! What a resolver is told.

use evoxide_proto::dns::Name;
use evoxide_proto::dns::conf::{Conf, SortList};
use evoxide_proto::dns::hosts::Hosts;
use evoxide_proto::dns::resolver::Options;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, fs};

use crate::Error;
use crate::stream::{Filter, Stream};

/// Servers and options of a [`Resolver`](super::Resolver).
///
/// # Examples
/// ```
/// use evoxide::dns::Config;
/// use std::time::Duration;
///
/// let config = Config::new()
///     .server("192.0.2.53:53".parse().unwrap())
///     .timeout(Duration::from_secs(1))
///     .attempts(2)
///     .cache(1000);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) options: Options,
    pub(super) hosts: Hosts,
    pub(super) cache: usize,
    /// What was read from files: servers and hosts.
    conf_servers: Vec<SocketAddr>,
    pub(super) file_hosts: Hosts,
    pub(super) files: Option<Files>,
    /// One family is asked after the other.
    pub(super) one_by_one: bool,
    /// In which order IPv4 addresses of hosts are told.
    pub(super) sortlist: SortList,
    /// IPv6 addresses are not asked for.
    pub(super) no_aaaa: bool,
    /// The files stay as they were read.
    pub(super) no_reload: bool,
    /// How long each look-up may take in all.
    pub(super) deadline: Option<Duration>,
    /// What connections to servers go through.
    pub(super) layer: Option<Layer>,
}

/// Puts a filter on a connection to a server.
#[derive(Clone)]
pub(super) struct Layer(Arc<Prepare>);

type Prepare = dyn Fn(&mut Stream, SocketAddr) -> Result<(), Error> + Send + Sync;

impl Layer {
    pub(super) fn prepare(&self, stream: &mut Stream, server: SocketAddr) -> Result<(), Error> {
        (self.0)(stream, server)
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer")
    }
}

/// Files to be read again when they change.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) resolv_conf: PathBuf,
    pub(super) hosts: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            options: Options::default(),
            hosts: Hosts::default(),
            cache: 256,
            conf_servers: Vec::new(),
            file_hosts: Hosts::default(),
            files: None,
            one_by_one: false,
            sortlist: SortList::default(),
            no_aaaa: false,
            no_reload: false,
            deadline: None,
            layer: None,
        }
    }
}

impl Config {
    /// No server, a cache of 256 answers, two seconds for each of three attempts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `/etc/resolv.conf` and `/etc/hosts` say; this host as server if they name none. The files are watched: see
    /// [`files`](Self::files).
    #[must_use]
    pub fn system() -> Self {
        Self::files("/etc/resolv.conf", "/etc/hosts")
    }

    /// What files of these forms say; this host as server if they name none.
    ///
    /// A [`Resolver`](super::Resolver) made of this watches the files. When one of them changes, what it says takes the place of
    /// what it said before: servers and hosts that were added by hand stay, options that `resolv.conf` has are its own. Look-ups
    /// that are under way begin again with the new servers, and the cache is emptied. With `options no-reload` they are not watched.
    ///
    /// # Examples
    /// ```
    /// use evoxide::dns::Config;
    /// let config = Config::files("/etc/resolv.conf", "/etc/hosts").cache(1000);
    /// ```
    #[must_use]
    pub fn files(resolv_conf: impl Into<PathBuf>, hosts: impl Into<PathBuf>) -> Self {
        let files = Files { resolv_conf: resolv_conf.into(), hosts: hosts.into() };
        let mut config = Self { files: Some(files), ..Self::new() };
        config.reload();
        config
    }

    /// Reads the files again, if it has any.
    pub(super) fn reload(&mut self) {
        let Some(files) = &self.files else { return };
        let conf = fs::read(&files.resolv_conf).unwrap_or_default();
        let hosts = fs::read(&files.hosts).unwrap_or_default();
        self.conf_servers.clear();
        self.file_hosts.clear();
        self.take_conf(&conf);
        // Without memory the rest of the file is not known.
        let _ = self.file_hosts.load(&hosts);
        if self.conf_servers.is_empty() && self.servers.is_empty() {
            self.conf_servers.push(SocketAddr::from(([127, 0, 0, 1], 53)));
        }
    }

    fn take_conf(&mut self, text: &[u8]) {
        let conf = Conf::parse(text, evoxide_sys::socket::interface_index);
        self.conf_servers.extend(&conf.servers);
        self.options.timeout = u64::from(conf.timeout) * 1_000_000_000;
        self.options.attempts = conf.attempts;
        self.options.ndots = conf.ndots;
        self.options.rotate = conf.rotate;
        self.options.use_tcp = conf.use_tcp;
        self.options.trust_ad = conf.trust_ad;
        self.options.no_tld_query = conf.no_tld_query;
        self.options.search = conf.search.iter().filter_map(|text| Name::from_text(text).ok()).collect();
        self.one_by_one = conf.single_request;
        (self.no_aaaa, self.no_reload, self.sortlist) = (conf.no_aaaa, conf.no_reload, conf.sortlist);
    }

    /// All servers: those of the file first.
    pub(super) fn all_servers(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.conf_servers.iter().chain(&self.servers).copied()
    }

    /// Takes the text of a `resolv.conf`: servers, the search list, `sortlist` for the IPv4 addresses of hosts, and the options
    /// `ndots`, `timeout`, `attempts`, `rotate`, `use-vc`, `trust-ad`, `single-request`, `no-tld-query`, `no-aaaa` and `no-reload`.
    /// EDNS is used without `edns0`. Of the others `inet6` has no effect: IPv6 addresses come first anyway, and none is mapped.
    ///
    /// # Examples
    /// ```
    /// use evoxide::dns::Config;
    /// let config = Config::new().resolv_conf(b"nameserver 192.0.2.53\noptions timeout:1\nsortlist 10.0.0.0");
    /// ```
    #[must_use]
    pub fn resolv_conf(mut self, text: &[u8]) -> Self {
        self.take_conf(text);
        self
    }

    /// Takes the text of a hosts file.
    #[must_use]
    pub fn hosts(mut self, text: &[u8]) -> Self {
        // Without memory the rest of the file is not known.
        let _ = self.hosts.load(text);
        self
    }

    /// Adds a server.
    #[must_use]
    pub fn server(mut self, address: SocketAddr) -> Self {
        self.servers.push(address);
        self
    }

    /// How long one attempt waits for its answer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// How long a look-up may take in all, with its attempts and search list, unless it says so itself.
    ///
    /// # Examples
    /// ```
    /// use evoxide::dns::Config;
    /// use std::time::Duration;
    ///
    /// let config = Config::system().deadline(Duration::from_secs(10));
    /// ```
    #[must_use]
    pub const fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// How often a question is sent.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.options.attempts = attempts.max(1);
        self
    }

    /// How many answers are kept; 0: none.
    #[must_use]
    pub fn cache(mut self, answers: usize) -> Self {
        self.cache = answers;
        self
    }

    /// Adds a domain to the search list.
    #[must_use]
    pub fn search(mut self, domain: Name) -> Self {
        self.options.search.push(domain);
        self
    }

    /// Names with fewer dots go through the search list first (1).
    #[must_use]
    pub fn ndots(mut self, dots: u32) -> Self {
        self.options.ndots = dots;
        self
    }

    /// Begins with the next server each time, instead of the first that is up.
    #[must_use]
    pub fn rotate(mut self, on: bool) -> Self {
        self.options.rotate = on;
        self
    }

    /// The size that EDNS announces (1232); `None`: no EDNS.
    #[must_use]
    pub fn edns(mut self, size: Option<u16>) -> Self {
        self.options.edns = size;
        self
    }

    /// The servers are trusted to have checked signatures: [`Answer::is_authentic`](super::Answer::is_authentic) says what they
    /// found.
    #[must_use]
    pub fn trust_ad(mut self, on: bool) -> Self {
        self.options.trust_ad = on;
        self
    }

    /// Asks over TCP only.
    #[must_use]
    pub fn tcp_only(mut self, on: bool) -> Self {
        self.options.use_tcp = on;
        self
    }

    /// Asks over connections only, each through a [`Filter`] that `make` gives for the server: DNS over TLS (RFC 7858) with what
    /// the feature `rustls` brings. Servers listen for it on port 853 as a rule.
    ///
    /// # Examples
    /// ```
    /// use evoxide::Error;
    /// use evoxide::dns::Config;
    /// use evoxide::stream::Filter;
    ///
    /// fn secured<F: Filter + 'static>(session: fn(&str) -> Result<F, Error>) -> Config {
    ///     let config = Config::new().server("192.0.2.1:853".parse().unwrap());
    ///     config.tls(move |_server| session("dns.example"))
    /// }
    /// ```
    #[must_use]
    pub fn tls<F: Filter + 'static>(
        mut self,
        make: impl Fn(SocketAddr) -> Result<F, Error> + Send + Sync + 'static,
    ) -> Self {
        let prepare = move |stream: &mut Stream, server| {
            stream.push_filter(make(server)?);
            Ok(())
        };
        self.layer = Some(Layer(Arc::new(prepare)));
        self.tcp_only(true)
    }
}
