//! Reading from and writing to descriptors: one system call each.
//!
//! Reads go to the room behind the content and, beyond that, through scratch memory, so that neither the number of bytes has
//! to be asked for first nor room be kept for what may never come.

use super::file;
use super::object::{EvBuffer, Machine};
use core::{ffi::c_int, mem::MaybeUninit, slice};
use evoxide_core::buffer::{Delta, End, Error, Part, Reservation};
use evoxide_ffi::errno;
use evoxide_sys::io as sys;
use evoxide_sys::os::io::{self, IoSlice};

/// The most that `evbuffer_read` takes by default.
const MAX_READ: usize = 4096;
/// The most pieces of one write.
const PIECES: usize = 128;

fn failed(error: &io::Error) -> c_int {
    errno::set(error.raw_os_error().unwrap_or(libc::EINVAL));
    -1
}

/// Reads up to `max` bytes, with one system call, into the room behind the content and then `scratch`, for which there is a
/// reservation: what was read cannot be put back.
#[inline]
fn read_into(
    m: &mut Machine,
    fd: c_int,
    max: usize,
    scratch: &mut [MaybeUninit<u8>],
    reservation: Option<Reservation>,
) -> io::Result<Delta> {
    let spare = m.spare().min(max);
    let rest = (max - spare).min(scratch.len());
    let scratch = &mut scratch[..rest];
    let filled = m.fill(|v| {
        let n = sys::read_spare(fd, &mut v.spare_capacity_mut()[..spare], scratch)?;
        // SAFETY: the kernel has written the first `min(n, spare)` of these bytes.
        unsafe { v.set_len(v.len() + n.min(spare)) };
        Ok(n.saturating_sub(spare))
    });
    match filled {
        Ok((_, Err(e))) => Err(e),
        Ok((delta, Ok(0))) => Ok(delta),
        Ok((delta, Ok(more))) => {
            // SAFETY: the kernel has written the first `more` bytes of the scratch memory.
            let more = unsafe { slice::from_raw_parts(scratch.as_ptr().cast::<u8>(), more) };
            let appended = match reservation {
                Some(reservation) => Ok(m.commit(reservation, more)),
                None => m.append(more),
            };
            appended.map(|a| Delta::added(delta.added + a.added)).map_err(|_| no_memory())
        }
        Err(_) => Err(no_memory()),
    }
}

fn no_memory() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOMEM)
}

impl EvBuffer {
    /// Writes up to `max` bytes from the front, with one system call, and leaves them there: drain what the result says.
    /// The caller holds the lock.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn write_fd(&self, fd: c_int, max: usize) -> io::Result<usize> {
        let result = self.look(|m| {
            let mut parts = m.parts(0);
            let first = match parts.next() {
                None => return Ok(Some(0)),
                Some(Part::Opaque { owner, start, end }) => {
                    let Some(file) = file::segment(owner) else { return Ok(None) };
                    let mut offset = file.offset_of(start);
                    return match sys::sendfile(fd, file.fd(), Some(&mut offset), max.min(end - start)) {
                        Ok(n) => Ok(Some(n)),
                        Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => Ok(None),
                        Err(e) => Err(e),
                    };
                }
                Some(Part::Bytes(bytes)) => &bytes[..bytes.len().min(max)],
            };
            let (mut count, mut left) = (1, max - first.len());
            let Some(Part::Bytes(second)) = parts.next().filter(|_| left > 0) else {
                return sys::writev(fd, &[IoSlice::new(first)]).map(Some);
            };
            let mut pieces = [IoSlice::new(&[]); PIECES];
            pieces[0] = IoSlice::new(first);
            let mut next = Some(second);
            while left > 0
                && count < PIECES
                && let Some(bytes) = next
            {
                let bytes = &bytes[..bytes.len().min(left)];
                left -= bytes.len();
                pieces[count] = IoSlice::new(bytes);
                count += 1;
                next = match parts.next() {
                    Some(Part::Bytes(bytes)) => Some(bytes),
                    _ => None,
                };
            }
            sys::writev(fd, &pieces[..count]).map(Some)
        })?;
        match result {
            Some(n) => Ok(n),
            // The kernel does not send this file there: take its bytes.
            None if self.make_readable(0, self.look(|m| m.first_len())) => self.write_fd(fd, max),
            None => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
    }

