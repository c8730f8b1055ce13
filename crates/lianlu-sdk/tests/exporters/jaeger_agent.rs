//! Compact thrift over UDP: spans in packets, and spans too large for a packet.

use std::net::UdpSocket;

use lianlu_sdk::FlushError;
use lianlu_sdk::jaeger::Exporter;
use lianlu_wire::jaeger::{UDP_MAX_PACKET, decode_emit_batch_compact};

use crate::common::{PATIENCE, pipeline};

fn exporter(address: &str) -> Exporter {
    Exporter::agent("with_agent_endpoint", address).unwrap()
}

#[test]
fn many_spans_go_in_packets_below_the_limit() {
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent.set_read_timeout(Some(PATIENCE)).unwrap();
    let pipeline = pipeline(exporter(&agent.local_addr().unwrap().to_string()));
    // 110 × 1 kB are two packets, which the socket buffer holds until they are read.
    let receiver = std::thread::spawn(move || {
        let mut names = Vec::new();
        let mut packets = 0;
        let mut buffer = vec![0; 70_000];
        while names.len() < 110 {
            let length = agent.recv(&mut buffer).unwrap();
            assert!(length < UDP_MAX_PACKET, "{length}");
            let batch = decode_emit_batch_compact(&buffer[..length]).unwrap();
            assert_eq!(batch.process.service_name, "shop");
            names.extend(batch.spans.iter().map(|span| span.span_id));
            packets += 1;
        }
        names.sort_unstable();
        names.dedup();
        (names.len(), packets)
    });
    for _ in 0..110 {
        pipeline.span("one", "x".repeat(1_000));
    }
    pipeline.handle.flush(PATIENCE).unwrap();
    let (spans, packets) = receiver.join().unwrap();
    assert_eq!(spans, 110);
    assert_eq!(packets, 2);
    assert_eq!(pipeline.outcome(), (110, 0));
}

#[test]
fn a_span_too_large_for_any_packet_is_counted_and_the_others_arrive() {
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent.set_read_timeout(Some(PATIENCE)).unwrap();
    let pipeline = pipeline(exporter(&agent.local_addr().unwrap().to_string()));
    pipeline.span("small", "text");
    pipeline.span("large", "x".repeat(70_000));
    pipeline.span("small", "text");
    let FlushError::Lost { lost, reason } = pipeline.handle.flush(PATIENCE).unwrap_err() else {
        panic!("not lost");
    };
    assert_eq!(lost, 1);
    assert!(reason.contains("64999"), "{reason}");
    let mut buffer = vec![0; 70_000];
    let mut arrived = 0;
    while arrived < 2 {
        let length = agent.recv(&mut buffer).unwrap();
        arrived += decode_emit_batch_compact(&buffer[..length])
            .unwrap()
            .spans
            .len();
    }
    assert_eq!(pipeline.outcome(), (2, 1));
}

#[test]
fn an_invalid_agent_address_names_the_option() {
    for address in ["", "localhost", "localhost:port", "http://localhost:6831"] {
        let error = Exporter::agent("with_agent_endpoint", address).unwrap_err();
        assert!(
            error.to_string().starts_with("with_agent_endpoint: "),
            "{error}"
        );
    }
}

#[test]
fn an_unreachable_agent_loses_the_spans() {
    let port = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let pipeline = pipeline(exporter(&format!("127.0.0.1:{port}")));
    for _ in 0..3 {
        pipeline.span("one", "text");
        assert!(pipeline.handle.flush(PATIENCE).is_err());
    }
    assert_eq!(pipeline.outcome(), (0, 3));
    assert_eq!(pipeline.events.try_iter().count(), 1);
}

#[test]
fn an_unresolvable_name_does_not_prevent_the_start() {
    let pipeline = pipeline(exporter("no-such-host.invalid:6831"));
    pipeline.span("one", "text");
    assert!(pipeline.handle.flush(PATIENCE).is_err());
    assert_eq!(pipeline.outcome(), (0, 1));
}
