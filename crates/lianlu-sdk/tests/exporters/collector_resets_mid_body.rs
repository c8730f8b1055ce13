//! The connection breaks while an answer comes in: what its status has said stands.

use std::io::Write;
use std::time::Duration;

use h2::Reason;
use lianlu_sdk::Failure;

use crate::common::http2::{head, headers, message, server};
use crate::common::{
    PATIENCE, attempt, collector_that, grpc_exporter, http_exporters, is_lost, is_taken_with,
    may_be_sent_again,
};

/// What each exporter over HTTP makes of an answer that is reset behind this, in the order of
/// [`http_exporters`].
fn reset_behind(part: &'static str) -> Vec<Result<(), Failure>> {
    let (address, _requests) = collector_that(move |mut stream| {
        stream.write_all(part.as_bytes()).unwrap();
        // What is not read before the reset is thrown away.
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
fn in_the_head_nobody_has_said_anything() {
    for part in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\ncontent-len"] {
        for result in reset_behind(part) {
            assert_eq!(may_be_sent_again(result, "http://127.0.0.1:"), None);
        }
    }
}

#[test]
fn behind_the_head_of_a_success_it_is_taken() {
    let [protobuf, json, jaeger, zipkin] = <[_; 4]>::try_from(reset_behind(
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    ))
    .unwrap();
    is_taken_with(protobuf, "reported: the response can't be read: ");
    is_taken_with(json, "reported: the response can't be read: ");
    // Whose protocols have nothing to say there.
    jaeger.unwrap();
    zipkin.unwrap();
}

#[test]
fn behind_the_head_of_a_refusal_it_is_refused() {
    for result in reset_behind(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 9\r\ncontent-length: 100\r\n\r\n{",
    ) {
        let after = may_be_sent_again(result, "answered 503");
        assert_eq!(after, Some(Duration::from_secs(9)));
    }
    for result in reset_behind("HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\n{") {
        is_lost(result, "answered 400");
    }
}

#[test]
fn over_grpc_the_status_comes_last() {
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
    // hyper takes these for an end.
    let for_no_reason = server(|mut respond| {
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
        for_no_reason,
        an_end,
        trailers_without,
    ] {
        let result = attempt(grpc_exporter(address, PATIENCE));
        assert_eq!(
            may_be_sent_again(result, &format!("http://{address}/: ")),
            None
        );
    }
}

#[test]
fn over_grpc_a_status_stands() {
    // Behind a message that is none, or without any.
    for text in [&b"<h1>"[..], b""] {
        let address = server(move |mut respond| {
            let mut stream = respond.send_response(head(), false).unwrap();
            stream.send_data(text.into(), false).unwrap();
            stream
                .send_trailers(headers(&[("grpc-status", b"0")]))
                .unwrap();
        });
        let result = attempt(grpc_exporter(address, PATIENCE));
        is_taken_with(result, "the response is not an ExportTraceServiceResponse");
    }
}

#[test]
fn what_answers_is_no_grpc() {
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
            true => assert_eq!(may_be_sent_again(result, &wanted), None),
            false => is_lost(result, &wanted),
        }
    }
}
