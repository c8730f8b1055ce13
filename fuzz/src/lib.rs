//! Bytes of a stranger for every parser, and what must hold whatever they are.
//!
//! A target is a function here: it takes bytes and panics where a property does not hold. `targets/` hands these
//! functions to libFuzzer, `tests/corpus.rs` gives them the checked-in corpus. What each of them checks is said at the
//! function; all of them hold memory against what is documented, by counting it.

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

/// All targets by their names, which their files in `targets/` and their folders in `corpus/` have too.
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
