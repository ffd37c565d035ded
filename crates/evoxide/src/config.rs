//! How a loop is made. Start with [`Config`].

use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::timer::nanos;
use evoxide_core::reactor::Limits;
use evoxide_sys::backend;
use std::fmt;
use std::time::Duration;

/// The same variants as the system layer's.
macro_rules! method {
    ($($variant:ident),+) => {
        /// How a loop asks the operating system what is ready.
        ///
        /// # Examples
        /// ```
        /// use evoxide::{Config, EventLoop};
        /// use evoxide::config::Method;
        ///
        /// let ev = EventLoop::with_config(Config::new().method(Method::Poll), ())?;
        /// assert_eq!(ev.method().name(), "poll");
        /// # Ok::<(), evoxide::Error>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Method {
            $(#[doc = concat!(stringify!($variant), ", by the system call of that name.")] $variant,)+
        }

        impl Method {
            pub(crate) fn sys(self) -> backend::Method {
                match self { $(Self::$variant => backend::Method::$variant,)+ }
            }

            pub(crate) fn from_sys(method: backend::Method) -> Self {
                match method { $(backend::Method::$variant => Self::$variant,)+ }
            }
        }
    };
}

evoxide_sys::with_methods!(method);

impl Method {
    /// Every method of this platform, best first.
    ///
    /// # Examples
    /// ```
    /// for method in evoxide::config::Method::all() {
    ///     println!("{method}");
    /// }
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        backend::Method::ALL.iter().map(|m| Self::from_sys(*m))
    }

    /// Its name.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(evoxide::config::Method::Select.name(), "select");
    /// ```
    pub fn name(self) -> &'static str {
        self.sys().name()
    }

    /// What it can do.
    ///
    /// # Examples
    /// ```
    /// assert!(!evoxide::config::Method::Poll.features().edge_triggered);
    /// ```
    pub fn features(self) -> Features {
        let bits = self.sys().features();
        Features {
            edge_triggered: bits.contains(backend::Features::ET),
            constant_time: bits.contains(backend::Features::O1),
            any_file: bits.contains(backend::Features::FDS),
            early_close: bits.contains(backend::Features::EARLY_CLOSE),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a [`Method`] can do.
///
/// # Examples
/// ```
/// use evoxide::{Config, EventLoop};
/// use evoxide::config::Features;
///
/// let ev = EventLoop::with_config(Config::new().require(Features { any_file: true, ..Features::default() }), ())?;
/// assert!(ev.features().any_file);
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Features {
    /// [`Interest::EDGE`](crate::Interest::EDGE) works.
    pub edge_triggered: bool,
    /// The cost of an event does not grow with the number of descriptors.
    pub constant_time: bool,
    /// Regular files can be watched too.
    pub any_file: bool,
    /// [`Interest::CLOSED`](crate::Interest::CLOSED) is seen before all data is read.
    pub early_close: bool,
}

impl Features {
    fn covers(self, wanted: Self) -> bool {
        (self.edge_triggered || !wanted.edge_triggered)
            && (self.constant_time || !wanted.constant_time)
            && (self.any_file || !wanted.any_file)
            && (self.early_close || !wanted.early_close)
    }
}

/// How a loop is made. The default suits most programs.
///
/// # Examples
/// ```
/// use evoxide::{Config, EventLoop};
/// use std::time::Duration;
///
/// let config = Config::new().priorities(3).max_dispatch_interval(Duration::from_millis(20));
/// let ev = EventLoop::with_config(config, ())?;
/// assert_eq!(ev.priorities(), 3);
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    only: Option<Method>,
    avoided: Vec<Method>,
    required: Features,
    pub(crate) priorities: u16,
    pub(crate) limits: Limits,
    pub(crate) precise: bool,
    pub(crate) clock: Clock,
    pub(crate) metrics: bool,
    pub(crate) slow: Option<u64>,
    /// What the time of handlers is taken by, in tests.
    pub(crate) stopwatch: Option<fn() -> u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The default: best method, one priority, no limits, precise waits, the machine's clock.
    ///
    /// # Examples
    /// See [`Config`].
    pub const fn new() -> Self {
        Self {
            only: None,
            avoided: Vec::new(),
            required: Features { edge_triggered: false, constant_time: false, any_file: false, early_close: false },
            priorities: 1,
            limits: Limits { callbacks: u32::MAX, min_priority: 1, interval: None },
            precise: true,
            clock: Clock::Monotonic,
            metrics: false,
            slow: None,
            stopwatch: None,
        }
    }

    /// Uses this method and no other.
    ///
    /// # Examples
    /// See [`Method`].
    pub fn method(mut self, method: Method) -> Self {
        self.only = Some(method);
        self
    }

    /// Does not use this method.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Config, EventLoop};
    /// use evoxide::config::Method;
    ///
    /// let ev = EventLoop::with_config(Config::new().avoid(Method::Epoll), ())?;
    /// assert_ne!(ev.method(), Method::Epoll);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn avoid(mut self, method: Method) -> Self {
        self.avoided.push(method);
        self
    }

    /// Uses only methods that can do all this.
    ///
    /// # Examples
    /// See [`Features`].
    pub fn require(mut self, features: Features) -> Self {
        self.required = features;
        self
    }

    /// How many priorities there are, 1 to 256. Events get the middle one unless told otherwise; 0 is the most urgent. As
    /// long as anything urgent is ready, nothing less urgent runs.
    ///
    /// # Examples
    /// See [`Config`].
    pub fn priorities(mut self, count: u16) -> Self {
        self.priorities = count;
        self
    }

    /// After so long a time of calling handlers, looks for new events before it goes on with the rest.
    ///
    /// # Examples
    /// See [`Config`].
    pub fn max_dispatch_interval(mut self, interval: Duration) -> Self {
        self.limits.interval = Some(nanos(interval));
        self
    }

    /// The number of handlers after which the loop looks for new events before it goes on with the rest.
    ///
    /// # Examples
    /// ```
    /// # let config =
    /// evoxide::Config::new().max_dispatch_calls(100)
    /// # ;
    /// ```
    pub fn max_dispatch_calls(mut self, calls: u32) -> Self {
        self.limits.callbacks = calls;
        self
    }

    /// To which priorities the dispatch limits apply: to this one and less urgent ones. 1 unless told otherwise, so that with
    /// a single priority they apply only after `limit_from_priority(0)`.
    ///
    /// # Examples
    /// ```
    /// # let config =
    /// evoxide::Config::new().max_dispatch_calls(100).limit_from_priority(0)
    /// # ;
    /// ```
    pub fn limit_from_priority(mut self, priority: u8) -> Self {
        self.limits.min_priority = priority;
        self
    }

    /// Whether waits end to the nanosecond (the default) or are rounded up to milliseconds, which may cost fewer kinds of
    /// system calls.
    ///
    /// # Examples
    /// ```
    /// # let config =
    /// evoxide::Config::new().precise_time(false)
    /// # ;
    /// ```
    pub fn precise_time(mut self, precise: bool) -> Self {
        self.precise = precise;
        self
    }

    /// Which clock the loop runs on.
    ///
    /// # Examples
    /// See [`Clock`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the backend of the best method that is allowed.
    pub(crate) fn backend(&self) -> Result<backend::Backend, Error> {
        let allowed = |m: &Method| {
            self.only.is_none_or(|only| only == *m) && !self.avoided.contains(m) && m.features().covers(self.required)
        };
        let mut result = Err(ErrorKind::NoMethod.into());
        for method in Method::all().filter(allowed) {
            match backend::Backend::new(method.sys(), backend::Options { precise: self.precise }) {
                Ok(backend) => return Ok(backend),
                Err(error) => result = Err(error.into()),
            }
        }
        result
    }
}
