//! The end of a loop in order: nothing that was accepted is lost.

use super::context::Context;
use super::registry::Registry;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How far a loop is with its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Draining {
    #[default]
    No,
    /// Listeners take what waits, and hooks are to be called.
    Begun,
    /// The loop ends with its last stream.
    Waiting,
}

type Hook<S> = Box<dyn FnOnce(&mut Context<'_, S>)>;

/// What is called when the loop is to end.
struct Hooks<S>(Vec<Hook<S>>);

impl<S> Default for Hooks<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S: 'static> Registry<S> {
    /// Ends the loop in order. Listeners accept what waits for them and go; HTTP servers answer what they were asked, say
    /// `Connection: close` and close what is idle, as by `drain_server`; what [`on_drain`](Self::on_drain) added is called; and the run
    /// ends, with [`Outcome::Exited`](crate::Outcome::Exited), when the last stream is closed and nobody [holds](crate::Hold) the
    /// loop. What is left after `within` is left behind: the run ends all the same.
    ///
    /// Timers, signals and other events do not keep such a loop running. Tasks do where they hold it.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::{StreamCtx, StreamHandler};
    /// use evoxide::{EventLoop, Outcome};
    /// use std::io::{Read, Write};
    /// use std::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// struct Answer;
    ///
    /// impl<S> StreamHandler<S> for Answer {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
    ///         cx.output().append("bye\n");
    ///         cx.close_after_flush();
    ///     }
    /// }
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let listener = ev.listen("127.0.0.1:0", |cx, conn, _peer| cx.open(conn, Answer))?;
    /// let mut client = TcpStream::connect(ev.source::<TcpListener>(listener).unwrap().local_addr()?)?;
    /// client.write_all(b"hello\n")?;
    /// // Nobody has accepted the client yet, and it gets its answer.
    /// ev.drain(Duration::from_secs(30));
    /// assert_eq!(ev.run()?, Outcome::Exited);
    /// let mut text = String::new();
    /// client.read_to_string(&mut text)?;
    /// assert_eq!(text, "bye\n");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn drain(&mut self, within: Duration) {
        if self.draining != Draining::No {
            return;
        }
        self.draining = Draining::Begun;
        for at in 0..self.drainers.len() {
            (self.drainers[at])(self, within);
        }
        let last = self.user(|cx| {
            for hook in std::mem::take(&mut cx.registry.extensions.get::<Hooks<S>>().0) {
                hook(cx);
            }
            cx.registry.draining = Draining::Waiting;
            cx.remove_self();
        });
        self.activate(last);
        self.timer(within, |cx| cx.exit());
    }

    /// Calls `hook` when the loop [is drained](Self::drain): to say goodbye, and to close what would not close by itself.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// ev.on_drain(|cx| *cx.state() += 1);
    /// ev.drain(Duration::from_secs(30));
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 1);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn on_drain(&mut self, hook: impl FnOnce(&mut Context<'_, S>) + 'static) {
        self.extensions.get::<Hooks<S>>().0.push(Box::new(hook));
    }
}

impl<S> Registry<S> {
    /// Whether the loop is [being drained](Self::drain).
    ///
    /// # Examples
    /// As for [`drain`](Self::drain).
    pub fn is_draining(&self) -> bool {
        self.draining != Draining::No
    }

    /// Whether nothing is left of a loop that is drained.
    pub(super) fn is_drained(&mut self) -> bool {
        self.draining == Draining::Waiting
            && self.streams == 0
            && self.turn_end.is_empty()
            && self.engine.reactor.counts().active == 0
            && self.mailbox.waiting.load(Ordering::SeqCst) == 0
            && self.mailbox.alarm.holds.load(Ordering::SeqCst) == 0
            && !self.has_listeners()
    }
}
