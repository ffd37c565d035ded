//! WebSocket frames: any bytes give the same events in any pieces, and take no more memory than the limits allow.
#![no_main]

use evoxide_proto::ws::{Connection, Event, Limits, Role, Timing};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { frame: 3000, message: 5000, output: 1000 };

fn events(role: Role, bytes: &[u8], mut step: impl FnMut() -> usize) -> Vec<Event> {
    let mut connection = Connection::new(role, LIMITS, Timing::default(), 0);
    let (mut rest, mut events) = (bytes, Vec::new());
    while !rest.is_empty() {
        let piece = &rest[..step().clamp(1, rest.len())];
        let (used, event) = connection.receive(piece, 0);
        assert!(used > 0 && used <= piece.len());
        assert!(connection.held() <= 2 * (LIMITS.message + 125));
        events.extend(event);
        rest = &rest[used..];
    }
    events
}

fuzz_target!(|input: &[u8]| {
    let [shape, steps, bytes @ ..] = input else { return };
    let role = if shape & 1 == 0 { Role::Server } else { Role::Client };
    let whole = events(role, bytes, || usize::MAX);
    assert_eq!(whole, events(role, bytes, || 1));
    let mut n = usize::from(*steps);
    assert_eq!(
        whole,
        events(role, bytes, || {
            n = n * 5 % 257 + 1;
            n
        })
    );
});
