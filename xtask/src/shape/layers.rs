//! The layers of each crate, lowest first. A module may import from its own layer and from those below it. A name stands
//! for the module and all that is below it, unless a longer name says otherwise.

/// The layers of one crate.
pub type Levels = &'static [&'static [&'static str]];

/// The crates' sources; those without layers are only looked at for circles of folders.
pub const CRATES: &[(&str, Option<Levels>)] = &[
    ("capi/libevent/src", Some(LIBEVENT)),
    ("capi/libev/src", Some(LIBEV)),
    ("crates/evoxide/src", Some(EVOXIDE)),
    ("crates/evoxide-core/src", None),
    ("crates/evoxide-ffi/src", None),
    ("crates/evoxide-proto/src", None),
    ("crates/evoxide-sys/src", None),
];

/// Modules that came after the redesign, with what they stand for in both faces: their lines are no part of its budget.
pub const PROTOCOLS: &[&str] = &[
    "abi::dns",
    "buffer::frames",
    "buffer::integers",
    "bufferevent::tls::records",
    "codec",
    "connect",
    "dns",
    "entry",
    "event_loop::drain",
    "event_loop::inspector",
    "event_loop::timed",
    "files",
    "http",
    "lock::plain",
    "manual",
    "message",
    "metrics",
    "os",
    "rpc",
    "stream::options",
    "tag",
    "task",
    "threads",
    "tls",
    "udp",
    "workers",
    "ws",
];

/// Modules that were there before the redesign and became another capability's afterwards, with the lines they had: TLS
/// over any stream (renegotiation, key update), and children with pipes. Neither they nor those lines count.
pub const EXTENDED: &[(&str, usize)] = &[("bufferevent::tls", 513), ("stream::session", 211), ("watch::child", 49)];

const LIBEVENT: Levels = &[
    &["abi"],
    &["util"],
    &["base"],
    &["event::timer", "event::pending", "event::deferred", "run::watch"],
    &["event"],
    &["run"],
    &["run::lifecycle", "run::entries"],
    &["buffer"],
    &["dns", "listener", "tag"],
    &["bufferevent"],
    &["http", "ws"],
    &["rpc"],
    &["run::compat"],
];

const LIBEV: Levels = &[
    &["abi", "now"],
    &["global", "watcher"],
    &["state", "backend", "lists"],
    &["own", "clock", "kernel"],
    &["io", "timer", "periodic", "signal", "stat", "child", "asyncs", "feed", "fork"],
    &["run", "create", "once", "embed"],
    &["event_compat"],
];

const EVOXIDE: Levels = &[
    &["error", "interest", "clock", "config", "metrics", "signal", "timer"],
    &["buffer", "codec"],
    &["event_loop", "manual"],
    &["stream", "task", "udp", "workers", "watch"],
    &["dns", "tls", REST],
    &["connect"],
    &["http", "ws"],
    &["rpc"],
];

/// Stands for the modules that no layer names: a new protocol of the Rust loop needs no line here.
const REST: &str = "*";

/// The layer of a module.
pub fn level(levels: Levels, module: &str) -> Option<usize> {
    let of = |name: &str| levels.iter().position(|l| l.contains(&name));
    let mut name = module;
    loop {
        match (of(name), name.rsplit_once("::")) {
            (Some(level), _) => return Some(level),
            (None, Some((front, _))) => name = front,
            (None, None) => return of(REST),
        }
    }
}
