//! Two buffers and what they should hold: runs a program of operations, given as bytes, on both and compares.
//!
//! Shared by the property test and the fuzz target.

use evoxide_core::buffer::{Buffer, Delta, End, Eol, Error, Owner, Part, Released};
use std::cell::Cell;
use std::rc::Rc;

/// Foreign memory, or a file (`opaque`). Counts its handles that were dropped.
pub struct Mem {
    data: Rc<Vec<u8>>,
    opaque: Rc<Cell<bool>>,
    dropped: Rc<Cell<usize>>,
}

impl Clone for Mem {
    fn clone(&self) -> Self {
        Mem { data: self.data.clone(), opaque: self.opaque.clone(), dropped: self.dropped.clone() }
    }
}

impl Drop for Mem {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}

impl Owner for Mem {
    type Note = ();

    fn bytes(&self) -> Option<&[u8]> {
        if self.opaque.get() { None } else { Some(&self.data) }
    }
}

struct Side {
    buffer: Buffer<Mem>,
    model: Vec<u8>,
    frozen: [bool; 2],
    /// Holds content by reference, perhaps.
    borrowed: bool,
}

impl Side {
    fn new() -> Self {
        Side { buffer: Buffer::new(), model: Vec::new(), frozen: [false; 2], borrowed: false }
    }

    fn check(&self) {
        assert_eq!(self.buffer.len(), self.model.len());
        let mut at = 0;
        for part in self.buffer.parts(0) {
            assert!(!part.is_empty());
            match part {
                Part::Bytes(b) => assert_eq!(b, &self.model[at..at + b.len()]),
                Part::Opaque { owner, start, end } => {
                    assert_eq!(&owner.data[start..end], &self.model[at..at + (end - start)]);
                }
            }
            at += part.len();
        }
        assert_eq!(at, self.model.len());
        // The other way to look at the content shows the same, from anywhere, and stops when told.
        let from = at / 3;
        let mut seen = Vec::new();
        self.buffer.visit(from, |part| {
            seen.push(part.len());
            seen.len() < 4
        });
        assert!(seen.iter().copied().eq(self.buffer.parts(from).map(|p| p.len()).take(4)));
        assert_eq!(self.buffer.first_len() == 0, self.model.is_empty());
        if self.model.is_empty() {
            assert!(self.buffer.first().is_empty());
        }
    }
}

/// The state of one run.
pub struct World {
    sides: [Side; 2],
    dropped: Rc<Cell<usize>>,
    opaque: Vec<Rc<Cell<bool>>>,
    serial: u8,
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&b, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        b
    }

    /// Mostly small, sometimes long.
    fn size(&mut self) -> usize {
        let b = self.byte() as usize;
        match b {
            0..=127 => b,
            128..=223 => (b - 128) * 17,
            224..=249 => (b - 223) * 700,
            _ => (b - 247) * 11_000,
        }
    }
}

