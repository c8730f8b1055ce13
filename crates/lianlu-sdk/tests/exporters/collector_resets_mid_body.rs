//! The connection breaks during the response: the status already received counts.

use std::io::Write;
use std::time::Duration;

use h2::Reason;
use lianlu_sdk::Failure;

use crate::common::http2::{head, headers, message, server};
use crate::common::{
    PATIENCE, attempt, collector_that, grpc_exporter, http_exporters, is_accepted_with_warning,
    is_lost, is_retryable,
};

/// The results of all exporters over HTTP for a response that is reset after this part, in the
/// order of [`http_exporters`].
fn reset_after(part: &'static str) -> Vec<Result<(), Failure>> {
    let (address, _requests) = collector_that(move |mut stream| {
        stream.write_all(part.as_bytes()).unwrap();
        // Unread bytes are discarded by the reset.
        std::thread::sleep(Duration::from_millis(200));
        let linger = Some(Duration::ZERO);
        socket2::SockRef::from(&stream).set_linger(linger).unwrap();
    });
    http_exporters(address, PATIENCE)
        .into_iter()
        .map(attempt)
        .collect()
}

#[test]
fn a_reset_in_the_head_is_retryable() {
    for part in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\ncontent-len"] {
        for result in reset_after(part) {
            assert_eq!(is_retryable(result, "http://127.0.0.1:"), None);
        }
    }
}

#[test]
fn a_reset_after_the_head_of_a_success_is_accepted() {
    let [protobuf, json, jaeger, zipkin] = <[_; 4]>::try_from(reset_after(
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    ))
    .unwrap();
    is_accepted_with_warning(protobuf, "reported: the response can't be read: ");
    is_accepted_with_warning(json, "reported: the response can't be read: ");
    // These protocols ignore the body.
    jaeger.unwrap();
    zipkin.unwrap();
}

#[test]
fn a_reset_after_the_head_of_an_error_keeps_the_status() {
    for result in reset_after(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 9\r\ncontent-length: 100\r\n\r\n{",
    ) {
        let after = is_retryable(result, "answered 503");
        assert_eq!(after, Some(Duration::from_secs(9)));
    }
    for result in reset_after("HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\n{") {
        is_lost(result, "answered 400");
    }
}

#[test]
fn a_grpc_response_needs_its_trailers() {
    let before_the_head = server(|mut respond| respond.send_reset(Reason::INTERNAL_ERROR));
    let in_a_message = server(|mut respond| {
        let mut stream = respond.send_response(head(), false).unwrap();
        stream
            .send_data(message(0, b"text").slice(..7), false)
            .unwrap();
        stream.send_reset(Reason::INTERNAL_ERROR);
    });
    let behind_a_message = server(|mut respond| {
        let mut stream = respond.send_response(head(), false).unwrap();
        stream.send_data(message(0, b""), false).unwrap();
        stream.send_reset(Reason::ENHANCE_YOUR_CALM);
    });
    // hyper interprets these resets as the end of the stream.
    let reset_without_error = server(|mut respond| {
        let mut stream = respond.send_response(head(), false).unwrap();
        stream.send_data(message(0, b""), false).unwrap();
        stream.send_reset(Reason::NO_ERROR);
    });
    let an_end = server(|mut respond| {
        let mut stream = respond.send_response(head(), false).unwrap();
        stream.send_data(message(0, b""), true).unwrap();
    });
    let trailers_without = server(|mut respond| {
        let mut stream = respond.send_response(head(), false).unwrap();
        stream.send_trailers(headers(&[("x", b"y")])).unwrap();
    });
    for address in [
        before_the_head,
        in_a_message,
        behind_a_message,
        reset_without_error,
        an_end,
        trailers_without,
    ] {
        let result = attempt(grpc_exporter(address, PATIENCE));
        assert_eq!(is_retryable(result, &format!("http://{address}/: ")), None);
    }
}

#[test]
fn a_grpc_status_counts_without_a_valid_message() {
    // After a malformed message, or without one.
    for text in [&b"<h1>"[..], b""] {
        let address = server(move |mut respond| {
            let mut stream = respond.send_response(head(), false).unwrap();
            stream.send_data(text.into(), false).unwrap();
            stream
                .send_trailers(headers(&[("grpc-status", b"0")]))
                .unwrap();
        });
        let result = attempt(grpc_exporter(address, PATIENCE));
        is_accepted_with_warning(result, "the response is not an ExportTraceServiceResponse");
    }
}

#[test]
fn a_response_without_grpc() {
    for (status, may_pass) in [(503, true), (429, true), (200, false), (404, false)] {
        let address = server(move |mut respond| {
            let page = http::Response::builder()
                .status(status)
                .header("content-type", "text/html")
                .body(())
                .unwrap();
            let mut stream = respond.send_response(page, false).unwrap();
            stream.send_data("<h1>".into(), true).unwrap();
        });
        let result = attempt(grpc_exporter(address, PATIENCE));
        let wanted = format!("answered {status} ");
        match may_pass {
            true => assert_eq!(is_retryable(result, &wanted), None),
            false => is_lost(result, &wanted),
        }
    }
}
