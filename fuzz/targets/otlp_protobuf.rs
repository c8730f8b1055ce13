#![no_main]
#![allow(missing_docs, reason = "only libFuzzer calls it")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lianlu_fuzz::otlp_protobuf(data));
