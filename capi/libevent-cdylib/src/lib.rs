//! The shared object: everything is in `evoxide-libevent`, this leaf only fixes the soname (see `build.rs`).
#![cfg_attr(panic = "abort", no_std)]
#![allow(unused_crate_dependencies)]
extern crate evoxide_libevent as _;

evoxide_ffi::runtime!();
