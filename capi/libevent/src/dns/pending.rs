//! `evdns_request`: a look-up from its answer to its callback.
//!
//! A request lives until its callback has run, or until it is discarded with its resolver.

use crate::abi::dns::{AnswerFn, err, kind};
use crate::abi::event::event_callback;
use crate::base::{Base, event_base};
use alloc::string::ToString;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use evoxide_core::key::Key;
use evoxide_ffi::mm;
use evoxide_proto::dns::{Answer, Data, Failure};

/// Who hears of a look-up's end.
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// The program's callback with its argument.
    Program(Option<AnswerFn>, *mut c_void),
    /// The list of an `evdns_getaddrinfo`, of which the look-up is one half.
    Half(*mut c_void, &'static HalfOps),
}

/// What a list does.
pub(super) struct HalfOps {
    /// Takes over a half's result: its code, and `count` addresses.
    pub(super) done: unsafe fn(*mut c_void, &evdns_request, c_int, c_int, *const u8),
    /// A half went without a callback, with its resolver.
    pub(super) discarded: unsafe fn(*mut c_void),
}

/// Words for addresses in a request itself: four of IPv4, one of IPv6.
const ROOM: usize = 2;

/// `struct evdns_request`, opaque to C.
pub struct evdns_request {
    deferred: event_callback,
    told: Told,
    base: *mut event_base,
    /// The resolver that it is for.
    pub(super) owner: *const c_void,
    pub(super) key: Cell<Option<Key>>,
    kind: u8,
    result: Cell<c_int>,
    ttl: Cell<c_int>,
    count: Cell<c_int>,
    /// Addresses, or a pointer to a name with the name behind it.
    data: Cell<*mut c_void>,
    /// Room for the data of most answers.
    room: UnsafeCell<[u64; ROOM]>,
    /// The canonical name, for lists.
    pub(super) alias: Cell<*mut c_char>,
}

impl evdns_request {
    /// A request that is about to begin; null without memory.
    pub(super) fn new(base: *mut event_base, owner: *const c_void, priority: u8, kind: u8, told: Told) -> *mut Self {
        let made = mm::alloc(Self {
            deferred: event_callback::empty(crate::abi::event::closure::SELF),
            told,
            base,
            owner,
            key: Cell::new(None),
            kind,
            result: Cell::new(0),
            ttl: Cell::new(0),
            count: Cell::new(0),
            data: Cell::new(ptr::null_mut()),
            room: UnsafeCell::new([0; ROOM]),
            alias: Cell::new(ptr::null_mut()),
        });
        let Some(mut made) = made else { return ptr::null_mut() };
        // SAFETY: made just now.
        crate::event::deferred::init(unsafe { &mut made.as_mut().deferred }, priority, run, made.as_ptr().cast());
        made.as_ptr()
    }

    pub(super) const fn kind(&self) -> u8 {
        self.kind
    }

    /// Has the callback run soon.
    fn schedule(&self) {
        self.key.set(None);
        // SAFETY: the base lives while requests do, and the callback was prepared; it frees the request.
        unsafe { Base::live(self.base).schedule_deferred(&self.deferred) };
    }

    /// Takes over what an answer says.
    fn store(&self, answer: &Answer) -> c_int {
        let count = answer.most_records();
        let size = match self.kind {
            kind::A => 4,
            kind::AAAA => 16,
            _ => 0,
        };
        self.ttl.set(c_int::try_from(answer.ttl).unwrap_or(c_int::MAX));
        if size == 0 {
            return self.store_name(answer);
        }
        let needed = count.saturating_mul(size);
        let memory = if needed > ROOM * 8 { mm::malloc(needed) } else { self.room.get().cast() };
        if memory.is_null() {
            return err::UNKNOWN;
        }
        let mut at = 0;
        for record in answer.records().take(count) {
            let bytes = record.raw_data();
            if bytes.len() == size {
                // SAFETY: there is room for `count` addresses.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), memory.cast::<u8>().add(at), size) };
                at += size;
            }
        }
        self.data.set(memory);
        self.count.set((at / size) as c_int);
        if matches!(self.told, Told::Half(..))
            && let Some(name) = answer.canonical_name()
        {
            self.alias.set(mm::strdup_bytes(name.to_string().as_bytes()));
        }
        err::NONE
    }

