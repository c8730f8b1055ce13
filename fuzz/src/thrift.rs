//! Jaeger's thrift protocols.

use lianlu_wire::jaeger::{
    Batch, DecodeError, UDP_MAX_PACKET, decode_batch_binary, decode_emit_batch_binary,
    decode_emit_batch_compact, encode_batch_binary, encode_emit_batch_binary,
    encode_emit_batch_compact, split_emit_batch_compact,
};

use crate::memory::within;

type Decode = for<'a> fn(&'a [u8]) -> Result<Batch<'a>, DecodeError>;

/// The binary protocol: `data` as a body for Jaeger's collector and as a datagram for its agent.
///
/// - A batch that is read round-trips through each form, byte for byte.
/// - Memory is within the limit that [`decode_batch_binary`] documents.
/// - An error has a position in the input.
pub fn thrift_binary(data: &[u8]) {
    for decode in [decode_batch_binary as Decode, decode_emit_batch_binary] {
        if let Some(batch) = read(data, decode) {
            assert_round_trip(&batch);
        }
    }
}

/// The compact protocol: `data` as a datagram for Jaeger's agent.
///
/// As [`thrift_binary`]. A batch that is split into datagrams is complete: each span is in one of
/// them, or reported as too large.
pub fn thrift_compact(data: &[u8]) {
    if let Some(batch) = read(data, decode_emit_batch_compact) {
        assert_round_trip(&batch);
        let tight = usize::from(data.last().copied().unwrap_or_default()) * 8;
        for max_packet in [tight, UDP_MAX_PACKET] {
            assert_split(&batch, max_packet);
        }
    }
}

fn read(data: &[u8], decode: Decode) -> Option<Batch<'_>> {
    // About 12 times the input.
    match within(data.len() * 13 + 256, || decode(data)) {
        Ok(batch) => Some(batch),
        Err(error) => {
            let message = error.to_string();
            let at = message
                .strip_prefix("byte ")
                .and_then(|rest| rest.split(':').next()?.parse().ok());
            assert!(at.is_some_and(|at: usize| at <= data.len()), "{message}");
            None
        }
    }
}

fn assert_round_trip(batch: &Batch<'_>) {
    let (binary, emit_binary, emit_compact) = (binary(batch), emit_binary(batch), compact(batch));
    // Compared as bytes, since NaN is not equal to itself.
    let again = decode_batch_binary(&binary).expect("our own bytes");
    assert_eq!(self::binary(&again), binary);
    let again = decode_emit_batch_binary(&emit_binary).expect("our own bytes");
    assert_eq!(self::emit_binary(&again), emit_binary);
    assert_eq!(self::binary(&again), binary);
    let again = decode_emit_batch_compact(&emit_compact).expect("our own bytes");
    assert_eq!(compact(&again), emit_compact);
    assert_eq!(self::binary(&again), binary);
}

fn assert_split(batch: &Batch<'_>, max_packet: usize) {
    let mut next = 0;
    for packet in split_emit_batch_compact(&batch.process, &batch.spans, max_packet) {
        match packet {
            Ok(datagram) => {
                assert!(datagram.bytes.len() <= max_packet);
                assert_eq!(datagram.spans.start, next);
                assert!(datagram.spans.end > next, "a datagram without spans");
                next = datagram.spans.end;
                let part = Batch {
                    process: batch.process.clone(),
                    spans: batch.spans[datagram.spans].to_vec(),
                };
                assert_eq!(datagram.bytes, compact(&part));
            }
            Err(error) => {
                assert_eq!(error.index(), next);
                let alone = Batch {
                    process: batch.process.clone(),
                    spans: vec![batch.spans[next].clone()],
                };
                assert!(compact(&alone).len() > max_packet, "{error}");
                next += 1;
            }
        }
    }
    assert_eq!(next, batch.spans.len());
}

fn binary(batch: &Batch<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_batch_binary(batch, &mut out).expect("what was read is short enough");
    out
}

fn emit_binary(batch: &Batch<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_emit_batch_binary(batch, 0, &mut out).expect("what was read is short enough");
    out
}

fn compact(batch: &Batch<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_emit_batch_compact(batch, 0, &mut out).expect("what was read is short enough");
    out
}
