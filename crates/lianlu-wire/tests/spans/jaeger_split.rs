//! Splitting a batch into datagrams: none exceeds the limit, every span is in exactly one item, in
//! order.

use lianlu_wire::jaeger::*;
use proptest::collection::vec;
use proptest::prelude::*;
use thrift::protocol::TCompactInputProtocol;

use crate::common::apache::read_emit_batch;

/// Checks all packets. Returns the number of datagrams and the rejected spans.
fn check(process: &Process<'_>, spans: &[Span<'_>], max_packet: usize) -> (usize, Vec<usize>) {
    let (mut next, mut datagrams, mut rejected) = (0, 0, Vec::new());
    let mut sizes = Vec::new();
    for packet in split_emit_batch_compact(process, spans, max_packet) {
        match packet {
            Ok(datagram) => {
                assert!(datagram.bytes.len() <= max_packet);
                assert_eq!(datagram.spans.start, next);
                assert!(!datagram.spans.is_empty());
                next = datagram.spans.end;
                let (batch, _) =
                    read_emit_batch(&mut TCompactInputProtocol::new(&datagram.bytes[..]));
                assert_eq!(&batch.process, process);
                assert_eq!(batch.spans, spans[datagram.spans.clone()]);
                assert_eq!(decode_emit_batch_compact(&datagram.bytes).unwrap(), batch);
                datagrams += 1;
                sizes.push((datagram.spans, datagram.bytes.len()));
            }
            Err(error) => {
                assert_eq!(error.index(), next);
                let alone = encoded(process, &spans[next..=next]);
                assert_eq!(
                    error,
                    PacketError::TooLarge {
                        index: next,
                        bytes: alone,
                        max_packet
                    }
                    .clone()
                );
                assert!(alone > max_packet);
                rejected.push(next);
                next += 1;
            }
        }
    }
    assert_eq!(next, spans.len());
    // Datagrams are as full as possible: one more span would not fit.
    for (range, _) in sizes {
        assert!(
            range.end == spans.len()
                || encoded(process, &spans[range.start..=range.end]) > max_packet
        );
    }
    (datagrams, rejected)
}

fn encoded(process: &Process<'_>, spans: &[Span<'_>]) -> usize {
    let mut out = Vec::new();
    encode_emit_batch_compact(
        &Batch {
            process: process.clone(),
            spans: spans.to_vec(),
        },
        0,
        &mut out,
    )
    .unwrap();
    out.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_span_is_in_exactly_one_packet(
        process in crate::common::batches::process(),
        spans in vec(crate::common::batches::span(), 0..40),
        max_packet in prop_oneof![0..200_usize, 200..4_000_usize],
    ) {
        check(&process, &spans, max_packet);
    }
}

fn span(name_bytes: usize) -> Span<'static> {
    Span {
        operation_name: "n".repeat(name_bytes).into(),
        ..Span::default()
    }
}

#[test]
fn thousands_of_spans_at_the_agents_limit() {
    let process = Process {
        service_name: "shop".into(),
        tags: vec![],
    };
    let spans = vec![span(100); 5_000];
    let (datagrams, rejected) = check(&process, &spans, UDP_MAX_PACKET);
    assert_eq!(
        (datagrams, rejected),
        (encoded(&process, &spans).div_ceil(UDP_MAX_PACKET), vec![])
    );
}

#[test]
fn a_datagram_of_exactly_the_limit_is_sent() {
    let process = Process::default();
    for spans in [1, 2, 14, 15, 16, 127, 128] {
        let spans = vec![span(3); spans];
        let whole = encoded(&process, &spans);
        assert_eq!(check(&process, &spans, whole).0, 1);
        let one_less = check(&process, &spans, whole - 1);
        assert_eq!(
            (one_less.0, one_less.1.len()),
            if spans.len() == 1 { (0, 1) } else { (2, 0) }
        );
    }
}

#[test]
fn a_too_large_span_is_reported_and_the_others_are_sent() {
    let spans = [span(10), span(10), span(70_000), span(10), span(80_000)];
    assert_eq!(
        check(&Process::default(), &spans, UDP_MAX_PACKET),
        (2, vec![2, 4])
    );
}

#[test]
fn a_too_large_process_rejects_every_span() {
    let process = Process {
        service_name: "s".repeat(70_000).into(),
        tags: vec![],
    };
    assert_eq!(
        check(&process, &[span(1), span(2)], UDP_MAX_PACKET),
        (0, vec![0, 1])
    );
}

#[test]
fn no_packets_without_spans() {
    assert_eq!(check(&Process::default(), &[], UDP_MAX_PACKET), (0, vec![]));
}