impl World {
    /// Runs a program.
    pub fn run(program: &[u8]) {
        let mut world =
            World { sides: [Side::new(), Side::new()], dropped: Rc::default(), opaque: Vec::new(), serial: 0 };
        let mut input = Input(program);
        while !input.0.is_empty() {
            world.step(&mut input);
            world.sides[0].check();
            world.sides[1].check();
        }
        for side in &mut world.sides {
            side.buffer.unfreeze(End::Front);
            let before = world.dropped.get();
            let (_, released) = side.buffer.clear().expect("unfrozen");
            assert_eq!(world.dropped.get(), before, "an owner was dropped, not released");
            drop(released);
        }
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        // Few different bytes, so that strings and line ends recur.
        (0..n).map(|i| b"ab\r\n\0cd"[(i * 5 + serial as usize + i / 7) % 7]).collect()
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let code = input.byte();
        let (x, y) = if code & 0x80 == 0 { (0, 1) } else { (1, 0) };
        let before = self.dropped.get();
        let mut told: Vec<Released<Mem>> = Vec::new();
        let mut refused = None;
        match code & 0x1f {
            0..=3 => {
                let n = input.size();
                let data = self.bytes(n);
                let side = &mut self.sides[x];
                let answer = side.buffer.append(&data);
                if side.frozen[1] {
                    assert_eq!(answer, Err(Error::Frozen));
                } else {
                    assert_eq!(answer, Ok(Delta::added(n)));
                    side.model.extend_from_slice(&data);
                }
            }
            4 | 5 => {
                let n = input.size();
                let data = self.bytes(n);
                let side = &mut self.sides[x];
                let answer = side.buffer.prepend(&data);
                if side.frozen[0] {
                    assert_eq!(answer, Err(Error::Frozen));
                } else {
                    assert_eq!(answer, Ok(Delta::added(n)));
                    side.model.splice(0..0, data);
                }
            }
            6..=9 => {
                let n = input.size();
                let side = &mut self.sides[x];
                match side.buffer.drain(n) {
                    Err(e) => assert!(e == Error::Frozen && side.frozen[0]),
                    Ok((delta, released)) => {
                        assert!(!side.frozen[0]);
                        let n = n.min(side.model.len());
                        assert_eq!(delta, Delta::removed(n));
                        side.model.drain(..n);
                        told.push(released);
                    }
                }
                side.borrowed &= !side.model.is_empty();
            }
            10 | 11 => {
                let n = input.size();
                let data = self.bytes(n);
                let opaque = Rc::new(Cell::new(code & 0x40 != 0));
                self.opaque.push(opaque.clone());
                let (start, end) = (n / 5, n - n / 7);
                let mem = Mem { data: Rc::new(data.clone()), opaque, dropped: self.dropped.clone() };
                let side = &mut self.sides[x];
                match side.buffer.append_external(mem, start, end) {
                    Ok(delta) => {
                        assert_eq!(delta, Delta::added(end - start));
                        side.model.extend_from_slice(&data[start..end]);
                    }
                    Err((Error::OutOfRange, mem)) => {
                        assert!(end <= start);
                        refused = Some(mem);
                    }
                    Err((e, mem)) => {
                        assert!(e == Error::Frozen && side.frozen[1]);
                        refused = Some(mem);
                    }
                }
            }
            12 => {
                let n = input.size();
                let data = self.bytes(n);
                let side = &mut self.sides[x];
                if side.buffer.append_shared(data.clone().into()).is_ok() {
                    side.model.extend_from_slice(&data);
                }
            }
            13..=16 => self.move_between(code & 0x1f, x, y, input.size()),
            17 | 18 => {
                let n = input.size();
                let side = &mut self.sides[x];
                match side.buffer.pull_up(n) {
                    Ok(released) => {
                        told.push(released);
                        assert!(side.buffer.first().len() >= n);
                    }
                    Err(Error::OutOfRange) => assert!(n > side.model.len()),
                    Err(e) => assert_eq!(e, Error::Opaque),
                }
            }
            19 => {
                let (n, used) = (input.size(), input.size());
                let data = self.bytes(used);
                let side = &mut self.sides[x];
                side.buffer.expand(n).expect("not that much");
                assert!(side.buffer.spare() >= n);
                let used = used.min(side.buffer.spare());
                match side.buffer.fill(|v| v.extend_from_slice(&data[..used])) {
                    Ok((delta, ())) => {
                        assert_eq!(delta, Delta::added(used));
                        side.model.extend_from_slice(&data[..used]);
                    }
                    Err(e) => assert!(e == Error::Frozen && side.frozen[1]),
                }
            }
            20 => {
                let (n, used, first) = (input.size(), input.size(), input.size());
                let data = self.bytes(used);
                let side = &mut self.sides[x];
                side.buffer.expand_split(n).expect("not that much");
                let mut room = 0;
                let filled = side.buffer.fill_split(|[a, b]| {
                    let rooms = [a.capacity() - a.len(), b.capacity() - b.len()];
                    room = rooms[0] + rooms[1];
                    // Any part of the first, and then of the second.
                    let (now, then) = data.split_at(used.min(rooms[0]).min(first));
                    let then = &then[..then.len().min(rooms[1])];
                    a.extend_from_slice(now);
                    b.extend_from_slice(then);
                    now.len() + then.len()
                });
                match filled {
                    Ok((delta, used)) => {
                        assert!(room >= n);
                        assert_eq!(delta, Delta::added(used));
                        side.model.extend_from_slice(&data[..used]);
                    }
                    Err(e) => assert!(e == Error::Frozen && side.frozen[1]),
                }
            }
            21 => {
                let (n, used) = (input.size(), input.size());
                let data = self.bytes(used);
                let side = &mut self.sides[x];
                let reservation = side.buffer.reserve(n).expect("not that much");
                if !side.frozen[1] {
                    // As a read does: the room first, and then what was prepared for.
                    let (room, rest) = data.split_at(used.min(side.buffer.spare()));
                    let rest = &rest[..rest.len().min(n)];
                    side.buffer.fill(|v| v.extend_from_slice(room)).expect("thawed");
                    assert_eq!(side.buffer.commit(reservation, rest), Delta::added(rest.len()));
                    side.model.extend_from_slice(room);
                    side.model.extend_from_slice(rest);
                }
            }
            22 => {
                let (from, n, span) = (input.size(), input.size() % 9, input.size());
                let needle = self.bytes(n);
                let side = &self.sides[x];
                let to = from.saturating_add(span);
                let expect = side.model.get(from..).map(|rest| {
                    let rest = &rest[..rest.len().min(span)];
                    if n == 0 { Some(from) } else { rest.windows(n).position(|w| w == needle).map(|i| i + from) }
                });
                match side.buffer.find(&needle, from, to) {
                    Err(Error::Opaque) => {}
                    Err(e) => assert!(e == Error::OutOfRange && expect.is_none()),
                    Ok(found) => assert_eq!(Some(found), expect),
                }
            }
            23 | 24 => {
                let from = input.size();
                let style = [Eol::Any, Eol::Crlf, Eol::CrlfStrict, Eol::Lf, Eol::Nul][input.byte() as usize % 5];
                let side = &self.sides[x];
                match side.buffer.find_eol(from, style) {
                    Err(Error::Opaque) => {}
                    Err(e) => assert!(e == Error::OutOfRange && from > side.model.len()),
                    Ok(found) if side.buffer.is_readable(0, usize::MAX) => {
                        assert_eq!(found, eol(&side.model, from, style))
                    }
                    Ok(_) => {}
                }
            }
            25 => {
                let (from, n) = (input.size(), input.size());
                let side = &self.sides[x];
                let mut out = vec![0; n];
                match side.buffer.copy_out(from, &mut out) {
                    Err(Error::Opaque) => {}
                    Err(e) => assert!(e == Error::OutOfRange && from > side.model.len()),
                    Ok(got) => {
                        assert_eq!(got, n.min(side.model.len() - from));
                        assert_eq!(out[..got], side.model[from..from + got]);
                    }
                }
            }
            26 => {
                let (end, i) = if code & 0x40 == 0 { (End::Front, 0) } else { (End::Back, 1) };
                let side = &mut self.sides[x];
                side.buffer.freeze(end);
                side.frozen[i] = true;
            }
            27 | 28 => {
                for side in &mut self.sides {
                    side.buffer.unfreeze(End::Front);
                    side.buffer.unfreeze(End::Back);
                    side.frozen = [false; 2];
                }
            }
            _ => {
                // The face maps a file after all.
                if let Some(opaque) = self.opaque.pop() {
                    opaque.set(false);
                }
            }
        }
        assert_eq!(self.dropped.get(), before, "an owner was dropped, not released");
        drop((told, refused));
    }

