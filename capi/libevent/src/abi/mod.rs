//! The structs that C programs see, with their layouts asserted. One file per header.

pub mod buffer;
pub mod bufferevent;
pub mod dns;
pub mod entry;
pub mod event;
pub mod listener;
pub mod thread;
pub mod util;

/// Asserts the size, the alignment and field offsets of a struct at compile time.
macro_rules! layout {
    ($type:ty, size = $size:literal, align = $align:literal $(, $field:ident = $offset:literal)* $(,)?) => {
        const _: () = {
            assert!(core::mem::size_of::<$type>() == $size);
            assert!(core::mem::align_of::<$type>() == $align);
            $(assert!(core::mem::offset_of!($type, $field) == $offset);)*
        };
    };
}
pub(crate) use layout;
