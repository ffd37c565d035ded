//! The example programs do what they must. What is asked of the eight that have a counterpart on tokio is asked of that, too: see
//! `bench/peers/tests`.

#[path = "../../../bench/peers/tests/scenarios/mod.rs"]
mod scenarios;

mod built;

use built::program;
use scenarios::Server;

/// An example, which cargo has built beside this test.
macro_rules! scenarios {
    ($($scenario:ident: $program:literal,)*) => {$(
        #[test]
        fn $scenario() {
            scenarios::$scenario(program($program));
        }
    )*};
}

scenarios! {
    chat_rooms: "chat",
    chat_drops_the_silent: "chat",
    chat_drops_slow_readers: "chat",
    resp_commands: "resp",
    resp_clients: "resp",
    proxy_passes_both_ways: "proxy",
    proxy_limits: "proxy",
    proxy_without_target: "proxy",
    supervisor_starts_again: "supervisor",
    supervisor_waits_longer_each_time: "supervisor",
    supervisor_ends_its_children: "supervisor",
    udp_echo: "udp_echo",
    workers_answer: "workers",
    workers_refuse_what_is_over_the_limit: "workers",
}

#[cfg(feature = "async")]
scenarios! {
    reconnect_goes_on: "reconnect",
    reconnect_waits_longer_each_time: "reconnect",
    virtual_time: "virtual_time",
}

#[test]
fn echo_with_handlers() {
    Server::start(&program("echo"), &["0"]).connect().ask("hello", "hello");
}

#[cfg(feature = "async")]
#[test]
fn chat_with_tasks() {
    scenarios::chat_rooms(program("chat_async"));
    scenarios::chat_drops_the_silent(program("chat_async"));
    scenarios::chat_drops_slow_readers(program("chat_async"));
}

/// `cargo xtask tasks` does it with 1,000,000, under the sanitizers.
#[cfg(feature = "async")]
#[test]
fn tasks_by_the_thousand() {
    let out = std::process::Command::new(program("many_tasks")).arg("20000").output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(String::from_utf8(out.stdout).unwrap().lines().count(), 3);
}

#[cfg(feature = "async")]
#[test]
fn echo_with_tasks() {
    let server = Server::start(&program("echo_async"), &["0"]);
    let (mut a, mut b) = (server.connect(), server.connect());
    a.ask("hello", "hello");
    b.ask([b'x'; 100_000], [b'x'; 100_000]);
    drop(a);
    b.ask("still there", "still there");
}
