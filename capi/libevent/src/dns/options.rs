//! Options, `resolv.conf`, hosts files and search lists.

use super::base::{State, evdns_base};
use super::text::bytes;
use super::{current, own, servers};
use crate::abi::dns::option;
use alloc::{vec, vec::Vec};
use core::ffi::{CStr, c_char, c_int};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use evoxide_ffi::cstr;
use evoxide_proto::dns::conf::{Directive, directives, split_option};
use evoxide_proto::dns::{Name, NoMemory};
use evoxide_sys::socket::Addr;
use evoxide_sys::{clock, io};

/// Files larger than this are refused.
const MAX_FILE: usize = 65_536;
/// Names in a search list.
const MAX_SEARCH: usize = 1024;

/// Results of `evdns_base_resolv_conf_parse`.
mod parsed {
    use core::ffi::c_int;
    pub(super) const NO_FILE: c_int = 1;
    pub(super) const TOO_LARGE: c_int = 3;
    pub(super) const NO_MEMORY: c_int = 4;
    pub(super) const NO_SERVERS: c_int = 6;
}

/// A number as C's `strtol` reads it; nothing may follow. Negative numbers are refused; the empty text is 0.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d - b'0'))))
}

/// As [`number`], within bounds.
fn bounded(text: &[u8], low: u64, high: u64) -> Option<u64> {
    number(text).map(|n| n.clamp(low, high))
}

/// Seconds with a fraction and an exponent, a millisecond at least; in nanoseconds. The tables of `core`'s own reader of such
/// numbers are 14 kB.
fn seconds(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let (text, exponent) = match text.iter().position(|b| b.eq_ignore_ascii_case(&b'e')) {
        Some(at) => (&text[..at], core::str::from_utf8(&text[at + 1..]).ok()?.parse::<i32>().ok()?.clamp(-400, 400)),
        None => (text, 0),
    };
    let mut parts = text.splitn(2, |b| *b == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or(b""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let (mut value, mut scale) = (0., exponent - i32::try_from(fraction.len()).ok()?);
    for digit in whole.iter().chain(fraction) {
        value = value * 10. + f64::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
    }
    let mut power = 1.;
    while scale != 0 && power < f64::MAX {
        power *= 10.;
        scale -= scale.signum();
    }
    let value: f64 = if exponent < fraction.len() as i32 { value / power } else { value * power };
    if value < 0.001 || value.is_nan() { None } else { Some((value.min(1e9) * 1e9) as u64) }
}

/// Sets an option. `None`: a bad value; unknown options are let pass.
fn set(state: &mut State, name: &[u8], value: &[u8], flags: c_int) -> Option<()> {
    let name = name.strip_suffix(b":").unwrap_or(name);
    let misc = flags & option::MISC != 0;
    let options = state.resolver.options_mut();
    let settings = &mut state.settings;
    match name {
        b"ndots" => {
            let value = number(value)?;
            if flags & option::SEARCH != 0 {
                options.ndots = u32::try_from(value).unwrap_or(u32::MAX);
            }
        }
        _ if !misc => {}
        b"timeout" => options.timeout = seconds(value)?,
        b"getaddrinfo-allow-skew" => settings.skew = seconds(value)?,
        b"max-timeouts" => options.max_timeouts = bounded(value, 1, 255)? as u32,
        b"max-inflight" => options.max_inflight = bounded(value, 1, 60_000)? as usize,
        b"attempts" => options.attempts = bounded(value, 1, 255)? as u32,
        b"randomize-case" => options.randomize_case = number(value)? != 0,
        b"initial-probe-timeout" => {
            options.initial_probe = seconds(value)?.min(3600 * 1_000_000_000);
            options.max_probe = options.max_probe.max(options.initial_probe);
        }
        b"max-probe-timeout" => {
            options.max_probe = bounded(value, 1, 3600)?.saturating_mul(1_000_000_000);
            options.initial_probe = options.initial_probe.min(options.max_probe);
        }
        b"probe-backoff-factor" => options.probe_factor = bounded(value, 1, 10)? as u32,
        b"bind-to" => settings.bind = Some(address(value)?),
        b"so-rcvbuf" => settings.receive_buffer = bounded(value, 0, c_int::MAX as u64)? as c_int,
        b"so-sndbuf" => settings.send_buffer = bounded(value, 0, c_int::MAX as u64)? as c_int,
        b"tcp-idle-timeout" => options.tcp_idle = seconds(value)?,
        b"use-vc" => options.use_tcp = value.is_empty() || number(value)? != 0,
        b"ignore-tc" => options.ignore_tc = value.is_empty() || number(value)? != 0,
        b"edns-udp-size" => {
            let size = bounded(value, 512, 4096)?;
            options.edns = (size > 512).then_some(size as u16);
        }
        b"edns0" => options.edns = options.edns.or(Some(1232)),
        _ => {}
    }
    Some(())
}

/// A socket address by text.
fn address(text: &[u8]) -> Option<Addr> {
    let text = alloc::ffi::CString::new(text).ok()?;
    let mut raw = [0u64; 16];
    let mut len = size_of_val(&raw) as c_int;
    // SAFETY: a terminated string, and memory of `len` bytes, aligned for any address.
    let parsed = unsafe { own::evutil_parse_sockaddr_port(text.as_ptr(), raw.as_mut_ptr().cast(), &raw mut len) };
    if parsed != 0 {
        return None;
    }
    // SAFETY: that many bytes were written.
    let bytes = unsafe { core::slice::from_raw_parts(raw.as_ptr().cast::<u8>(), usize::try_from(len).ok()?) };
    Addr::from_bytes(bytes).ok()
}

/// Sets an option by name, with a colon behind the name or without. 0, or -1 for a bad value.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_set_option(
    dns: *mut evdns_base,
    name: *const c_char,
    value: *const c_char,
) -> c_int {
    // SAFETY: `dns` is null or alive; `name` and `value` are null or end in a zero byte.
    unsafe {
        let Some(dns) = current::or_global(dns).as_ref() else { return -1 };
        let held = dns.hold();
        let set = held.with(|state| {
            let done = set(state, bytes(name), bytes(value), !0);
            state.resolver.pump(clock::monotonic(), &mut state.random);
            done
        });
        if set.is_some() { 0 } else { -1 }
    }
}

/// Reads a file whole.
fn read(path: &CStr) -> Result<Vec<u8>, c_int> {
    let file = io::open(path).map_err(|_| parsed::NO_FILE)?;
    let (mut text, mut len) = (vec![0; MAX_FILE + 1], 0);
    while let Some(rest) = text.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match io::read(&file, rest) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            Err(_) => return Err(parsed::NO_FILE),
        }
    }
    text.truncate(len);
    if len > MAX_FILE { Err(parsed::TOO_LARGE) } else { Ok(text) }
}

