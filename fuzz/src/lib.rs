//! Fuzz targets: untrusted bytes for every parser, and the properties that must hold.
//!
//! A target is a function that takes bytes, and panics if a property does not hold. `targets/`
//! passes these functions to libFuzzer, `tests/corpus.rs` runs them on the checked-in corpus. Each
//! function documents what it checks. All of them compare the memory that is allocated with the
//! documented limits.

mod headers;
mod memory;
mod oracle;
mod otlp;
mod propagation;
pub mod seeds;
mod segment;
mod thrift;
mod zipkin;

pub use headers::headers;
pub use otlp::{otlp_json, otlp_protobuf};
pub use propagation::propagation;
pub use segment::segment;
pub use thrift::{thrift_binary, thrift_compact};
pub use zipkin::zipkin;

/// A target's function.
pub type Body = fn(&[u8]);

/// All targets by name. Their files in `targets/` and folders in `corpus/` have the same names.
pub const TARGETS: &[(&str, Body)] = &[
    ("headers", headers),
    ("otlp_json", otlp_json),
    ("otlp_protobuf", otlp_protobuf),
    ("propagation", propagation),
    ("segment", segment),
    ("thrift_binary", thrift_binary),
    ("thrift_compact", thrift_compact),
    ("zipkin", zipkin),
];
