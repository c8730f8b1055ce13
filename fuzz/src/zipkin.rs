//! Zipkin's JSON.

use lianlu_wire::zipkin::{decode_spans, encode_spans};

use crate::memory::within;

/// `data` as the body of `POST /api/v2/spans`.
///
/// - Spans that are read round-trip, byte for byte, and have no zero id.
/// - Memory is a multiple of the input.
pub fn zipkin(data: &[u8]) {
    // The shortest spans, in a list with the half that it grows from.
    let Ok(spans) = within(data.len() * 64 + 4096, || decode_spans(data)) else {
        return;
    };
    assert!(
        spans
            .iter()
            .all(|span| span.trace_id != 0 && span.id != 0 && span.parent_id != Some(0))
    );
    let written = encode_spans(&spans).expect("what was read can be written");
    let again = decode_spans(&written).expect("our own JSON");
    assert_eq!(again, spans);
    assert_eq!(encode_spans(&again).expect("our own JSON"), written);
}
