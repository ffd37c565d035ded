//! UTF-8, checked as it arrives.

/// The check of one text: bytes may come in any pieces.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end has not come.
    begun: [u8; 4],
    len: u8,
}

impl Utf8 {
    /// Whether the text, with `bytes` behind what came before, can still become valid.
    pub fn push(&mut self, mut bytes: &[u8]) -> bool {
        while self.len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return true };
            bytes = rest;
            let Some(place) = self.begun.get_mut(usize::from(self.len)) else { return false };
            *place = byte;
            self.len += 1;
            match core::str::from_utf8(&self.begun[..usize::from(self.len)]) {
                Ok(_) => self.len = 0,
                Err(e) if e.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        match core::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(e) if e.error_len().is_some() => false,
            Err(e) => {
                // At most three bytes: the beginning of a character.
                for &byte in &bytes[e.valid_up_to()..] {
                    self.begun[usize::from(self.len)] = byte;
                    self.len += 1;
                }
                true
            }
        }
    }

    /// Whether the text may end here.
    pub const fn is_complete(&self) -> bool {
        self.len == 0
    }
}
