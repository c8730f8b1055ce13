//! Well-formed thrift that is not a batch: the error contains offset and reason.

use lianlu_wire::jaeger::*;

const PROCESS: &[u8] = &[0x0c, 0, 1, 0x0b, 0, 1, 0, 0, 0, 0, 0];
const NO_SPANS: &[u8] = &[0x0f, 0, 2, 0x0c, 0, 0, 0, 0];

fn binary(parts: &[&[u8]]) -> Result<(), DecodeError> {
    decode_batch_binary(&parts.concat()).map(drop)
}

/// A span's required fields in the binary protocol, with the name used in errors.
fn span_fields() -> Vec<(&'static str, Vec<u8>)> {
    let number = |id: u8| [vec![0x0a, 0, id], vec![0; 8]].concat();
    vec![
        ("Span.traceIdLow", number(1)),
        ("Span.traceIdHigh", number(2)),
        ("Span.spanId", number(3)),
        ("Span.parentSpanId", number(4)),
        ("Span.operationName", vec![0x0b, 0, 5, 0, 0, 0, 0]),
        ("Span.flags", vec![0x08, 0, 7, 0, 0, 0, 0]),
        ("Span.startTime", number(8)),
        ("Span.duration", number(9)),
    ]
}

#[test]
fn missing_fields_are_reported() {
    let missing = |at, field| Err(DecodeError::MissingField { at, field });
    assert_eq!(binary(&[PROCESS, NO_SPANS, &[0]]), Ok(()));
    assert_eq!(binary(&[NO_SPANS, &[0]]), missing(0, "Batch.process"));
    assert_eq!(binary(&[PROCESS, &[0]]), missing(0, "Batch.spans"));
    assert_eq!(
        binary(&[&[0x0c, 0, 1, 0, 0]]),
        missing(3, "Process.serviceName")
    );
    assert_eq!(
        decode_emit_batch_compact(b"\x82\x81\x00\x09emitBatch\x00").map(drop),
        missing(13, "emitBatch_args.batch")
    );

    let one_span = [PROCESS, &[0x0f, 0, 2, 0x0c, 0, 0, 0, 1]].concat();
    let all: Vec<u8> = span_fields()
        .into_iter()
        .flat_map(|(_, bytes)| bytes)
        .collect();
    assert_eq!(binary(&[&one_span, &all, &[0, 0]]), Ok(()));
    for (name, _) in span_fields() {
        let others = span_fields()
            .into_iter()
            .filter(|(other, _)| *other != name);
        let others: Vec<u8> = others.flat_map(|(_, bytes)| bytes).collect();
        // Optional fields in front keep the length at that of a complete span.
        let optional = [0x0a, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            binary(&[&one_span, &optional, &others, &[0, 0]]),
            missing(19, name)
        );
    }
}

#[test]
fn wrong_messages() {
    let at = 0;
    let wrong = Err(DecodeError::WrongMessage {
        at,
        expected: "emitBatch",
    });
    let batch = b"\x1c\x1c\x18\x00\x00\x19\x0c\x00\x00";
    let compact = |head: &[u8]| decode_emit_batch_compact(&[head, batch].concat()).map(drop);
    assert_eq!(compact(b"\x82\x81\x00\x09emitBatch"), Ok(()));
    assert_eq!(
        compact(b"\x82\x21\x00\x09emitBatch"),
        Ok(()),
        "an ordinary call"
    );
    assert_eq!(compact(b"\x82\x41\x00\x09emitBatch"), wrong, "a reply");
    assert_eq!(compact(b"\x82\x81\x00\x09emitWatch"), wrong);
    for head in [
        &b"\x83\x81\x00\x09emitBatch"[..],
        b"\x82\x82\x00\x09emitBatch",
        b"\x82\xa1\x00\x09emitBatch",
    ] {
        assert!(matches!(
            compact(head),
            Err(DecodeError::NotAMessage { at: 0, .. })
        ));
    }
    // The protocol of the other port.
    let mut binary = Vec::new();
    encode_emit_batch_binary(&Batch::default(), 0, &mut binary).unwrap();
    assert!(matches!(
        decode_emit_batch_compact(&binary),
        Err(DecodeError::NotAMessage { .. })
    ));
    binary[1] = 2;
    assert!(matches!(
        decode_emit_batch_binary(&binary),
        Err(DecodeError::NotAMessage { .. })
    ));
}

#[test]
fn wrong_values() {
    assert_eq!(
        binary(&[PROCESS, &[0x0f, 0, 2, 0x0b, 0, 0, 0, 1], &[0; 20]]),
        Err(DecodeError::WrongElements {
            at: 14,
            expected: "Span"
        })
    );
    assert_eq!(
        binary(&[&[0x05, 0, 1]]),
        Err(DecodeError::UnknownKind { at: 0, code: 5 })
    );
    let tag = |fields: &[u8]| {
        let head = [
            0x0c, 0, 1, 0x0b, 0, 1, 0, 0, 0, 0, 0x0f, 0, 2, 0x0c, 0, 0, 0, 1, 0x0b, 0, 1, 0, 0, 0,
            0,
        ];
        decode_batch_binary(&[&head, fields, &[0, 0], NO_SPANS, &[0]].concat())
            .map(|batch| batch.process.tags)
            .map(|tags| format!("{:?}", tags[0].value))
    };
    assert_eq!(
        tag(&[8, 0, 2, 0, 0, 0, 9]),
        Err(DecodeError::UnknownEnumValue {
            at: 28,
            name: "TagType",
            found: 9
        })
    );
    assert_eq!(
        tag(&[8, 0, 2, 0, 0, 0, 2, 2, 0, 5, 7]),
        Err(DecodeError::NotABool { at: 35, found: 7 })
    );
    assert_eq!(
        tag(&[2, 0, 5, 1]),
        Err(DecodeError::MissingField {
            at: 18,
            field: "Tag.vType"
        })
    );
    // The value fields are optional.
    assert_eq!(tag(&[8, 0, 2, 0, 0, 0, 2]).unwrap(), "Bool(false)");
    assert_eq!(tag(&[8, 0, 2, 0, 0, 0, 3, 2, 0, 5, 1]).unwrap(), "Long(0)");
}
