#![no_main]
#![allow(missing_docs, reason = "nobody calls it but libFuzzer")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lianlu_fuzz::headers(data));
