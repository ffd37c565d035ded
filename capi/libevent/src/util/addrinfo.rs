//! Names to addresses, blocking, through the C library's resolver.

use core::ffi::{c_char, c_int, c_void};
use core::{mem, ptr};

use evoxide_ffi::mm;

use crate::abi::util::{AI_LIBEVENT_ALLOCATED, EAI_CANCEL, evutil_addrinfo};

/// Looks up a host and a service. Without hints all families and types are asked for and no flag is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: Option<&evutil_addrinfo>,
    result: *mut *mut evutil_addrinfo,
) -> c_int {
    // SAFETY: all fields are numbers or nullable pointers.
    let mut asked: evutil_addrinfo = unsafe { mem::zeroed() };
    if let Some(hints) = hints {
        asked.ai_flags = hints.ai_flags & !AI_LIBEVENT_ALLOCATED;
        asked.ai_family = hints.ai_family;
        asked.ai_socktype = hints.ai_socktype;
        asked.ai_protocol = hints.ai_protocol;
    }
    // SAFETY: the texts and the result are the caller's, under the interface of the C library's function.
    unsafe { libc::getaddrinfo(host, service, &asked, result) }
}

/// Ends a list from `evutil_getaddrinfo` or from our own resolver.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evutil_freeaddrinfo(list: *mut evutil_addrinfo) {
    // SAFETY: null or a list of the caller's, whose first element tells who made it.
    unsafe {
        match list.as_ref() {
            None => {}
            Some(first) if first.ai_flags & AI_LIBEVENT_ALLOCATED == 0 => libc::freeaddrinfo(list),
            Some(_) => free_ours(list),
        }
    }
}

/// # Safety
/// The list was made of [`new_addrinfo`], and the caller owns it.
unsafe fn free_ours(mut list: *mut evutil_addrinfo) {
    while !list.is_null() {
        // SAFETY: an element of ours; its address lies in the same block of memory, its name is an allocation of its own.
        unsafe {
            let next = (*list).ai_next;
            mm::free((*list).ai_canonname.cast());
            mm::free(list.cast());
            list = next;
        }
    }
}

/// An element for a list of our own: `address` (the bytes of a socket address) with the type and protocol of the hints, in
/// one block of memory. Null if there is no memory.
pub(crate) fn new_addrinfo(address: &[u8], socktype: c_int, protocol: c_int) -> *mut evutil_addrinfo {
    let Some(size) = size_of::<evutil_addrinfo>().checked_add(address.len()) else {
        return ptr::null_mut();
    };
    let block = mm::calloc(1, size).cast::<evutil_addrinfo>();
    if block.is_null() || address.len() < size_of::<libc::sa_family_t>() {
        // SAFETY: null, or just allocated.
        unsafe { mm::free(block.cast::<c_void>()) };
        return ptr::null_mut();
    }
    // SAFETY: zeroed memory for the element and the address behind it; zeroes are a valid element.
    unsafe {
        let place = block.add(1).cast::<u8>();
        ptr::copy_nonoverlapping(address.as_ptr(), place, address.len());
        let element = &mut *block;
        element.ai_flags = AI_LIBEVENT_ALLOCATED;
        element.ai_family = c_int::from(place.cast::<libc::sa_family_t>().read_unaligned());
        element.ai_socktype = socktype;
        element.ai_protocol = protocol;
        element.ai_addrlen = libc::socklen_t::try_from(address.len()).unwrap_or(0);
        element.ai_addr = place.cast();
    }
    block
}

/// The text of an error of `evutil_getaddrinfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_gai_strerror(error: c_int) -> *const c_char {
    let text = match error {
        0 => c"No error",
        EAI_CANCEL => c"Request canceled",
        EAI_ADDRFAMILY => c"address family for nodename not supported",
        libc::EAI_AGAIN => c"temporary failure in name resolution",
        libc::EAI_BADFLAGS => c"invalid value for ai_flags",
        libc::EAI_FAIL => c"non-recoverable failure in name resolution",
        libc::EAI_FAMILY => c"ai_family not supported",
        libc::EAI_MEMORY => c"memory allocation failure",
        libc::EAI_NODATA => c"no address associated with nodename",
        libc::EAI_NONAME => c"nodename nor servname provided, or not known",
        libc::EAI_SERVICE => c"servname not supported for ai_socktype",
        libc::EAI_SOCKTYPE => c"ai_socktype not supported",
        libc::EAI_SYSTEM => c"system error",
        // SAFETY: returns a static text for any number.
        _ => return unsafe { libc::gai_strerror(error) },
    };
    text.as_ptr()
}

/// `EAI_ADDRFAMILY`, which the libc crate lacks.
const EAI_ADDRFAMILY: c_int = -9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ours_and_of_the_system_are_freed() {
        let mut address = [0u8; 16];
        address[..2].copy_from_slice(&(libc::AF_INET as libc::sa_family_t).to_ne_bytes());
        let first = new_addrinfo(&address, libc::SOCK_STREAM, libc::IPPROTO_TCP);
        let second = new_addrinfo(&address, libc::SOCK_DGRAM, libc::IPPROTO_UDP);
        // SAFETY: two elements just made, and a list of the system.
        unsafe {
            (*first).ai_next = second;
            (*first).ai_canonname = mm::strdup(c"name".as_ptr());
            assert_eq!((*first).ai_family, libc::AF_INET);
            assert_eq!((*second).ai_addrlen, 16);
            evutil_freeaddrinfo(first);
            evutil_freeaddrinfo(ptr::null_mut());
            let mut list = ptr::null_mut();
            assert_eq!(evutil_getaddrinfo(c"127.0.0.1".as_ptr(), c"80".as_ptr(), None, &mut list), 0);
            evutil_freeaddrinfo(list);
        }
        assert!(new_addrinfo(&[0], 0, 0).is_null());
    }
}
