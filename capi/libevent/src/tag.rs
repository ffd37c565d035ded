//! `event2/tag.h`: tagged data in buffers. The codec is `evoxide_proto::tag`.
//!
//! # Safety
//! Every entry takes live buffers, and places of the types that its declaration names; a place may be null where the original
//! allows it. Nothing that stands in a buffer is trusted: a length counts once as many bytes are there.

use crate::abi::entry::Out;
use crate::buffer::EvBuffer;
use crate::buffer::entries::{evbuffer_add, evbuffer_copyout, evbuffer_drain, evbuffer_expand, evbuffer_remove};
use crate::buffer::moves::{evbuffer_add_buffer, evbuffer_remove_buffer};
use core::cell::Cell;
use core::ffi::{c_char, c_int, c_void};
use evoxide_ffi::{cstr, mm};
use evoxide_proto::tag::{self, Encoded, MAX_HEADER};
use libc::timeval;

/// A buffer whose front is read and whose end is written.
#[derive(Clone, Copy)]
struct Tagged<'a>(&'a EvBuffer);

/// The bytes at the front that a tag, a number or a header needs.
struct Front([u8; MAX_HEADER], usize);

impl Front {
    /// At most `limit` of them.
    fn upto(&self, limit: usize) -> &[u8] {
        &self.0[..self.1.min(limit)]
    }
}

impl Tagged<'_> {
    fn len(self) -> usize {
        self.0.locked(EvBuffer::len)
    }

    fn front(self) -> Front {
        let mut front = [0; MAX_HEADER];
        // SAFETY: the array has room for what is asked for.
        let n = unsafe { evbuffer_copyout(self.0, front.as_mut_ptr().cast(), MAX_HEADER) };
        Front(front, usize::try_from(n).unwrap_or(0))
    }

    fn drain(self, n: usize) {
        // SAFETY: the program keeps the buffer for the whole call.
        unsafe { evbuffer_drain(self.0, n) };
    }

    fn put(self, encoded: &Encoded) -> bool {
        let bytes = encoded.as_slice();
        // SAFETY: the bytes are on this function's stack.
        unsafe { evbuffer_add(self.0, bytes.as_ptr().cast(), bytes.len()) == 0 }
    }

    /// Appends an item; nothing where there is no memory for all of it.
    ///
    /// # Safety
    /// `data` has `len` bytes.
    unsafe fn put_item(self, tag: u32, data: *const c_void, len: u32) {
        let header = tag::encode_header(tag, len);
        // SAFETY: the caller's data; expanding only makes room.
        unsafe {
            if evbuffer_expand(self.0, header.as_slice().len() + len as usize) == 0 && self.put(&header) {
                evbuffer_add(self.0, data, len as usize);
            }
        }
    }

    fn put_number(self, tag: u32, number: u64) {
        let payload = tag::encode_int(number);
        let bytes = payload.as_slice();
        // SAFETY: the bytes are on this function's stack.
        unsafe { self.put_item(tag, bytes.as_ptr().cast(), bytes.len() as u32) };
    }

    /// Takes the tag off the front.
    fn take_tag(self) -> Option<u32> {
        let (tag, used) = tag::decode_tag(self.front().upto(MAX_HEADER)).ok()?;
        self.drain(used);
        Some(tag)
    }

    /// Looks at the tag at the front; the bytes it takes, or -1.
    fn peek(self, place: Out<'_, u32>) -> c_int {
        let Ok((tag, used)) = tag::decode_tag(self.front().upto(MAX_HEADER)) else { return -1 };
        place.set(tag);
        used as c_int
    }

    /// Takes the length off the front, and says it if as many bytes follow.
    fn take_len(self) -> Option<usize> {
        let (len, used) = tag::decode_int(self.front().upto(MAX_HEADER)).ok()?;
        self.drain(used);
        let len = usize::try_from(len).ok()?;
        (self.len() >= len && c_int::try_from(len).is_ok()).then_some(len)
    }

    /// Takes tag and length off the front; the length, or -1.
    fn take_header(self, place: Out<'_, u32>) -> c_int {
        let Some(tag) = self.take_tag() else { return -1 };
        place.set(tag);
        self.take_len().map_or(-1, |len| len as c_int)
    }

    /// Takes an item that is one number; what it returns is how many bytes that number took.
    fn take_number(self, need: u32, decode: impl FnOnce(&[u8]) -> Result<usize, tag::Error>) -> c_int {
        if self.take_tag() != Some(need) {
            return -1;
        }
        let Some(len) = self.take_len() else { return -1 };
        let used = decode(self.front().upto(len));
        self.drain(len);
        used.map_or(-1, |used| used as c_int)
    }
}

