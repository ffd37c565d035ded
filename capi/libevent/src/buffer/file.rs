//! File segments: a range of a file that goes out by `sendfile`, from a mapping, or from memory.
//!
//! Which of them is decided late. A segment that may use `sendfile` stays a mere range in buffers that drain to a
//! descriptor; one that is put into another buffer, or whose bytes somebody wants to see, is mapped or read then.

use super::object::EvBuffer;
use super::owner::{Block, Handle};
use crate::abi::buffer::{SegmentCleanupFn, evbuffer_file_segment, fs};
use alloc::vec::Vec;
use core::cell::Cell;
use core::ffi::{c_int, c_uint, c_void};
use core::ptr::{self, NonNull};
use evoxide_core::buffer::{End, Part};
use evoxide_ffi::lock::plain::Mutex;
use evoxide_ffi::{errno, mm, warn};
use evoxide_sys::io;

/// Content of a file in memory.
enum Storage {
    Mapped(io::Mapping),
    Read(Vec<u8>),
}

/// What stands behind a `struct evbuffer_file_segment`.
#[repr(C)]
pub(super) struct FileSegment {
    block: Block,
    fd: c_int,
    flags: c_uint,
    offset: u64,
    cleanup: Cell<Option<SegmentCleanupFn>>,
    arg: Cell<*mut c_void>,
    storage: Mutex<Option<Storage>>,
}

/// The file segment behind a handle, if it is one.
pub(super) fn segment(handle: &Handle) -> Option<&FileSegment> {
    let block = handle.block();
    // SAFETY: a handle keeps its block alive, and blocks that end so are the head of a file segment.
    unsafe { if block.as_ref().ends_with(FileSegment::end) { Some(block.cast().as_ref()) } else { None } }
}

impl FileSegment {
    pub(super) fn len(&self) -> usize {
        self.block.len()
    }

    pub(super) fn fd(&self) -> c_int {
        self.fd
    }

    /// Where in the file a position of the segment lies.
    pub(super) fn offset_of(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    /// A segment of an open file; null where the range or the file will not do.
    pub(super) fn open(fd: c_int, offset: i64, length: i64, flags: c_uint) -> *mut evbuffer_file_segment {
        let (Ok(offset), false) = (u64::try_from(offset), length < -1) else { return ptr::null_mut() };
        let length = match u64::try_from(length) {
            Ok(length) => length,
            Err(_) => match io::file_info(fd) {
                Ok(info) => info.len.saturating_sub(offset),
                Err(error) => {
                    errno::set(error.raw_os_error().unwrap_or(libc::EINVAL));
                    warn!("evbuffer_file_segment_new: fstat failed");
                    return ptr::null_mut();
                }
            },
        };
        let (Some(end), Ok(len)) = (offset.checked_add(length), usize::try_from(length)) else {
            return ptr::null_mut();
        };
        if end > i64::MAX as u64 || length >= i64::MAX as u64 {
            return ptr::null_mut();
        }
        let segment = FileSegment {
            block: Block::new(ptr::null_mut(), len, Self::end),
            fd,
            flags,
            offset,
            cleanup: Cell::new(None),
            arg: Cell::new(ptr::null_mut()),
            storage: Mutex::new(None),
        };
        if flags & fs::DISABLE_SENDFILE != 0 && !segment.materialize() {
            return ptr::null_mut();
        }
        match mm::alloc(segment) {
            Some(segment) => segment.as_ptr().cast(),
            None => ptr::null_mut(),
        }
    }

    /// Brings the content into memory, unless it is there.
    pub(super) fn materialize(&self) -> bool {
        if self.block.is_addressable() {
            return true;
        }
        let Some(storage) = self.load() else { return false };
        let mut kept = self.storage.lock();
        let bytes = match &*kept.get_or_insert(storage) {
            Storage::Mapped(mapping) => mapping.as_ref(),
            Storage::Read(bytes) => bytes,
        };
        // SAFETY: the storage holds `len` bytes and lives as long as the segment; neither a mapping nor a vector's bytes
        // move with the struct.
        unsafe { self.block.publish(bytes.as_ptr()) };
        true
    }

    fn load(&self) -> Option<Storage> {
        let len = self.len();
        let page_end = io::file_info(self.fd)
            .map_or(u64::MAX, |i| if i.is_file { i.len.next_multiple_of(4096) } else { u64::MAX });
        if self.flags & fs::DISABLE_MMAP == 0 && self.offset + len as u64 <= page_end {
            // SAFETY: the range lies within the pages of the file. That the file is left alone while the segment lives is the
            // documented duty of the program.
            match unsafe { io::Mapping::new(self.fd, self.offset, len) } {
                Ok(mapping) => return Some(Storage::Mapped(mapping)),
                Err(error) => {
                    errno::set(error.raw_os_error().unwrap_or(libc::EINVAL));
                    warn!("evbuffer_file_segment_materialize: mmap({}, {}, {}) failed", self.fd, self.offset, len);
                    return None;
                }
            }
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).ok()?;
        bytes.resize(len, 0);
        let mut done = 0;
        while done < len {
            match io::read_at(self.fd, &mut bytes[done..], self.offset_of(done)) {
                Ok(0) => return None,
                Ok(n) => done += n,
                Err(e) if e.raw_os_error() == Some(libc::EINTR) => {}
                Err(_) => return None,
            }
        }
        Some(Storage::Read(bytes))
    }

    /// The last count is gone.
    ///
    /// # Safety
    /// Nobody has a count any more. Outside every section.
    unsafe fn end(block: NonNull<Block>) {
        let segment: NonNull<Self> = block.cast();
        // SAFETY: alone with the segment; its memory is freed last, since the callback is shown it. What needs dropping is
        // dropped before the callback runs.
        unsafe {
            ptr::drop_in_place(&raw mut (*segment.as_ptr()).storage);
            let this = segment.as_ref();
            let (flags, cleanup, arg) = (this.flags, this.cleanup.get(), this.arg.get());
            if flags & fs::CLOSE_ON_FREE != 0 && this.fd >= 0 {
                // A failure leaves nobody to tell.
                let _ = io::close(this.fd);
            }
            if let Some(cleanup) = cleanup {
                cleanup(segment.as_ptr().cast(), flags as c_int, arg);
            }
            mm::free(segment.as_ptr().cast());
        }
    }
}

impl EvBuffer {
    /// Appends a part of a segment: 0 or -1.
    ///
    /// # Safety
    /// Both are alive. Runs callbacks.
    pub(super) unsafe fn add_segment(&self, segment: NonNull<FileSegment>, offset: i64, length: i64) -> c_int {
        // SAFETY: alive, as promised.
        let file = unsafe { segment.as_ref() };
        let Some(start) = usize::try_from(offset).ok().filter(|&o| o <= file.len()) else { return -1 };
        let rest = file.len() - start;
        let Some(len) = usize::try_from(length).ok().or((length < 0).then_some(rest)).filter(|&l| l <= rest) else {
            return -1;
        };
        self.ext_lock().lock();
        let stays_file = file.flags & fs::DISABLE_SENDFILE == 0 && self.drains_to_fd();
        if !(stays_file || file.materialize()) || self.look(|m| m.is_frozen(End::Back)) {
            self.ext_lock().unlock();
            return -1;
        }
        if len == 0 {
            self.ext_lock().unlock();
            return 0;
        }
        // SAFETY: alive.
        let handle = unsafe { Handle::another(segment.cast()) };
        match self.section(|m| m.append_external(handle, start, start + len)) {
            Ok(delta) => {
                // SAFETY: locked above; not used again.
                unsafe { self.done(delta) };
                0
            }
            Err((_, handle)) => {
                // SAFETY: handed back by the machine.
                unsafe { handle.release() };
                self.ext_lock().unlock();
                -1
            }
        }
    }

