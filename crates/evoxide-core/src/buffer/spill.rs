//! Memory that is made before bytes come: what was read from a descriptor cannot be put back.

use super::segment::{Owned, Segment, storage};
use super::{Buffer, Delta, Error, FIRST};

/// Storage for bytes to come: see [`Buffer::prepare`].
#[derive(Debug)]
pub struct Spill(Owned);

impl<F> Buffer<F> {
    /// Makes sure that [`append_prepared`](Self::append_prepared) of up to `n` bytes will succeed, if it comes next; the
    /// content may fill the spare room before. Works on frozen ends too.
    ///
    /// # Errors
    /// `TooLong`, `NoMemory`.
    pub fn prepare(&mut self, n: usize) -> Result<Spill, Error> {
        self.grown(n.saturating_add(self.spare()))?;
        if self.tail.len() > 0 || self.spare() > 0 {
            self.reserve_segments(1)?;
        }
        let room = n.max(FIRST).checked_next_power_of_two().unwrap_or(n);
        Ok(Spill(Owned { bytes: storage(room)?, start: 0 }))
    }

    /// Appends no more bytes than were prepared for: to where [`append`](Self::append) puts them, or to the storage made before
    /// where there is no other.
    pub fn append_prepared(&mut self, spill: Spill, data: &[u8]) -> Delta {
        if let Ok(delta) = self.append(data) {
            return delta;
        }
        let Spill(mut owned) = spill;
        owned.bytes.extend_from_slice(data);
        // There is a place for it in the chain, and the sum was checked.
        match self.push(Segment::Owned(owned)) {
            Ok(()) => {
                self.len += data.len();
                Delta::added(data.len())
            }
            Err(_) => Delta::default(),
        }
    }
}
