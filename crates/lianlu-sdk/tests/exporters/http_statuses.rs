//! Every HTTP status of a collector, and the resulting outcome for the spans.

use crate::common::{PATIENCE, attempt, collector, http_exporters, is_lost, is_retryable};

fn response(status: u16) -> &'static [u8] {
    let response =
        format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
    response.leak().as_bytes()
}

#[test]
fn four_statuses_are_retryable() {
    for status in [429, 502, 503, 504] {
        let (address, requests) = collector(response(status));
        for exporter in http_exporters(address, PATIENCE) {
            let wanted = format!("http://{address}/path answered {status} ");
            assert_eq!(is_retryable(attempt(exporter), &wanted), None);
        }
        assert_eq!(requests.try_iter().count(), 4);
    }
}

#[test]
fn other_statuses_lose_the_spans() {
    for status in [
        300, 301, 302, 303, 305, 307, 308, 400, 401, 403, 404, 405, 408, 409, 413, 415, 425, 431,
        500, 501, 505, 507, 511, 599,
    ] {
        let (address, requests) = collector(response(status));
        for exporter in http_exporters(address, PATIENCE) {
            let wanted = format!("http://{address}/path answered {status} ");
            is_lost(attempt(exporter), &wanted);
        }
        assert_eq!(requests.try_iter().count(), 4);
    }
}

#[test]
fn every_2xx_is_a_success() {
    for status in [200, 201, 202, 203, 206] {
        let (address, _requests) = collector(response(status));
        for exporter in http_exporters(address, PATIENCE) {
            attempt(exporter).unwrap();
        }
    }
}
