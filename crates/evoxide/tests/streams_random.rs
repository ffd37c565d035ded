//! Two streams that talk to each other under random marks, limits, filters and pauses, on a virtual clock: every byte comes
//! back once and in order, and both streams end.

use evoxide::buffer::Buffer;
use evoxide::stream::{Filter, Rate, StreamCtx, StreamEvent, StreamHandler};
use evoxide::{Clock, Config, Context, EventLoop, Outcome};
use std::io;
use std::time::Duration;

/// A small generator, so that runs can be repeated by their number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

struct World {
    dice: Dice,
    data: Vec<u8>,
    sent: usize,
    back: Vec<u8>,
    closed: u32,
}

/// Sends the data in random pieces and collects what comes back.
struct Client;

impl Client {
    fn send(cx: &mut StreamCtx<'_, World>) {
        let world = cx.state();
        let left = world.data.len() - world.sent;
        let n = (1 + world.dice.roll(30_000)).min(left);
        let piece = world.data[world.sent..world.sent + n].to_vec();
        world.sent += n;
        let copied = world.dice.roll(2) == 0;
        if copied {
            cx.output().append(piece)
        } else {
            cx.output().append_vec(piece)
        }
        if n == left {
            cx.this().shutdown_write();
        }
    }

    fn collect(cx: &mut StreamCtx<'_, World>, all: bool) {
        let len = cx.input().len();
        let n = if all { len } else { cx.state().dice.roll(len + 1) };
        let bytes = cx.input().take_bytes(n);
        cx.state().back.extend(bytes);
    }
}

impl StreamHandler<World> for Client {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, World>) {
        Self::collect(cx, false);
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, World>) {
        if cx.state().sent < cx.state().data.len() {
            Self::send(cx);
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, World>, event: StreamEvent) {
        assert!(matches!(event, StreamEvent::Eof), "{event:?}");
        Self::collect(cx, true);
        cx.close_after_flush();
    }

    fn on_close(&mut self, cx: &mut Context<'_, World>) {
        cx.state().closed += 1;
    }
}

/// Sends everything back, sooner or later.
struct Server;

impl Server {
    fn pass(cx: &mut StreamCtx<'_, World>, all: bool) {
        let (len, busy) = (cx.input().len(), !cx.output().is_empty());
        // What is left when nothing is under way would never be seen again.
        let n = if all || !busy { len } else { cx.state().dice.roll(len + 1) };
        let (input, output) = cx.io();
        output.append_prefix(input, n);
    }
}

impl StreamHandler<World> for Server {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, World>) {
        Self::pass(cx, false);
        if cx.state().dice.roll(4) == 0 {
            let id = cx.id().unwrap();
            cx.this().pause_reading();
            let pause = Duration::from_millis(cx.state().dice.roll(50) as u64);
            cx.timer(pause, move |cx| {
                if let Some(stream) = cx.stream(id) {
                    stream.resume_reading();
                }
            });
        }
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, World>) {
        Self::pass(cx, true);
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, World>, event: StreamEvent) {
        assert!(matches!(event, StreamEvent::Eof), "{event:?}");
        Self::pass(cx, true);
        cx.close_after_flush();
    }

    fn on_close(&mut self, cx: &mut Context<'_, World>) {
        cx.state().closed += 1;
    }
}

/// Records of two length bytes and the bytes they count, each turned by one.
struct Records;

impl Filter for Records {
    fn input(&mut self, from: &mut Buffer, to: &mut Buffer, _reply: &mut Buffer) -> io::Result<()> {
        while let [a, b] = *from.contiguous(2) {
            let len = usize::from(u16::from_be_bytes([a, b]));
            if from.len() < 2 + len {
                break;
            }
            from.drain(2);
            to.append_vec(from.take_bytes(len).iter().map(|b| b.wrapping_sub(1)).collect());
        }
        Ok(())
    }

    fn output(&mut self, from: &mut Buffer, to: &mut Buffer) -> io::Result<()> {
        while !from.is_empty() {
            let bytes = from.take_bytes(5000);
            to.append((bytes.len() as u16).to_be_bytes());
            to.append_vec(bytes.iter().map(|b| b.wrapping_add(1)).collect());
        }
        Ok(())
    }
}

#[test]
fn every_byte_comes_back() {
    for seed in 1..=200_u64 {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let len = 1 + dice.roll(400_000);
        let data = (0..len).map(|_| dice.roll(256) as u8).collect();
        let world = World { dice, data, sent: 0, back: Vec::new(), closed: 0 };
        let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), world).unwrap();
        let whole = ev.limit(Rate::per_tick(200_000, 200_000, Duration::from_millis(10)), None).unwrap();
        let (client, server) = ev.pair(Client, Server).unwrap();
        let layers = ev.state_mut().dice.roll(3);
        for id in [client, server] {
            let dice = &mut ev.state_mut().dice;
            let (limited, rate, high, low) = (dice.roll(3), 1 + dice.roll(50_000), dice.roll(60_000), dice.roll(9000));
            let stream = ev.stream(id).unwrap();
            (0..layers).for_each(|_| stream.push_filter(Records));
            stream.set_write_mark(low);
            // The client may leave all of its input where it is: it has no high mark, or it would wait for ever.
            stream.set_read_marks(0, if id == server { high } else { 0 });
            if limited > 0 {
                let rate = Rate::per_tick(rate, rate * 2, Duration::from_millis(7));
                let own = ev.limit(rate, (limited == 2).then_some(whole)).unwrap();
                ev.set_limit(id, Some(own)).unwrap();
            }
        }
        let first = ev.state().data[0];
        ev.state_mut().sent = 1;
        ev.stream(client).unwrap().output().append([first]);
        if len == 1 {
            ev.stream(client).unwrap().shutdown_write();
        }
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        let world = ev.state();
        assert_eq!((world.closed, world.back.len(), world.sent), (2, len, len), "seed {seed}");
        assert!(world.back == world.data, "seed {seed}");
        assert_eq!(ev.counts().events, 0, "seed {seed}");
    }
}
