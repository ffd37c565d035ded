//! The simulated kernel's set of registrations.

use super::Refusal;
use super::file::File;
use crate::interest::{Change, Fd, Interest, Ready, Report};
use alloc::{collections::BTreeMap, vec::Vec};

#[derive(Clone, Copy, Debug)]
struct Registration {
    serial: u32,
    interest: Interest,
    armed: bool,
    readable_seen: u64,
    writable_seen: u64,
}

/// Registrations by file and the descriptor they were made with, as epoll keeps them.
#[derive(Debug, Default)]
pub(super) struct Set {
    by_file: BTreeMap<(usize, Fd), Registration>,
    /// Where the last wait ended, so that reports go round.
    turn: usize,
}

impl Set {
    pub fn len(&self) -> usize {
        self.by_file.len()
    }

    pub fn forget_file(&mut self, file: usize) {
        self.by_file.retain(|(f, _), _| *f != file);
    }

    pub fn apply(&mut self, change: &Change, file: usize) -> Result<(), Refusal> {
        let at = (file, change.fd);
        if change.new.is_empty() {
            return self.by_file.remove(&at).map(drop).ok_or(Refusal::NotFound);
        }
        // Whether it is there or not: an addition falls back to a modification and the other way round.
        let registration = Registration {
            serial: change.serial,
            interest: change.new,
            armed: true,
            readable_seen: u64::MAX,
            writable_seen: u64::MAX,
        };
        self.by_file.insert(at, registration);
        Ok(())
    }

    pub fn reports(&mut self, files: &[File]) -> Vec<Report> {
        let mut reports = Vec::new();
        for ((id, fd), registration) in &mut self.by_file {
            let file = &files[*id];
            let ready = file.ready(&files[file.peer]);
            let failed = ready.contains(Ready::READ | Ready::WRITE | Ready::CLOSED);
            let mut wanted = Ready::from_bits_truncate((registration.interest & Interest::CONDITIONS).bits());
            if failed {
                // An error or hang-up is reported whether asked for or not.
                wanted |= Ready::READ | Ready::WRITE;
            }
            let mut seen = ready & wanted;
            if registration.interest.contains(Interest::EDGE) {
                let news = (registration.readable_seen, registration.writable_seen)
                    != (file.readable_news, file.writable_news);
                registration.readable_seen = file.readable_news;
                registration.writable_seen = file.writable_news;
                if !news {
                    seen = Ready::empty();
                }
            }
            if seen.is_empty() || !registration.armed {
                continue;
            }
            registration.armed = !registration.interest.contains(Interest::ONESHOT);
            reports.push(Report { fd: *fd, serial: registration.serial, ready: seen | Ready::EDGE });
        }
        let len = reports.len();
        if len > 1 {
            reports.rotate_left(self.turn % len);
            self.turn = self.turn.wrapping_add(1);
        }
        reports
    }
}
