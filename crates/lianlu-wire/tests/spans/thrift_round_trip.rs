//! Batches round-trip in each of the three forms.

use lianlu_wire::jaeger::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_batch_round_trips(batch in crate::common::batches::batch(), sequence in any::<i32>()) {
        let mut bytes = b"kept".to_vec();
        encode_batch_binary(&batch, &mut bytes).unwrap();
        prop_assert_eq!(decode_batch_binary(bytes.strip_prefix(b"kept").unwrap()).unwrap(), batch.clone());

        let mut bytes = Vec::new();
        encode_emit_batch_compact(&batch, sequence, &mut bytes).unwrap();
        prop_assert_eq!(decode_emit_batch_compact(&bytes).unwrap(), batch.clone());

        bytes.clear();
        encode_emit_batch_binary(&batch, sequence, &mut bytes).unwrap();
        prop_assert_eq!(decode_emit_batch_binary(&bytes).unwrap(), batch);
    }
}

#[test]
fn a_double_keeps_its_bits() {
    for bits in [
        0,
        1 << 63,
        f64::INFINITY.to_bits(),
        0x7ff8_0000_0000_1234,
        0xfff0_0000_0000_0001,
    ] {
        let tags = vec![Tag::new("d", TagValue::Double(f64::from_bits(bits)))];
        let batch = Batch {
            process: Process {
                service_name: "s".into(),
                tags,
            },
            spans: vec![],
        };
        let (mut binary, mut compact) = (Vec::new(), Vec::new());
        encode_batch_binary(&batch, &mut binary).unwrap();
        encode_emit_batch_compact(&batch, 0, &mut compact).unwrap();
        for back in [
            decode_batch_binary(&binary).unwrap(),
            decode_emit_batch_compact(&compact).unwrap(),
        ] {
            let TagValue::Double(value) = back.process.tags[0].value else {
                panic!("no double")
            };
            assert_eq!(value.to_bits(), bits);
        }
    }
}

#[test]
fn text_is_borrowed_from_the_input() {
    let process = Process {
        service_name: "shop".into(),
        tags: vec![Tag::new("k", TagValue::String("v".into()))],
    };
    let mut bytes = Vec::new();
    encode_batch_binary(
        &Batch {
            process,
            spans: vec![],
        },
        &mut bytes,
    )
    .unwrap();
    let batch = decode_batch_binary(&bytes).unwrap();
    assert!(matches!(
        batch.process.service_name,
        std::borrow::Cow::Borrowed("shop")
    ));
}
