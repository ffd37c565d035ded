//! Types of parameters that say what C promises of a pointer, so that entries need not: see the crate's `# Safety`.
//!
//! All have the layout of the pointer that C passes. What is only named by C (a buffer, a base) is a plain reference to the
//! object behind it, in an `Option` where C may pass null.

use core::cell::Cell;
use core::mem::MaybeUninit;

/// A value that C passes by its address, or null. A cell, since the program may pass part of a struct that the entry changes.
pub type In<'a, T> = Option<&'a Cell<T>>;

/// A place that the entry fills in, or null. Nothing is known of what is there before.
#[repr(transparent)]
pub struct Out<'a, T>(Option<&'a Cell<MaybeUninit<T>>>);

impl<T> Out<'_, T> {
    /// No place.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether C passed null.
    pub const fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// Fills the place in, if there is one.
    #[inline]
    pub fn set(self, value: T) {
        if let Some(place) = self.0 {
            place.set(MaybeUninit::new(value));
        }
    }
}
