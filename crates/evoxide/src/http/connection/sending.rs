//! Answers that are files: the kernel sends them, as far as the socket takes them.
//!
//! What goes out by `sendfile` never waits in the stream's output, so the kernel is asked only while that is empty. A socket that is full
//! gets a small piece through the output, and the stream's word that it is out is the word to go on.

use super::{Connection, HIGH, Reply, SMALL};
use crate::buffer::Buffer;
use crate::http::body::PIECE;
use crate::http::scratch::Scratch;
use crate::stream::StreamCtx;
use evoxide_core::stream::Direction;
use evoxide_sys::io::sendfile;
use std::io::ErrorKind;

/// What one client gets before others have their turn.
const TURN: usize = 4 << 20;
/// What the kernel is asked to send at once.
const STRIDE: usize = 1 << 20;

impl<S: 'static> Connection<S> {
    /// Sends more of a file, as long as the client reads it.
    pub(super) fn send_file(&mut self, cx: &mut StreamCtx<'_, S>) {
        let mut direct = !cx.stream.has_layers() && cx.stream.limit().is_none();
        let (size, most) = if direct { (SMALL, SMALL) } else { (PIECE, HIGH) };
        let mut turn = TURN;
        while let Reply::File(part) = &mut self.reply {
            let unsent = cx.stream.unsent();
            if direct && unsent == 0 && part.left > SMALL as u64 {
                if turn == 0 {
                    return cx.stream.wake();
                }
                let asked = usize::try_from(part.left).map_or(STRIDE, |left| left.min(STRIDE)).min(turn);
                let mut offset = part.offset;
                match sendfile(&*cx.stream, &part.file, Some(&mut offset), asked) {
                    Ok(n) => {
                        turn -= n;
                        // The rest of a short count is asked for by a piece, which a socket that is full keeps.
                        direct = n == asked;
                        let made = part.moved(n);
                        self.count(n);
                        cx.cx.registry.spend(cx.stream.account(), Direction::WRITE, n);
                        if let Err(error) = made {
                            return self.cut_off(cx, &error);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // It is full, the kernel does not send this file there, or the peer is gone: the stream finds out.
                    Err(_) => direct = false,
                }
                continue;
            }
            if unsent >= most {
                return;
            }
            let mut piece = Buffer::new();
            let made = part.read(size, &mut piece);
            let ended = part.left == 0;
            let mut scratch = Scratch::lend(cx.cx.registry);
            self.write(cx.stream, &mut scratch, &mut piece);
            if ended {
                self.finish(cx.stream, &mut scratch);
            }
            scratch.give_back(cx.cx.registry);
            if let Err(error) = made {
                return self.cut_off(cx, &error);
            }
        }
    }

    /// So much of the body went out beside the output.
    fn count(&mut self, bytes: usize) {
        let _ = self.machine.piece(bytes as u64, &mut Vec::new());
        if let Some(access) = &mut self.access {
            access.bytes += bytes as u64;
        }
    }

    fn cut_off(&mut self, cx: &mut StreamCtx<'_, S>, error: &std::io::Error) {
        log::warn!("an answer is cut off: {error}");
        self.cut(cx.stream);
    }
}