/// The local server, where no other is known.
fn add_local(dns: &evdns_base) {
    servers::add(dns, (Ipv4Addr::LOCALHOST, 53).into());
}

/// The search list that the host's own name gives: what follows its first dot.
fn search_by_host(state: &mut State) {
    let mut name = [0u8; 256];
    // SAFETY: the memory is of that size.
    if unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) } != 0 {
        return;
    }
    let name = name.split(|b| *b == 0).next().unwrap_or(&[]);
    let domain = name.iter().position(|b| *b == b'.').map(|dot| &name[dot + 1..]);
    if let Some(Ok(domain)) = domain.map(Name::from_text) {
        state.resolver.options_mut().search = vec![domain];
    }
}

fn parse_file(dns: &evdns_base, flags: c_int, path: &CStr) -> c_int {
    let default = flags & option::NAMESERVERS_NO_DEFAULT == 0;
    if flags & option::HOSTSFILE != 0 {
        load_hosts(dns, Some(c"/etc/hosts"));
    }
    let servers_wanted = flags & option::NAMESERVERS != 0;
    let text = match read(path) {
        Ok(text) => text,
        Err(code) => {
            if servers_wanted && default {
                add_local(dns);
            }
            if flags & option::SEARCH != 0 {
                dns.hold().with(search_by_host);
            }
            return code;
        }
    };
    let mut search: Option<Vec<Name>> = None;
    let name_of = |text: &[u8]| Name::from_text(text.strip_prefix(b".").unwrap_or(text)).ok();
    for directive in directives(&text) {
        match directive {
            Directive::Nameserver(address) if servers_wanted => {
                servers::add_text(dns, address);
            }
            Directive::Domain(name) => search = Some(name_of(name).into_iter().collect()),
            Directive::Search(names) => search = Some(names.filter_map(name_of).take(MAX_SEARCH).collect()),
            Directive::Options(words) => {
                let held = dns.hold();
                for word in words {
                    let (name, value) = split_option(word);
                    held.with(|state| set(state, name, value.unwrap_or(b""), flags));
                }
            }
            _ => {}
        }
    }
    let held = dns.hold();
    let count = held.with(|state| {
        match search {
            Some(list) if flags & option::SEARCH != 0 => state.resolver.options_mut().search = list,
            None if flags & option::SEARCH != 0 && state.resolver.options().search.is_empty() => search_by_host(state),
            _ => {}
        }
        state.resolver.servers().len()
    });
    drop(held);
    if count == 0 && servers_wanted && default {
        add_local(dns);
        return parsed::NO_SERVERS;
    }
    0
}

