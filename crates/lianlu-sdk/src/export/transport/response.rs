//! Sends a batch in one HTTP request and interprets the response.
//!
//! The status decides whether a batch is accepted. Without a status it is unknown, and the batch
//! [may be sent again](https://opentelemetry.io/docs/specs/otlp/#otlphttp-connection): a duplicate
//! is better than a loss. With a 2xx it is accepted, even if the body is truncated, too long or
//! malformed: a body cannot revoke the status, and the collector would respond in the same way to
//! every retry.

use std::io::ErrorKind;

use http::response::Parts;

use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::http_client::{HttpClient, HttpResponse};
use crate::export::transport::probe::USE_GRPC;
use crate::export::transport::status::failure_of_status;

/// Posts a batch of `spans` spans. `Ok` is the response of a collector that has accepted it,
/// at most `most` bytes of it are read. Otherwise `error_message` extracts the message from the response.
pub(crate) fn send_batch(
    client: &HttpClient,
    url: &CollectorUrl,
    request: http::Request<&[u8]>,
    most: usize,
    spans: usize,
    error_message: impl FnOnce(&Parts, &[u8]) -> String,
) -> Result<HttpResponse, Failure> {
    let response = client
        .send(request, most)
        .map_err(|error| failure_of_error(client, url, &error, spans))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let error_message = match body {
        Ok(body) => error_message(&head, &body),
        Err(error) => error.to_string(),
    };
    Err(failure_of_status(
        url,
        head.status,
        &head.headers,
        &error_message,
        spans,
    ))
}

/// The failure without a response: unreachable, reset, timeout, failed TLS, or not HTTP. All are
/// retryable, except for an invalid request.
fn failure_of_error(
    client: &HttpClient,
    url: &CollectorUrl,
    error: &ureq::Error,
    spans: usize,
) -> Failure {
    let reason = match error {
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => {
            return Failure::new(spans, format!("{url}: {}", url.quote(&error.to_string())));
        }
        // The TLS library's handshake errors have this kind; their texts rarely mention TLS.
        ureq::Error::Io(cause) if cause.kind() == ErrorKind::InvalidData => {
            format!("{url}: TLS failed: {}", url.quote(&cause.to_string()))
        }
        error if client.speaks_http2(url.uri(), error) => {
            format!("{url} speaks HTTP/2, as gRPC does, and not HTTP/1.1: {USE_GRPC}")
        }
        error => format!("{url}: {}", url.quote(&error.to_string())),
    };
    let class = match error {
        ureq::Error::Timeout(_) => "timeout",
        ureq::Error::HostNotFound => "host_not_found",
        ureq::Error::ConnectionFailed => "connection_failed",
        ureq::Error::Io(cause) => match cause.kind() {
            ErrorKind::InvalidData => "tls",
            ErrorKind::ConnectionRefused => "connection_refused",
            ErrorKind::ConnectionReset => "connection_reset",
            ErrorKind::TimedOut => "timeout",
            _ => "io",
        },
        _ => "",
    };
    Failure::temporary(reason).with_error_type(class)
}