    /// The program gets a pointer to a C string.
    fn store_name(&self, answer: &Answer) -> c_int {
        let name = answer.records().find_map(|record| match record.data() {
            Ok(Data::Ptr(name)) => Some(name.to_name()),
            _ => None,
        });
        let Some(name) = name else { return err::NODATA };
        let mut text = [0u8; 256];
        let mut at = 0;
        for label in name.labels() {
            // 2.1 gives bytes as they are; a zero would end the text early.
            if label.contains(&0) {
                return err::UNKNOWN;
            }
            text[at..at + label.len()].copy_from_slice(label);
            at += label.len() + 1;
            text[at - 1] = b'.';
        }
        let len = at.saturating_sub(1);
        let memory = mm::malloc(size_of::<*mut c_char>() + len + 1);
        if memory.is_null() {
            return err::UNKNOWN;
        }
        // SAFETY: room for a pointer, the text and its end.
        unsafe {
            let start = memory.cast::<u8>().add(size_of::<*mut c_char>());
            ptr::copy_nonoverlapping(text.as_ptr(), start, len);
            start.add(len).write(0);
            memory.cast::<*mut c_char>().write(start.cast());
        }
        self.data.set(memory);
        self.count.set(1);
        err::NONE
    }
}

const fn code_of(failure: Failure) -> (c_int, u32) {
    match failure {
        Failure::FormErr => (err::FORMAT, 0),
        Failure::ServFail => (err::SERVERFAILED, 0),
        Failure::NxDomain(ttl) => (err::NOTEXIST, ttl),
        Failure::NotImp => (err::NOTIMPL, 0),
        Failure::Refused => (err::REFUSED, 0),
        Failure::Truncated => (err::TRUNCATED, 0),
        Failure::Timeout => (err::TIMEOUT, 0),
        Failure::NoData(ttl) => (err::NODATA, ttl),
        _ => (err::UNKNOWN, 0),
    }
}

/// A request ended.
///
/// # Safety
/// `request` lives and has not ended yet.
pub(super) unsafe fn deliver(request: *mut evdns_request, result: Result<Answer, Failure>) {
    // SAFETY: `request` lives and has not ended yet, as promised.
    let this = unsafe { &*request };
    let code = match result {
        Ok(answer) => this.store(&answer),
        Err(failure) => {
            let (code, ttl) = code_of(failure);
            this.ttl.set(c_int::try_from(ttl).unwrap_or(0));
            code
        }
    };
    this.result.set(code);
    this.schedule();
}

/// A request ends with an error of ours.
///
/// # Safety
/// As for [`deliver`].
pub(super) unsafe fn fail(request: *mut evdns_request, code: c_int) {
    // SAFETY: what `deliver` asks for is promised here, too.
    let this = unsafe { &*request };
    this.result.set(code);
    this.schedule();
}

/// A request ends without a callback.
///
/// # Safety
/// As for [`deliver`]; nobody uses the request afterwards.
pub(super) unsafe fn discard(request: *mut evdns_request) {
    // SAFETY: what `deliver` asks for is promised here, too.
    unsafe {
        if let Told::Half(list, ops) = (*request).told {
            (ops.discarded)(list);
        }
        mm::free(request.cast());
    }
}

unsafe extern "C-unwind" fn run(_cb: *mut event_callback, arg: *mut c_void) {
    let request: *mut evdns_request = arg.cast();
    // SAFETY: the request's own callback runs once; then nobody uses it, and its memory goes after what it points to was shown.
    unsafe {
        let this = &*request;
        let data = this.data.get();
        let result = this.result.get();
        let shown = if result == err::NONE { this.kind } else { 0 };
        let (count, ttl) = (this.count.get(), this.ttl.get());
        match this.told {
            Told::Program(Some(callback), arg) => callback(result, shown as c_char, count, ttl, data, arg),
            Told::Program(None, _) => {}
            Told::Half(list, ops) => (ops.done)(list, this, result, count, data.cast()),
        }
        if data != this.room.get().cast() {
            mm::free(data);
        }
        mm::free(this.alias.get().cast());
        mm::free(request.cast());
    }
}
