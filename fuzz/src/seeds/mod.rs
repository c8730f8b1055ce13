//! What fuzzing begins with: the formats' own examples, and what strangers are known to try.

mod headers;
mod otlp;
mod segment;
mod thrift;
mod zipkin;

/// How the file of a seed begins in `corpus/`.
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

    /// Its file in the target's folder.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}

/// The seeds of a target; none for one that is not known.
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
