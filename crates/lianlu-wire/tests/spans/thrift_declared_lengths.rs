//! False length declarations are rejected before anything is allocated. A list of 2³¹-1 spans would
//! take over 300 GB and a string 2 GB, so an allocation would be noticed here.

use lianlu_wire::jaeger::*;

const HUGE: [u8; 4] = [0x7f, 0xff, 0xff, 0xff];
const HUGE_VARINT: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x07];
/// Field 1, an empty process.
const PROCESS: [u8; 11] = [0x0c, 0, 1, 0x0b, 0, 1, 0, 0, 0, 0, 0];
/// Message header, args, field 1.
const COMPACT: &[u8] = b"\x82\x81\x00\x09emitBatch\x1c";

fn binary(parts: &[&[u8]]) -> DecodeError {
    decode_batch_binary(&parts.concat()).unwrap_err()
}

fn compact(parts: &[&[u8]]) -> DecodeError {
    decode_emit_batch_compact(&[&[COMPACT], parts].concat().concat()).unwrap_err()
}

#[test]
fn strings() {
    let declared = 0x7fff_ffff;
    assert_eq!(
        binary(&[&[0x0c, 0, 1, 0x0b, 0, 1], &HUGE, b"shop"]),
        DecodeError::StringTooLong {
            at: 6,
            declared,
            left: 4
        }
    );
    assert_eq!(
        compact(&[&[0x1c, 0x18], &HUGE_VARINT, b"shop"]),
        DecodeError::StringTooLong {
            at: 16,
            declared,
            left: 4
        }
    );
    // In the name of a message, and in an unknown field.
    assert!(matches!(
        decode_emit_batch_compact(&[&b"\x82\x81\x00"[..], &HUGE_VARINT].concat()),
        Err(DecodeError::StringTooLong { at: 3, .. })
    ));
    assert!(matches!(
        decode_emit_batch_binary(&[HUGE, HUGE].concat()),
        Err(DecodeError::StringTooLong { at: 0, .. })
    ));
    assert!(matches!(
        binary(&[&[0x0b, 0, 99], &HUGE]),
        DecodeError::StringTooLong { at: 3, left: 0, .. }
    ));
}

#[test]
fn lists() {
    let rest = [0; 40];
    assert_eq!(
        binary(&[&PROCESS, &[0x0f, 0, 2, 0x0c], &HUGE, &rest]),
        DecodeError::ContainerTooLong {
            at: 14,
            container: "list",
            declared: 0x7fff_ffff,
            element_bytes: 17,
            left: 40
        }
    );
    assert_eq!(
        compact(&[&[0x1c, 0x18, 0, 0, 0x19, 0xfc], &HUGE_VARINT, &rest]),
        DecodeError::ContainerTooLong {
            at: 19,
            container: "list",
            declared: 0x7fff_ffff,
            element_bytes: 17,
            left: 40
        }
    );
    // Small numbers too: 40 bytes cannot hold three spans.
    assert!(matches!(
        compact(&[&[0x1c, 0x18, 0, 0, 0x19, 0x3c], &rest]),
        DecodeError::ContainerTooLong { declared: 3, .. }
    ));
    assert!(matches!(
        compact(&[&[0x1c, 0x18, 0, 0, 0x19, 0x2c], &rest]),
        DecodeError::MissingField {
            field: "Span.traceIdLow",
            ..
        }
    ));
}

#[test]
fn containers_in_unknown_fields() {
    for (kind, name) in [(0x0f, "list"), (0x0e, "set")] {
        let error = binary(&[&[kind, 0, 99, 0x0a], &HUGE, &[0; 9]]);
        assert_eq!(
            error,
            DecodeError::ContainerTooLong {
                at: 3,
                container: name,
                declared: 0x7fff_ffff,
                element_bytes: 8,
                left: 9
            }
        );
    }
    let error = binary(&[&[0x0d, 0, 99, 0x0b, 0x0a], &HUGE, &[0; 9]]);
    assert_eq!(
        error,
        DecodeError::ContainerTooLong {
            at: 3,
            container: "map",
            declared: 0x7fff_ffff,
            element_bytes: 12,
            left: 9
        }
    );
    let error = compact(&[&[0xfb], &HUGE_VARINT, &[0x67]]);
    assert!(matches!(
        error,
        DecodeError::ContainerTooLong {
            container: "map",
            element_bytes: 9,
            left: 0,
            ..
        }
    ));
}

