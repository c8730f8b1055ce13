//! A gRPC collector requests a delay: `google.rpc.RetryInfo` in the details of its status.

use std::time::Duration;

use h2::server::SendResponse;
use lianlu_sdk::Failure;
use tonic::{Code, Status};

use crate::common::grpc::Collector;
use crate::common::http2::{head, headers, message, server};
use crate::common::{PATIENCE, attempt, grpc_exporter, is_lost, is_retryable};

/// The outcome for a span when the collector responds with these details.
fn outcome(code: Code, details: Vec<u8>) -> Result<(), Failure> {
    let response = move || Err(Status::with_details(code, "busy", details.clone().into()));
    let collector = Collector::start(response);
    let result = attempt(grpc_exporter(collector.address, PATIENCE));
    assert_eq!(collector.requests.try_iter().count(), 1);
    result
}

/// A length-delimited protobuf field: a message or a string.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [
        &[number << 3 | 2, u8::try_from(bytes.len()).unwrap()],
        bytes,
    ]
    .concat()
}

/// Details with a message of this type.
fn details(name: &str, message: &[u8]) -> Vec<u8> {
    let url = field(
        1,
        format!("type.googleapis.com/google.rpc.{name}").as_bytes(),
    );
    let any = [url, field(2, message)].concat();
    [&b"\x08\x08\x12\x04busy"[..], &field(3, &any)].concat()
}

/// 2 seconds and 500 nanoseconds.
fn delay() -> Vec<u8> {
    field(1, b"\x08\x02\x10\xf4\x03")
}

#[test]
fn without_a_delay_the_spans_are_lost() {
    for details in [
        Vec::new(),
        b"\x08\x08\x12\x04busy".to_vec(),
        b"nonsense".to_vec(),
        details("QuotaFailure", &delay()),
    ] {
        let result = outcome(Code::ResourceExhausted, details);
        is_lost(result, "RESOURCE_EXHAUSTED: busy");
    }
}

#[test]
fn with_a_delay_it_is_retryable() {
    let result = outcome(Code::ResourceExhausted, details("RetryInfo", &delay()));
    let after = is_retryable(result, "RESOURCE_EXHAUSTED: busy");
    assert_eq!(after, Some(Duration::new(2, 500)));
    // Retried immediately, or never.
    let result = outcome(Code::ResourceExhausted, details("RetryInfo", b""));
    assert_eq!(is_retryable(result, "busy"), None);
    let minus_one = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let result = outcome(
        Code::ResourceExhausted,
        details("RetryInfo", &field(1, minus_one)),
    );
    assert_eq!(is_retryable(result, "busy"), Some(Duration::ZERO));
}

#[test]
fn delays_of_other_codes() {
    for code in [Code::Unavailable, Code::Aborted, Code::DataLoss] {
        let after = is_retryable(outcome(code, details("RetryInfo", &delay())), "busy");
        assert_eq!(after, Some(Duration::new(2, 500)), "{code:?}");
    }
    for code in [Code::Unknown, Code::Internal, Code::InvalidArgument] {
        is_lost(outcome(code, details("RetryInfo", &delay())), "busy");
    }
}

/// tonic's client panics at these.
#[test]
fn malformed_details_are_ignored() {
    const ERROR: &[(&str, &[u8])] = &[
        ("grpc-status", b"14"),
        ("grpc-message", b"b%75sy"),
        ("grpc-status-details-bin", b"*!"),
    ];
    let at_once = |mut respond: SendResponse<_>| {
        let (mut parts, ()) = head().into_parts();
        parts.headers.extend(headers(ERROR));
        let refusal = http::Response::from_parts(parts, ());
        respond.send_response(refusal, true).unwrap();
    };
    let in_trailers = |mut respond: SendResponse<_>| {
        let mut stream = respond.send_response(head(), false).unwrap();
        stream.send_data(message(0, b""), false).unwrap();
        stream.send_trailers(headers(ERROR)).unwrap();
    };
    for address in [server(at_once), server(in_trailers)] {
        let result = attempt(grpc_exporter(address, PATIENCE));
        assert_eq!(is_retryable(result, "UNAVAILABLE: busy"), None);
    }
}
