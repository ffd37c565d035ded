//! One end of a simulated connection.

use super::{Fault, Refusal};
use crate::interest::Ready;
use alloc::collections::VecDeque;

#[derive(Debug)]
pub(super) struct File {
    pub peer: usize,
    pub descriptors: usize,
    /// What the peer wrote and nobody has read.
    pub inbox: VecDeque<u8>,
    capacity: usize,
    /// Nothing follows what is in the inbox.
    ended: bool,
    pub write_shut: bool,
    was_reset: bool,
    peer_gone: bool,
    pub read_plan: VecDeque<Fault>,
    pub write_plan: VecDeque<Fault>,
    /// Grow with every event that an edge-triggered registration reports.
    pub readable_news: u64,
    pub writable_news: u64,
}

impl File {
    pub fn new(peer: usize, capacity: usize) -> Self {
        Self {
            peer,
            descriptors: 0,
            inbox: VecDeque::new(),
            capacity,
            ended: false,
            write_shut: false,
            was_reset: false,
            peer_gone: false,
            read_plan: VecDeque::new(),
            write_plan: VecDeque::new(),
            readable_news: 0,
            writable_news: 0,
        }
    }

    pub fn end_of_input(&mut self) {
        self.ended = true;
        self.readable_news += 1;
    }

    /// The peer's last descriptor was closed; `unread`: with bytes of ours unread, so that it returns with a reset.
    pub fn peer_left(&mut self, unread: bool) {
        self.peer_gone = true;
        self.end_of_input();
        self.writable_news += 1;
        if unread {
            self.reset();
        }
    }

    pub fn reset(&mut self) {
        self.was_reset = true;
        self.inbox.clear();
        self.ended = true;
        self.readable_news += 1;
        self.writable_news += 1;
    }

    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, Refusal> {
        let limit = match self.read_plan.pop_front() {
            Some(Fault::Fails(refusal)) => return Err(refusal),
            Some(Fault::Short(n)) => n,
            None => usize::MAX,
        };
        if self.was_reset {
            return Err(Refusal::Reset);
        }
        if self.inbox.is_empty() && !self.ended && !into.is_empty() {
            return Err(Refusal::WouldBlock);
        }
        let n = into.len().min(self.inbox.len()).min(limit);
        for (to, byte) in into.iter_mut().zip(self.inbox.drain(..n)) {
            *to = byte;
        }
        Ok(n)
    }

    pub fn before_write(&mut self) -> Result<usize, Refusal> {
        let limit = match self.write_plan.pop_front() {
            Some(Fault::Fails(refusal)) => return Err(refusal),
            Some(Fault::Short(n)) => n,
            None => usize::MAX,
        };
        if self.was_reset {
            return Err(Refusal::Reset);
        }
        if self.write_shut || self.peer_gone {
            return Err(Refusal::BrokenPipe);
        }
        Ok(limit)
    }

    pub fn room(&self) -> usize {
        self.capacity.saturating_sub(self.inbox.len())
    }

    pub fn receive(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let n = bytes.len().min(self.room());
        if n == 0 && !bytes.is_empty() {
            return Err(Refusal::WouldBlock);
        }
        self.inbox.extend(&bytes[..n]);
        if n > 0 {
            self.readable_news += 1;
        }
        Ok(n)
    }

    /// What a wait sees on this end, given the other end.
    pub fn ready(&self, peer: &Self) -> Ready {
        let mut ready = Ready::empty();
        let failed = self.was_reset || self.peer_gone;
        ready.set(Ready::READ, failed || self.ended || !self.inbox.is_empty());
        ready.set(Ready::WRITE, failed || self.write_shut || peer.room() > 0);
        ready.set(Ready::CLOSED, failed || self.ended);
        ready
    }
}
