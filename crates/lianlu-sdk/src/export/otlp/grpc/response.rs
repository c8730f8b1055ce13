//! Reads the response of a gRPC call.

use std::error::Error as _;
use std::future::poll_fn;
use std::pin::Pin;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use tonic::Code;
use tonic::body::Body;

use super::super::Compression;
use super::super::response::{Accepted, NO_RESPONSE};
use super::message::{Decoded, PREFIX, length, read};
use super::status::Status;
use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::one_line::with_causes;
use crate::export::transport::probe::USE_HTTP;
use crate::export::transport::status::failure_of_status;

/// The outcome of a request.
pub(crate) enum Response {
    /// The request was accepted; the response message, or why there is none.
    Accepted(Result<Vec<u8>, String>),
    /// The call failed with this status.
    Status(Status),
    /// Not a gRPC response; most likely from a proxy.
    NotGrpc(StatusCode, HeaderMap),
}

impl Response {
    /// Reads a response to its end, or as much as is needed; its message has at most `most` bytes. `Err` is an incomplete response.
    ///
    /// The status follows the message, and without it the spans are not known to be accepted. The
    /// exception is a message that is too long: the server has produced a response, which it does
    /// after accepting the spans, and would do so on every retry.
    pub(super) async fn read(response: http::Response<Body>, most: usize) -> Result<Self, String> {
        let (head, mut body) = response.into_parts();
        if let Some(status) = Status::from_headers(&head.headers) {
            return Ok(Self::from_status(status, &[], None, most));
        }
        if head.status != StatusCode::OK || !is_grpc(&head.headers) {
            return Ok(Self::NotGrpc(head.status, head.headers));
        }
        let encoding = head.headers.get("grpc-encoding");
        let encoding = encoding.and_then(|name| Compression::from_name(name.as_bytes()));
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            // tonic's texts contain more than users need; the cause is enough.
            let frame = frame.map_err(|status| match status.source() {
                Some(cause) => with_causes(cause),
                None => with_causes(&status),
            })?;
            let frame = match frame.into_data() {
                Ok(data) => {
                    bytes.extend_from_slice(&data);
                    // The declared length shows early that a message is too long.
                    let length = length(&bytes).unwrap_or_default();
                    if length.max(bytes.len().saturating_sub(PREFIX)) > most {
                        return Ok(Self::Accepted(Err(too_long(most))));
                    }
                    continue;
                }
                Err(frame) => frame,
            };
            if let Some(status) = frame.trailers_ref().and_then(Status::from_headers) {
                return Ok(Self::from_status(status, &bytes, encoding, most));
            }
        }
        // A stream reset without an error looks like the end of the stream.
        Err("the response has no status".to_owned())
    }

    fn from_status(
        status: Status,
        bytes: &[u8],
        encoding: Option<Compression>,
        most: usize,
    ) -> Self {
        if status.code != Code::Ok {
            return Self::Status(status);
        }
        Self::Accepted(match read(bytes, encoding, most) {
            Decoded::Message(message) => Ok(message),
            Decoded::TooLong => Err(too_long(most)),
            Decoded::Malformed => Err(NO_RESPONSE.to_owned()),
        })
    }

    /// The message of a successful call; otherwise the reason.
    #[cfg(feature = "jaeger-remote-sampler")]
    pub(crate) fn into_message(self, url: &CollectorUrl) -> Result<Vec<u8>, String> {
        match self {
            Self::Accepted(message) => message.map_err(|problem| format!("{url}: it {problem}")),
            other => match other.into_result(url, 0, 0) {
                Ok(_) => Ok(Vec::new()),
                Err(failure) => Err(failure.reason),
            },
        }
    }

    /// The result for a batch of `spans` spans, sent in `length` bytes.
    pub(super) fn into_result(
        self,
        url: &CollectorUrl,
        spans: usize,
        length: usize,
    ) -> Result<Accepted, Failure> {
        match self {
            Self::Accepted(Ok(message)) => Ok(Accepted::from_protobuf(&message)),
            Self::Accepted(Err(problem)) => Ok(Accepted::unreadable(&problem)),
            Self::Status(status) => Err(status.into_failure(url, spans, length)),
            // gRPC maps the same HTTP statuses to UNAVAILABLE that OTLP over HTTP retries.
            Self::NotGrpc(status, headers) => Err(failure_of_status(
                url,
                status,
                &headers,
                &format!("this is not gRPC: {USE_HTTP}"),
                spans,
            )),
        }
    }
}

fn too_long(most: usize) -> String {
    match most.is_multiple_of(1024 * 1024) {
        true => format!("is longer than {} MiB", most / (1024 * 1024)),
        false => format!("is longer than {most} bytes"),
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(|it| it.as_bytes());
    content_type.is_some_and(|it| it.starts_with(b"application/grpc"))
}