#[test]
fn negative() {
    let negative = |at, what| DecodeError::NegativeLength {
        at,
        what,
        declared: -1,
    };
    assert_eq!(
        binary(&[&[0x0c, 0, 1, 0x0b, 0, 1], &[0xff; 4]]),
        negative(6, "string")
    );
    assert_eq!(
        binary(&[&PROCESS, &[0x0f, 0, 2, 0x0c], &[0xff; 4]]),
        negative(14, "list")
    );
    assert_eq!(
        compact(&[&[0x1c, 0x18], &[0xff, 0xff, 0xff, 0xff, 0x0f]]),
        negative(16, "string")
    );
    assert_eq!(
        binary(&[&[0x0d, 0, 99, 0x0b, 0x0b], &[0xff; 4]]),
        negative(3, "map")
    );
}

#[test]
fn nesting_is_bounded() {
    // An unknown field of nested lists, and of nested structs.
    for levels in [64, 65, 100_000] {
        let lists = [
            &[0x0f, 0, 99][..],
            &[0x0f, 0, 0, 0, 1].repeat(levels - 1),
            &[3, 0, 0, 0, 0],
        ]
        .concat();
        let structs = [vec![0xfc], [0x1c].repeat(levels - 1), vec![0; levels]].concat();
        let errors = [binary(&[&lists, &[0]]), compact(&[&structs, &[0]])];
        for error in errors {
            if levels == 64 {
                assert!(
                    matches!(
                        error,
                        DecodeError::MissingField {
                            field: "Batch.process",
                            ..
                        }
                    ),
                    "{error}"
                );
            } else {
                assert!(
                    matches!(error, DecodeError::TooDeep { limit: 64, .. }),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn memory_is_proportional_to_the_input() {
    assert!(
        size_of::<Span<'_>>() <= 12 * 17,
        "{} bytes a span",
        size_of::<Span<'_>>()
    );
    assert!(
        size_of::<Tag<'_>>() <= 12 * 5,
        "{} bytes a tag",
        size_of::<Tag<'_>>()
    );
    assert!(size_of::<Log<'_>>() <= 12 * 5);
    assert!(size_of::<SpanRef>() <= 12 * 9);

    let bytes = 17_000;
    // As many spans as the bytes can hold, so the maximum of reserved memory.
    let spans = [
        &[0x1c, 0x18, 0, 0, 0x19, 0xfc, 0xe8, 0x07][..],
        &vec![0; bytes],
    ]
    .concat();
    // The first span declares as many logs, and its first log as many tags: each list alone would
    // fit.
    let logs = &[0xb9, 0xfc, 0x80, 0x1a][..];
    let tags = &[0x16, 0, 0x19, 0xfc, 0x80, 0x1a];
    let nested = [&spans[..8], logs, tags, &spans[8..]].concat();
    for list in [&spans, &nested] {
        let mut error = None;
        let taken = allocation_counter::measure(|| error = Some(compact(&[list])));
        let most = 12 * list.len() as u64 + 1024;
        assert!(
            taken.bytes_max <= most,
            "{} bytes: {error:?}",
            taken.bytes_max
        );
    }
    // A batch of minimal spans is still accepted.
    let batch = Batch {
        spans: vec![Span::default(); 1_000],
        ..Batch::default()
    };
    let mut datagram = Vec::new();
    encode_emit_batch_compact(&batch, 0, &mut datagram).unwrap();
    assert_eq!(decode_emit_batch_compact(&datagram).unwrap(), batch);
}
