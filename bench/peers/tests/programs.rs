//! The eight programs on tokio do what they must: see `scenarios`.

mod scenarios;

use std::path::PathBuf;

/// A program of this package, which cargo has built beside this test.
fn program(name: &str) -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join(format!("{name}_tokio"))
}

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
    reconnect_goes_on: "reconnect",
    reconnect_waits_longer_each_time: "reconnect",
    virtual_time: "virtual_time",
}
