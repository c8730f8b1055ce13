//! The seeds: examples of the specifications, and known attacks.

mod headers;
mod otlp;
mod segment;
mod thrift;
mod zipkin;

/// The prefix of a seed's file in `corpus/`.
pub const PREFIX: &str = "seed-";

/// An input with a name.
#[derive(Clone, Debug)]
pub struct Seed {
    name: &'static str,
    /// The input.
    pub bytes: Vec<u8>,
}

impl Seed {
    fn new(name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            bytes: bytes.into(),
        }
    }

    /// The name of its file in the target's folder.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}

/// The seeds of a target; none for an unknown one.
#[must_use]
pub fn of(target: &str) -> Vec<Seed> {
    match target {
        "headers" => headers::values(),
        "propagation" => headers::maps(),
        "otlp_json" | "otlp_protobuf" => otlp::requests(),
        "segment" => segment::files(),
        "thrift_binary" => thrift::binary(),
        "thrift_compact" => thrift::compact(),
        "zipkin" => zipkin::bodies(),
        _ => Vec::new(),
    }
}