/// Does nothing; there is nothing to prepare.
#[unsafe(no_mangle)]
pub extern "C" fn evtag_init() {}

/// Takes tag and length off the front; the length, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_unmarshal_header(evbuf: &EvBuffer, ptag: Out<'_, u32>) -> c_int {
    Tagged(evbuf).take_header(ptag)
}

/// Appends an item.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_marshal(evbuf: &EvBuffer, tag: u32, data: *const c_void, len: u32) {
    // SAFETY: the program's data has `len` bytes.
    unsafe { Tagged(evbuf).put_item(tag, data, len) };
}

/// Appends an item whose payload moves over from another buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_marshal_buffer(evbuf: &EvBuffer, tag: u32, data: &EvBuffer) {
    let Ok(len) = u32::try_from(Tagged(data).len()) else { return };
    if Tagged(evbuf).put(&tag::encode_header(tag, len)) {
        // SAFETY: two live buffers; one and the same is refused there.
        unsafe { evbuffer_add_buffer(evbuf, data) };
    }
}

/// Appends a number.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_encode_int(evbuf: &EvBuffer, number: u32) {
    Tagged(evbuf).put(&tag::encode_int(u64::from(number)));
}

/// Appends a number.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_encode_int64(evbuf: &EvBuffer, number: u64) {
    Tagged(evbuf).put(&tag::encode_int(number));
}

/// Appends a tag; the bytes it took, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_encode_tag(evbuf: &EvBuffer, tag: u32) -> c_int {
    let encoded = tag::encode_tag(tag);
    if Tagged(evbuf).put(&encoded) { encoded.as_slice().len() as c_int } else { -1 }
}

/// Appends an item that is a number.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_marshal_int(evbuf: &EvBuffer, tag: u32, integer: u32) {
    Tagged(evbuf).put_number(tag, u64::from(integer));
}

/// Appends an item that is a number.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_marshal_int64(evbuf: &EvBuffer, tag: u32, integer: u64) {
    Tagged(evbuf).put_number(tag, integer);
}

/// Appends an item that is text, without its zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_marshal_string(evbuf: &EvBuffer, tag: u32, string: *const c_char) {
    // SAFETY: text that ends in a zero byte, which stays for this call.
    unsafe {
        let Some(text) = cstr::bytes(string) else { return };
        if let Ok(len) = u32::try_from(text.len()) {
            Tagged(evbuf).put_item(tag, text.as_ptr().cast(), len);
        }
    }
}

/// Appends an item of two numbers, seconds and microseconds, 32 bits of each.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_marshal_timeval(evbuf: &EvBuffer, tag: u32, tv: &Cell<timeval>) {
    let tv = tv.get();
    let (seconds, micros) =
        (tag::encode_int(u64::from(tv.tv_sec as u32)), tag::encode_int(u64::from(tv.tv_usec as u32)));
    let len = seconds.as_slice().len() + micros.as_slice().len();
    let buffer = Tagged(evbuf);
    if buffer.put(&tag::encode_header(tag, len as u32)) && buffer.put(&seconds) {
        buffer.put(&micros);
    }
}

/// Takes an item and moves its payload to another buffer; its length, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_unmarshal(src: &EvBuffer, ptag: Out<'_, u32>, dst: &EvBuffer) -> c_int {
    match usize::try_from(Tagged(src).take_header(ptag)) {
        Ok(0) => 0,
        // SAFETY: the program keeps both buffers for the whole call.
        Ok(n) => unsafe { evbuffer_remove_buffer(src, dst, n) },
        Err(_) => -1,
    }
}

/// Looks at the tag at the front; the bytes it takes, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_peek(evbuf: &EvBuffer, ptag: Out<'_, u32>) -> c_int {
    Tagged(evbuf).peek(ptag)
}

/// Looks at the length of the item at the front, header and payload; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_peek_length(evbuf: &EvBuffer, plength: Out<'_, u32>) -> c_int {
    let header = tag::Header::read(Tagged(evbuf).front().upto(MAX_HEADER));
    let Some(total) = header.ok().and_then(|h| h.total()) else { return -1 };
    plength.set(total);
    0
}

