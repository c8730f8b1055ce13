//! Zipkin JSON over HTTP, decoded by the wire crate.

use std::time::Duration;

use lianlu_sdk::zipkin::Exporter;
use lianlu_wire::zipkin::decode_spans;

use crate::common::{PATIENCE, collector, pipeline};

#[test]
fn a_batch_is_posted_as_json() {
    let (address, requests) =
        collector(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let url = format!("http://{address}/api/v2/spans");
    let exporter = Exporter::new("endpoint", &url, Duration::from_secs(20)).unwrap();
    let pipeline = pipeline(exporter);
    pipeline.span("one", "text");
    pipeline.handle.flush(PATIENCE).unwrap();

    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert_eq!(request.header("content-type"), Some("application/json"));
    let spans = decode_spans(&request.body).unwrap();
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].name, "one");
    assert_eq!(spans[0].local_endpoint.service_name, "shop");
    assert!(spans[0].duration.unwrap() >= 1);
    assert!(spans[0].tags.contains(&("key".into(), "text".into())));
    assert_eq!(pipeline.outcome(), (1, 0));
}