    fn max_read(&self) -> usize {
        match self.observers().map_or(0, |observers| observers.max_read.get()) {
            0 => MAX_READ,
            most => most,
        }
    }
}

/// Reads from a descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_read(buffer: &EvBuffer, fd: c_int, howmuch: c_int) -> c_int {
    buffer.ext_lock().lock();
    match buffer.read_some(fd, howmuch) {
        Ok(delta) => {
            // SAFETY: locked above; not used after its callbacks.
            unsafe { buffer.done(delta) };
            delta.added as c_int
        }
        Err(error) => {
            buffer.ext_lock().unlock();
            failed(&error)
        }
    }
}

impl EvBuffer {
    fn read_some(&self, fd: c_int, howmuch: c_int) -> io::Result<Delta> {
        if self.look(|m| m.is_frozen(End::Back)) {
            return Err(io::Error::from_raw_os_error(errno::get()));
        }
        let most = self.max_read();
        let max = usize::try_from(howmuch).map_or(most, |n| n.min(most));
        if max > MAX_READ {
            // More than fits on the stack: make room first, unless nothing is there to read.
            let n = sys::available(fd).map_or(max, |n| n.clamp(1, max));
            self.section(|m| m.expand(n)).map_err(|_| no_memory())?;
            return self.section(|m| read_into(m, fd, n, &mut [], None));
        }
        self.section(|m| {
            // What was read cannot be put back, so that memory is there first.
            let beyond = max - m.spare().min(max);
            let reservation = if beyond > 0 { Some(m.reserve(beyond).map_err(|_| no_memory())?) } else { None };
            read_into(m, fd, max, &mut [MaybeUninit::uninit(); MAX_READ], reservation)
        })
    }
}

/// Writes everything to a descriptor, as far as it takes it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_write(buffer: &EvBuffer, fd: c_int) -> c_int {
    buffer.write_some(fd, -1)
}

/// Writes bytes to a descriptor, as far as it takes them.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_write_atmost(buffer: &EvBuffer, fd: c_int, howmuch: isize) -> c_int {
    buffer.write_some(fd, howmuch)
}

impl EvBuffer {
    fn write_some(&self, fd: c_int, howmuch: isize) -> c_int {
        self.ext_lock().lock();
        self.hold();
        let all = self.len();
        let max = usize::try_from(howmuch).map_or(all, |n| n.min(all));
        let frozen = self.look(|m| m.is_frozen(End::Front));
        let written = if frozen || max == 0 { None } else { Some(self.write_fd(fd, max)) };
        // SAFETY: held, with the lock, across the callbacks; the count is given up with the lock.
        unsafe {
            let result = match written {
                None => -1,
                Some(Err(error)) => failed(&error),
                Some(Ok(n)) => match if n > 0 { self.drain(n) } else { Ok(Delta::default()) } {
                    Ok(_) | Err(Error::Frozen) => n as c_int,
                    Err(_) => -1,
                },
            };
            self.release();
            result
        }
    }
}

/// Sets the most that one read takes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_set_max_read(buffer: &EvBuffer, max: usize) -> c_int {
    if max > c_int::MAX as usize {
        return -1;
    }
    let done = buffer.locked(|b| b.observers_or_new().map(|o| o.max_read.set(max)));
    if done.is_some() { 0 } else { -1 }
}

/// The most that one read takes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_get_max_read(buffer: &EvBuffer) -> usize {
    buffer.locked(EvBuffer::max_read)
}
