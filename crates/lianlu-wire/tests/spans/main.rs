//! Tests of span formats: OTLP, Jaeger's thrift, Zipkin's JSON.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test helpers fail by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod jaeger_split;
mod otlp_hostile;
mod otlp_json;
mod otlp_read_by_prost;
mod otlp_reads_prost;
mod otlp_runs;
mod thrift_apache_oracle;
mod thrift_declared_lengths;
mod thrift_hostile_bytes;
mod thrift_malformed_batches;
mod thrift_round_trip;
mod zipkin_json;
