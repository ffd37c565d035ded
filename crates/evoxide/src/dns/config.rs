//! What a resolver is told.

use evoxide_proto::dns::Name;
use evoxide_proto::dns::conf::Conf;
use evoxide_proto::dns::hosts::Hosts;
use evoxide_proto::dns::resolver::Options;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

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
}

impl Default for Config {
    fn default() -> Self {
        Self { servers: Vec::new(), options: Options::default(), hosts: Hosts::default(), cache: 256 }
    }
}

impl Config {
    /// No server, a cache of 256 answers, two seconds for each of three attempts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `/etc/resolv.conf` and `/etc/hosts` say; this host as server if they name none.
    #[must_use]
    pub fn system() -> Self {
        let conf = fs::read("/etc/resolv.conf").unwrap_or_default();
        let mut config = Self::new().resolv_conf(&conf).hosts(&fs::read("/etc/hosts").unwrap_or_default());
        if config.servers.is_empty() {
            config.servers.push(SocketAddr::from(([127, 0, 0, 1], 53)));
        }
        config
    }

    /// Takes the text of a `resolv.conf`. Scopes of IPv6 addresses are taken by number.
    #[must_use]
    pub fn resolv_conf(mut self, text: &[u8]) -> Self {
        let conf = Conf::parse(text, |_| None);
        self.servers.extend(&conf.servers);
        self.options.timeout = u64::from(conf.timeout) * 1_000_000_000;
        self.options.attempts = conf.attempts;
        self.options.ndots = conf.ndots;
        self.options.rotate = conf.rotate;
        self.options.use_tcp = conf.use_tcp;
        self.options.search = conf.search.iter().filter_map(|text| Name::from_text(text).ok()).collect();
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

    /// Asks over TCP only.
    #[must_use]
    pub fn tcp_only(mut self, on: bool) -> Self {
        self.options.use_tcp = on;
        self
    }
}
