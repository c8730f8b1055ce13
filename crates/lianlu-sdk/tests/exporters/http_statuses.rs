//! Each status that a collector may answer over HTTP, and what becomes of the spans.

use crate::common::{PATIENCE, attempt, collector, http_exporters, is_lost, may_be_sent_again};

fn answer(status: u16) -> &'static [u8] {
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
    answer.leak().as_bytes()
}

#[test]
fn four_may_be_sent_again() {
    for status in [429, 502, 503, 504] {
        let (address, requests) = collector(answer(status));
        for exporter in http_exporters(address, PATIENCE) {
            let wanted = format!("http://{address}/path answered {status} ");
            assert_eq!(may_be_sent_again(attempt(exporter), &wanted), None);
        }
        assert_eq!(requests.try_iter().count(), 4);
    }
}

#[test]
fn the_others_lose_them() {
    for status in [
        300, 301, 302, 303, 305, 307, 308, 400, 401, 403, 404, 405, 408, 409, 413, 415, 425, 431,
        500, 501, 505, 507, 511, 599,
    ] {
        let (address, requests) = collector(answer(status));
        for exporter in http_exporters(address, PATIENCE) {
            let wanted = format!("http://{address}/path answered {status} ");
            is_lost(attempt(exporter), &wanted);
        }
        assert_eq!(requests.try_iter().count(), 4);
    }
}

#[test]
fn success_has_many_numbers() {
    for status in [200, 201, 202, 203, 206] {
        let (address, _requests) = collector(answer(status));
        for exporter in http_exporters(address, PATIENCE) {
            attempt(exporter).unwrap();
        }
    }
}