    /// Brings files among the first `n` bytes from `from` on into memory; whether all of that can be addressed now. The
    /// caller holds the lock.
    pub(crate) fn make_readable(&self, from: usize, n: usize) -> bool {
        loop {
            let opaque = self.look(|m| {
                let mut left = n;
                m.parts(from).find_map(|part| {
                    let here = left > 0;
                    left = left.saturating_sub(part.len());
                    match part {
                        Part::Opaque { owner, .. } if here => Some(owner.clone()),
                        _ => None,
                    }
                })
            });
            // A failure is logged, and the program's log callback may look at the buffer: nothing of it is borrowed now.
            let Some(handle) = opaque else { return true };
            let loaded = segment(&handle).is_some_and(FileSegment::materialize);
            // SAFETY: a clone of our own, outside the section; the segment in the buffer has a count as well.
            unsafe { handle.release() };
            if !loaded {
                return false;
            }
        }
    }
}

/// Creates a new file segment; null on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_file_segment_new(
    fd: c_int,
    offset: i64,
    length: i64,
    flags: c_uint,
) -> *mut evbuffer_file_segment {
    FileSegment::open(fd, offset, length, flags)
}

/// Gives up the program's hold on a segment.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_file_segment_free(segment: *mut evbuffer_file_segment) {
    if let Some(segment) = NonNull::new(segment) {
        // SAFETY: the program gives up the count it got from `evbuffer_file_segment_new`.
        unsafe { Handle::from_count(segment.cast()).release() };
    }
}

/// Sets what runs when nothing uses the segment any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evbuffer_file_segment_add_cleanup_cb(
    segment: *mut evbuffer_file_segment,
    cleanup: Option<SegmentCleanupFn>,
    arg: *mut c_void,
) {
    // SAFETY: the program passes a live segment that it has a hold on.
    let segment = unsafe { &*segment.cast::<FileSegment>() };
    segment.cleanup.set(cleanup);
    segment.arg.set(arg);
}

/// Appends a part of a file segment.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add_file_segment(
    buffer: &EvBuffer,
    segment: *mut evbuffer_file_segment,
    offset: i64,
    length: i64,
) -> c_int {
    let Some(segment) = NonNull::new(segment) else { return -1 };
    // SAFETY: the program has a hold on the segment.
    unsafe { buffer.add_segment(segment.cast(), offset, length) }
}

/// Appends a part of a file, whose descriptor belongs to the buffer from then on. As in the original, the descriptor stays
/// the program's where the range or the file will not do, and is closed where the buffer is frozen.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add_file(buffer: &EvBuffer, fd: c_int, offset: i64, length: i64) -> c_int {
    let segment = FileSegment::open(fd, offset, length, fs::CLOSE_ON_FREE);
    let Some(segment) = NonNull::new(segment.cast::<FileSegment>()) else {
        return -1;
    };
    // SAFETY: the segment was made here, and its one hold is given up at the end.
    unsafe {
        let result = buffer.add_segment(segment, 0, -1);
        if result < 0 && !buffer.drains_to_fd() && !segment.as_ref().block.is_addressable() {
            disown(segment);
        }
        Handle::from_count(segment.cast()).release();
        result
    }
}

/// Leaves the descriptor open when the segment ends.
unsafe fn disown(segment: NonNull<FileSegment>) {
    // SAFETY: the caller has the only count of the segment.
    unsafe { (*segment.as_ptr()).flags &= !fs::CLOSE_ON_FREE };
}
