//! Keys: how layers name each other's objects without pointers.

use core::num::NonZeroU32;

/// Names a slot of a [`Slab`](crate::slab::Slab). A key that outlived its slot is answered with `None`, never with another
/// object: the generation tells the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The slot.
    pub index: u32,
    /// Which of the slot's occupants.
    pub generation: NonZeroU32,
}

impl Key {
    /// Packs the key into one word, never zero.
    pub const fn to_bits(self) -> u64 {
        (self.generation.get() as u64) << 32 | self.index as u64
    }

    /// The key that [`to_bits`](Self::to_bits) packed, or `None` for a word that no key packs to.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        match NonZeroU32::new((bits >> 32) as u32) {
            Some(generation) => Some(Self { index: bits as u32, generation }),
            None => None,
        }
    }
}
