//! Untrusted thrift: an error or a batch, never a panic.

use lianlu_wire::jaeger::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn decode_all(bytes: &[u8]) -> [Result<Batch<'_>, DecodeError>; 3] {
    [
        decode_batch_binary(bytes),
        decode_emit_batch_compact(bytes),
        decode_emit_batch_binary(bytes),
    ]
}

fn encode_all(batch: &Batch<'_>) -> [Vec<u8>; 3] {
    let mut forms = [const { Vec::new() }; 3];
    encode_batch_binary(batch, &mut forms[0]).unwrap();
    encode_emit_batch_compact(batch, 1, &mut forms[1]).unwrap();
    encode_emit_batch_binary(batch, 1, &mut forms[2]).unwrap();
    forms
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode_all(&bytes);
        // Behind valid headers, so that the structs are reached.
        let [mut binary, mut compact, mut emit_binary] = encode_all(&Batch::default());
        binary.truncate(3);
        compact.truncate(13);
        emit_binary.truncate(24);
        for head in [&mut binary, &mut compact, &mut emit_binary] {
            head.extend_from_slice(&bytes);
            let _ = decode_all(head);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn mutated_bytes(
        batch in crate::common::batches::batch(),
        edits in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for mut bytes in encode_all(&batch) {
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let _ = decode_all(&bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every byte of an encoding is needed: truncating or extending it is an error.
    #[test]
    fn truncated_and_extended(batch in crate::common::batches::batch(), cut in any::<proptest::sample::Index>()) {
        for (form, bytes) in encode_all(&batch).iter().enumerate() {
            prop_assert!(decode_all(&bytes[..cut.index(bytes.len())])[form].is_err());
            let longer = [&bytes[..], &[0]].concat();
            let expected = DecodeError::TrailingBytes { at: bytes.len(), left: 1 };
            prop_assert_eq!(decode_all(&longer)[form].clone(), Err(expected));
        }
    }
}

#[test]
fn arbitrary_span_fields_do_not_panic() {
    // Every byte pair at the start of a span's fields.
    let head = [
        0x0c, 0, 1, 0x0b, 0, 1, 0, 0, 0, 0, 0, 0x0f, 0, 2, 0x0c, 0, 0, 0, 1,
    ];
    for pair in 0..=u16::MAX {
        let mut bytes = head.to_vec();
        bytes.extend_from_slice(&pair.to_be_bytes());
        bytes.extend_from_slice(&[0; 90]);
        assert!(decode_batch_binary(&bytes).is_err(), "{pair:04x}");
    }
}

#[test]
fn invalid_utf8_is_replaced() {
    let mut bytes = Vec::new();
    let process = Process {
        service_name: "sXop".into(),
        tags: vec![],
    };
    encode_batch_binary(
        &Batch {
            process,
            spans: vec![],
        },
        &mut bytes,
    )
    .unwrap();
    let at = bytes.iter().position(|byte| *byte == b'X').unwrap();
    bytes[at] = 0xc3;
    assert_eq!(
        decode_batch_binary(&bytes).unwrap().process.service_name,
        "s\u{fffd}op"
    );
}
