//! Integers in either byte order.

use super::Buffer;

macro_rules! integers {
    ($($type:ident $take_be:ident $take_le:ident $append_be:ident $append_le:ident;)*) => {
        /// Integers: taken only where all their bytes are here.
        ///
        /// # Examples
        /// ```
        /// use evoxide::buffer::Buffer;
        ///
        /// let mut frame = Buffer::new();
        /// frame.append_u16_be(2);
        /// frame.append_u32_le(7);
        /// assert_eq!(frame, [0, 2, 7, 0, 0, 0]);
        /// assert_eq!(frame.take_u16_be(), Some(2));
        /// assert_eq!(frame.take_u64_le(), None);
        /// assert_eq!(frame.take_u32_le(), Some(7));
        /// ```
        impl Buffer {
            $(
                #[doc = concat!("Takes a `", stringify!($type), "` out, most significant byte first; `None` until it is here.")]
                pub fn $take_be(&mut self) -> Option<$type> {
                    self.take_array().map($type::from_be_bytes)
                }

                #[doc = concat!("Takes a `", stringify!($type), "` out, least significant byte first; `None` until it is here.")]
                pub fn $take_le(&mut self) -> Option<$type> {
                    self.take_array().map($type::from_le_bytes)
                }

                #[doc = concat!("Appends a `", stringify!($type), "`, most significant byte first.")]
                pub fn $append_be(&mut self, value: $type) {
                    self.append(value.to_be_bytes());
                }

                #[doc = concat!("Appends a `", stringify!($type), "`, least significant byte first.")]
                pub fn $append_le(&mut self, value: $type) {
                    self.append(value.to_le_bytes());
                }
            )*

            /// Takes one byte out.
            pub fn take_u8(&mut self) -> Option<u8> {
                self.take_array().map(u8::from_be_bytes)
            }

            /// Appends one byte.
            pub fn append_u8(&mut self, value: u8) {
                self.append([value]);
            }
        }
    };
}

integers! {
    u16 take_u16_be take_u16_le append_u16_be append_u16_le;
    u32 take_u32_be take_u32_le append_u32_be append_u32_le;
    u64 take_u64_be take_u64_le append_u64_be append_u64_le;
    i16 take_i16_be take_i16_le append_i16_be append_i16_le;
    i32 take_i32_be take_i32_le append_i32_be append_i32_le;
    i64 take_i64_be take_i64_le append_i64_be append_i64_le;
}