/// Looks at the length of the payload at the front; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_payload_length(evbuf: &EvBuffer, plength: Out<'_, u32>) -> c_int {
    let Ok(header) = tag::Header::read(Tagged(evbuf).front().upto(MAX_HEADER)) else { return -1 };
    plength.set(header.len);
    0
}

/// Takes an item and drops it; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_consume(evbuf: &EvBuffer) -> c_int {
    let buffer = Tagged(evbuf);
    let Some(len) = buffer.take_tag().and_then(|_| buffer.take_len()) else { return -1 };
    buffer.drain(len);
    0
}

/// Takes a number; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_decode_int(pnumber: Out<'_, u32>, evbuf: &EvBuffer) -> c_int {
    let Ok((number, used)) = tag::decode_int(Tagged(evbuf).front().upto(MAX_HEADER)) else { return -1 };
    pnumber.set(number);
    Tagged(evbuf).drain(used);
    0
}

/// Takes a number; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_decode_int64(pnumber: Out<'_, u64>, evbuf: &EvBuffer) -> c_int {
    let Ok((number, used)) = tag::decode_int64(Tagged(evbuf).front().upto(MAX_HEADER)) else { return -1 };
    pnumber.set(number);
    Tagged(evbuf).drain(used);
    0
}

/// Takes a tag; the bytes it took, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_decode_tag(ptag: Out<'_, u32>, evbuf: &EvBuffer) -> c_int {
    let used = Tagged(evbuf).peek(ptag);
    Tagged(evbuf).drain(usize::try_from(used).unwrap_or(0));
    used
}

/// Takes an item that is a number; the bytes of that number, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_unmarshal_int(evbuf: &EvBuffer, need_tag: u32, pinteger: Out<'_, u32>) -> c_int {
    Tagged(evbuf).take_number(need_tag, |payload| {
        let (number, used) = tag::decode_int(payload)?;
        pinteger.set(number);
        Ok(used)
    })
}

/// Takes an item that is a number; the bytes of that number, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_unmarshal_int64(
    evbuf: &EvBuffer,
    need_tag: u32,
    pinteger: Out<'_, u64>,
) -> c_int {
    Tagged(evbuf).take_number(need_tag, |payload| {
        let (number, used) = tag::decode_int64(payload)?;
        pinteger.set(number);
        Ok(used)
    })
}

/// Takes an item of exactly `len` bytes; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_unmarshal_fixed(
    src: &EvBuffer,
    need_tag: u32,
    data: *mut c_void,
    len: usize,
) -> c_int {
    let found = Tagged(src).take_tag();
    match Tagged(src).take_len() {
        Some(n) if found == Some(need_tag) && n == len => {
            // SAFETY: the program's place has `len` bytes, and as many are there.
            unsafe { evbuffer_remove(src, data, len) };
            0
        }
        _ => -1,
    }
}

/// Takes an item that is text, and gives a copy that ends in a zero byte; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_unmarshal_string(
    evbuf: &EvBuffer,
    need_tag: u32,
    pstring: Out<'_, *mut c_char>,
) -> c_int {
    let found = Tagged(evbuf).take_tag();
    let Some(len) = Tagged(evbuf).take_len().filter(|_| found == Some(need_tag)) else { return -1 };
    let text = mm::malloc(len + 1).cast::<c_char>();
    if text.is_null() {
        return -1;
    }
    // SAFETY: the copy has `len` bytes and one for its end.
    unsafe {
        evbuffer_remove(evbuf, text.cast(), len);
        text.add(len).write(0);
    }
    pstring.set(text);
    0
}

/// Takes an item of two numbers as a time; 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evtag_unmarshal_timeval(
    evbuf: &EvBuffer,
    need_tag: u32,
    ptv: Out<'_, timeval>,
) -> c_int {
    let buffer = Tagged(evbuf);
    let Some(found) = buffer.take_tag() else { return -1 };
    let Some(len) = buffer.take_len() else { return -1 };
    let front = buffer.front();
    let payload = front.upto(len);
    let time = tag::decode_int(payload).and_then(|(seconds, used)| {
        let (micros, _) = tag::decode_int(&payload[used..])?;
        Ok(timeval { tv_sec: seconds.into(), tv_usec: micros.into() })
    });
    buffer.drain(len);
    match time {
        Ok(time) if found == need_tag => {
            ptv.set(time);
            0
        }
        _ => -1,
    }
}
