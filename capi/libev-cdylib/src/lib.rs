//! The shared object: everything is in `evoxide-libev`, this leaf only fixes the soname (see `build.rs`).
#![allow(unused_crate_dependencies)]
extern crate evoxide_libev as _;

evoxide_ffi::abort_on_panic!();
