//! Checks the bytes shown in the module's documentation.

use super::*;

fn batch() -> Batch<'static> {
    Batch {
        process: Process {
            service_name: "shop".into(),
            tags: vec![Tag::new("k", TagValue::String("v".into()))],
        },
        spans: vec![Span {
            trace_id: 1 << 64 | 2,
            span_id: 3,
            operation_name: "op".into(),
            flags: 1,
            start_time: 100,
            duration: 5,
            ..Span::default()
        }],
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

#[test]
fn compact() {
    let mut out = Vec::new();
    encode_emit_batch_compact(&batch(), 0, &mut out).unwrap();
    let documented = "82 81 00 09 65 6d 69 74 42 61 74 63 68 1c 1c 18 04 73 68 6f 70 19 1c 18 01 6b 15 00 18 01 76 00 00 \
                 19 1c 16 04 16 02 16 06 16 00 18 02 6f 70 25 02 16 c8 01 16 0a 00 00 00";
    assert_eq!(out, hex(documented));
    assert_eq!(decode_emit_batch_compact(&out).unwrap(), batch());
}

#[test]
fn binary() {
    let mut out = Vec::new();
    let mut plain = batch();
    plain.process.tags.clear();
    encode_batch_binary(&plain, &mut out).unwrap();
    let begin = "0c 00 01 0b 00 01 00 00 00 04 73 68 6f 70 00 0f 00 02 0c 00 00 00 01 0a 00 01 00 00 00 00 00 00 00 02";
    assert!(out.starts_with(&hex(begin)));
    assert!(out.ends_with(&[0, 0]));

    let mut datagram = Vec::new();
    encode_emit_batch_binary(&plain, 7, &mut datagram).unwrap();
    let head = [
        &hex("80 01 00 04 00 00 00 09")[..],
        b"emitBatch",
        &hex("00 00 00 07 0c 00 01"),
    ]
    .concat();
    assert_eq!(datagram, [&head[..], &out, &[0]].concat());
}
