//! The constants of `event2/listener.h`.

/// `LEV_OPT_*`.
pub mod opt {
    use core::ffi::c_uint;
    pub const LEAVE_SOCKETS_BLOCKING: c_uint = 1 << 0;
    pub const CLOSE_ON_FREE: c_uint = 1 << 1;
    pub const CLOSE_ON_EXEC: c_uint = 1 << 2;
    pub const REUSEABLE: c_uint = 1 << 3;
    pub const THREADSAFE: c_uint = 1 << 4;
    pub const DISABLED: c_uint = 1 << 5;
    pub const DEFERRED_ACCEPT: c_uint = 1 << 6;
    pub const REUSEABLE_PORT: c_uint = 1 << 7;
    pub const BIND_IPV6ONLY: c_uint = 1 << 8;
    pub const BIND_IPV4_AND_IPV6: c_uint = 1 << 9;
}