    fn move_between(&mut self, code: u8, x: usize, y: usize, n: usize) {
        let [a, b] = &mut self.sides;
        let (dst, src) = if x < y { (a, b) } else { (b, a) };
        let answer = match code {
            13 => dst.buffer.append_buffer(&mut src.buffer),
            14 => dst.buffer.prepend_buffer(&mut src.buffer),
            15 => dst.buffer.append_prefix(&mut src.buffer, n),
            _ => dst.buffer.append_reference(&mut src.buffer),
        };
        let frozen = match code {
            13 | 15 => dst.frozen[1] || src.frozen[0],
            14 => dst.frozen[0] || src.frozen[0],
            _ => dst.frozen[1],
        };
        if answer == Err(Error::Nested) {
            assert!(src.borrowed && code == 16);
            return;
        }
        if frozen {
            assert_eq!(answer, Err(Error::Frozen));
            return;
        }
        let n = if code == 15 { n.min(src.model.len()) } else { src.model.len() };
        assert_eq!(answer, Ok(Delta::added(n)));
        dst.borrowed |= src.borrowed || (code == 16 && n > 0);
        match code {
            13 | 15 => dst.model.extend(src.model.drain(..n)),
            14 => drop(dst.model.splice(0..0, src.model.drain(..))),
            _ => dst.model.extend_from_slice(&src.model),
        }
        src.borrowed &= !src.model.is_empty();
    }
}

fn eol(model: &[u8], from: usize, style: Eol) -> Option<(usize, usize)> {
    let rest = &model[from..];
    let at = |c: u8| rest.iter().position(|&b| b == c);
    let (i, n) = match style {
        Eol::Lf => (at(b'\n')?, 1),
        Eol::Nul => (at(0)?, 1),
        Eol::CrlfStrict => (rest.windows(2).position(|w| w == b"\r\n")?, 2),
        Eol::Crlf => {
            let i = at(b'\n')?;
            if i > 0 && rest[i - 1] == b'\r' { (i - 1, 2) } else { (i, 1) }
        }
        Eol::Any => {
            let is_end = |b: &u8| *b == b'\r' || *b == b'\n';
            let i = rest.iter().position(is_end)?;
            (i, rest[i..].iter().take_while(|b| is_end(b)).count())
        }
    };
    Some((from + i, n))
}
