//! Connections of a server whose bytes pass a filter, TLS above all: the filter's session, and a deadline for what its peer may send byte
//! by byte without anything coming through the filter. The stream's own timeouts begin again with each of those bytes.

use super::connection::Connection;
use crate::Timer;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use std::mem;
use std::time::Duration;

/// What a connection with a filter has.
#[derive(Default)]
pub(super) struct Guard {
    #[cfg(feature = "rustls")]
    session: Option<crate::tls::Session>,
    timer: Option<EventId>,
    expired: bool,
}

impl Guard {
    #[cfg(feature = "rustls")]
    pub fn of(session: crate::tls::Session) -> Self {
        Self { session: Some(session), ..Self::default() }
    }

    #[cfg(feature = "rustls")]
    pub const fn session(&self) -> Option<&crate::tls::Session> {
        self.session.as_ref()
    }

    /// Whether the deadline has come since this was asked last.
    pub const fn take_expiry(&mut self) -> bool {
        mem::replace(&mut self.expired, false)
    }
}

impl<S: 'static> Connection<S> {
    /// Sets up a connection with a filter, whose handshake may take so long.
    pub fn set_guard(registry: &mut Registry<S>, id: EventId, mut guard: Guard, within: Option<Duration>) {
        guard.timer = within.map(|within| deadline(registry, id, within));
        if let Some((_, connection)) = registry.stream_and_handler::<Self>(id) {
            connection.guard = Some(Box::new(guard));
        }
    }

    /// Replaces the deadline of a connection with a filter; `None`: there is none.
    pub fn set_deadline(&mut self, cx: &mut Context<'_, S>, within: Option<Duration>) {
        let (Some(guard), Some(id)) = (&mut self.guard, cx.id()) else { return };
        guard.expired = false;
        let timer = within.map(|within| deadline(cx.registry, id, within));
        if let Some(old) = mem::replace(&mut guard.timer, timer) {
            cx.registry.remove(old);
        }
    }
}

fn deadline<S: 'static>(registry: &mut Registry<S>, id: EventId, within: Duration) -> EventId {
    let timer = registry.timer(Timer::after(within), move |cx| {
        if let Some((stream, Connection::<S> { guard: Some(guard), .. })) = cx.stream_and_handler(id) {
            (guard.timer, guard.expired) = (None, true);
            stream.wake();
        }
    });
    registry.keep_alive(timer, false);
    timer
}
