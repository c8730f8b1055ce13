//! A redirect to another host: spans and credentials are not sent there.

use crate::common::http2::server;
use crate::common::{PATIENCE, attempt, collector, grpc_exporter, http_exporters, is_lost};

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[test]
fn over_http() {
    for status in [301, 302, 303, 307, 308] {
        let (elsewhere, stolen) = collector(ACCEPTED);
        let response = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: http://u:secret@{elsewhere}/v1/traces?key=secret\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        );
        let (address, requests) = collector(response.leak().as_bytes());
        for exporter in http_exporters(address, PATIENCE) {
            let result = attempt(exporter);
            let reason = &result.as_ref().unwrap_err().reason;
            assert!(!reason.contains("secret"), "{reason}");
            is_lost(
                result,
                &format!(" to http://{elsewhere}/v1/traces, which is not followed"),
            );
        }
        assert_eq!(requests.try_iter().count(), 4);
        assert!(stolen.try_recv().is_err(), "the redirect was followed");
    }
}

#[test]
fn over_grpc() {
    let (elsewhere, stolen) = collector(ACCEPTED);
    let address = server(move |mut respond| {
        let redirect = http::Response::builder()
            .status(307)
            .header(
                "location",
                format!("http://u:secret@{elsewhere}/?key=secret"),
            )
            .body(())
            .unwrap();
        respond.send_response(redirect, true).unwrap();
    });
    let result = attempt(grpc_exporter(address, PATIENCE));
    let wanted = format!("answered 307 Temporary Redirect to http://{elsewhere}/, ");
    assert!(!result.as_ref().unwrap_err().reason.contains("secret"));
    is_lost(result, &wanted);
    assert!(stolen.try_recv().is_err(), "the redirect was followed");
}
