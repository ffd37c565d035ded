//! The shared object: everything is in `evoxide-libevent-openssl`, this leaf only fixes the soname (see `build.rs`).
#![allow(unused_crate_dependencies)]
extern crate evoxide_libevent_openssl as _;

evoxide_ffi::runtime!();