/// What `evdns_base_new` does for the system's servers. Whether there are any now.
pub(super) fn initialize(dns: &evdns_base, no_default: bool) -> bool {
    let all = option::SEARCH | option::NAMESERVERS | option::MISC | option::HOSTSFILE;
    let flags = all | if no_default { option::NAMESERVERS_NO_DEFAULT } else { 0 };
    let code = parse_file(dns, flags, c"/etc/resolv.conf");
    code == 0 || code == parsed::NO_SERVERS || code == parsed::NO_FILE
}

/// Reads a file of the form of `resolv.conf`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_resolv_conf_parse(
    dns: *mut evdns_base,
    flags: c_int,
    path: *const c_char,
) -> c_int {
    // SAFETY: `dns` is null or alive; `path` is null or ends in a zero byte.
    unsafe {
        let Some(dns) = current::or_global(dns).as_ref().filter(|_| !path.is_null()) else { return -1 };
        parse_file(dns, flags, CStr::from_ptr(path))
    }
}

fn load_hosts(dns: &evdns_base, path: Option<&CStr>) -> c_int {
    let text = path.map(read);
    let held = dns.hold();
    held.with(|state| match text {
        Some(Ok(text)) => match state.hosts.load(&text) {
            Ok(()) => 0,
            Err(NoMemory) => -parsed::NO_MEMORY,
        },
        missing => {
            let _ = state.hosts.add(b"localhost", IpAddr::V4(Ipv4Addr::LOCALHOST));
            let _ = state.hosts.add(b"localhost", IpAddr::V6(Ipv6Addr::LOCALHOST));
            if missing.is_some() { -1 } else { 0 }
        }
    })
}

/// Adds what a hosts file says; null: that `localhost` is this host.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_load_hosts(dns: *mut evdns_base, path: *const c_char) -> c_int {
    // SAFETY: `dns` is null or alive; `path` is null or ends in a zero byte.
    unsafe {
        let Some(dns) = current::or_global(dns).as_ref() else { return -1 };
        load_hosts(dns, (!path.is_null()).then(|| CStr::from_ptr(path)))
    }
}

/// Forgets what hosts files said.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_clear_host_addresses(dns: *mut evdns_base) {
    // SAFETY: `dns` is null or alive.
    if let Some(dns) = unsafe { dns.as_ref() } {
        dns.hold().with(|state| state.hosts.clear());
    }
}

/// Empties the search list.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_search_clear(dns: *mut evdns_base) {
    // SAFETY: `dns` is null or alive.
    if let Some(dns) = unsafe { dns.as_ref() } {
        dns.hold().with(|state| state.resolver.options_mut().search.clear());
    }
}

/// Puts a domain in front of the search list, as the original does.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_search_add(dns: *mut evdns_base, domain: *const c_char) {
    // SAFETY: `dns` is null or alive; `domain` is null or ends in a zero byte.
    unsafe {
        let (Some(dns), Some(text)) = (dns.as_ref(), cstr::bytes(domain)) else { return };
        let Ok(name) = Name::from_text(text.strip_prefix(b".").unwrap_or(text)) else { return };
        dns.hold().with(|state| {
            let search = &mut state.resolver.options_mut().search;
            if search.len() < MAX_SEARCH && search.try_reserve(1).is_ok() {
                search.insert(0, name);
            }
        });
    }
}

/// Names with fewer dots are searched first.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_search_ndots_set(dns: *mut evdns_base, ndots: c_int) {
    // SAFETY: `dns` is null or alive.
    if let Some(dns) = unsafe { dns.as_ref() } {
        dns.hold().with(|state| state.resolver.options_mut().ndots = u32::try_from(ndots).unwrap_or(0));
    }
}
