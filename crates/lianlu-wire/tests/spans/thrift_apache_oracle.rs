//! Apache's library reads what we write, and we read what it writes.

use lianlu_wire::jaeger::*;
use proptest::prelude::*;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol,
};

use crate::common::apache::{Writer, read_batch, read_emit_batch};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn apache_reads_ours(batch in crate::common::batches::batch(), sequence in any::<i32>()) {
        let mut bytes = Vec::new();
        encode_batch_binary(&batch, &mut bytes).unwrap();
        let mut rest = &bytes[..];
        prop_assert_eq!(&read_batch(&mut TBinaryInputProtocol::new(&mut rest, true)), &batch);
        prop_assert!(rest.is_empty());

        bytes.clear();
        encode_emit_batch_compact(&batch, sequence, &mut bytes).unwrap();
        let mut rest = &bytes[..];
        let read = read_emit_batch(&mut TCompactInputProtocol::new(&mut rest));
        prop_assert_eq!((&read.0, read.1), (&batch, sequence));
        prop_assert!(rest.is_empty());

        bytes.clear();
        encode_emit_batch_binary(&batch, sequence, &mut bytes).unwrap();
        let mut rest = &bytes[..];
        let read = read_emit_batch(&mut TBinaryInputProtocol::new(&mut rest, true));
        prop_assert_eq!((&read.0, read.1), (&batch, sequence));
        prop_assert!(rest.is_empty());
    }

    /// With unknown fields of every kind, known fields of a wrong kind and duplicate fields.
    #[test]
    fn we_read_apaches(batch in crate::common::batches::batch(), sequence in any::<i32>(), strange in any::<bool>()) {
        let writer = Writer { strange };
        let mut bytes = Vec::new();
        writer.batch(&mut TBinaryOutputProtocol::new(&mut bytes, true), &batch);
        prop_assert_eq!(&decode_batch_binary(&bytes).unwrap(), &batch);

        let mut bytes = Vec::new();
        writer.emit_batch(&mut TCompactOutputProtocol::new(&mut bytes), &batch, sequence);
        prop_assert_eq!(&decode_emit_batch_compact(&bytes).unwrap(), &batch);

        for strict in [true, false] {
            let mut bytes = Vec::new();
            writer.emit_batch(&mut TBinaryOutputProtocol::new(&mut bytes, strict), &batch, sequence);
            prop_assert_eq!(&decode_emit_batch_binary(&bytes).unwrap(), &batch);
        }
    }
}
