//! An answer, as it comes in.

use std::error::Error as _;
use std::future::poll_fn;
use std::pin::Pin;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use tonic::Code;
use tonic::body::Body;

use super::super::answer::{NO_RESPONSE, Taken};
use super::super::{Compression, MAX_RESPONSE};
use super::message::{PREFIX, Read, length, read};
use super::status::Status;
use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::one_line::with_causes;
use crate::export::transport::status::refusal;

/// What became of a request.
pub(super) enum Answer {
    /// It is taken, and this is its message, or why there is none.
    Taken(Result<Vec<u8>, &'static str>),
    /// Refused.
    Status(Status),
    /// Somebody answers who does not speak gRPC, most of all a proxy.
    NotGrpc(StatusCode, HeaderMap),
}

impl Answer {
    /// Reads an answer to its end, or as much of it as it takes. `Err` is an answer that breaks off.
    ///
    /// The status comes behind the message, and without it nobody has said that the spans are taken. The exception is a
    /// message that is too long: its sender made an answer of it, which a server does for what it has taken, and would
    /// do so each time.
    pub(super) async fn read(response: http::Response<Body>) -> Result<Self, String> {
        let (head, mut body) = response.into_parts();
        if let Some(status) = Status::from_headers(&head.headers) {
            return Ok(Self::ended(status, &[], None));
        }
        if head.status != StatusCode::OK || !is_grpc(&head.headers) {
            return Ok(Self::NotGrpc(head.status, head.headers));
        }
        let encoding = head.headers.get("grpc-encoding");
        let encoding = encoding.and_then(|name| Compression::from_name(name.as_bytes()));
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            // tonic's texts say their cause, and more than people need.
            let frame = frame.map_err(|status| match status.source() {
                Some(cause) => with_causes(cause),
                None => with_causes(&status),
            })?;
            let frame = match frame.into_data() {
                Ok(data) => {
                    bytes.extend_from_slice(&data);
                    // Of a longer message the length says so first.
                    let length = length(&bytes).unwrap_or_default();
                    if length.max(bytes.len().saturating_sub(PREFIX)) > MAX_RESPONSE {
                        return Ok(Self::Taken(Err(TOO_LONG)));
                    }
                    continue;
                }
                Err(frame) => frame,
            };
            if let Some(status) = frame.trailers_ref().and_then(Status::from_headers) {
                return Ok(Self::ended(status, &bytes, encoding));
            }
        }
        // A stream that is reset for no reason looks like one that has ended.
        Err("the answer has no status".to_owned())
    }

    fn ended(status: Status, bytes: &[u8], encoding: Option<Compression>) -> Self {
        if status.code != Code::Ok {
            return Self::Status(status);
        }
        Self::Taken(match read(bytes, encoding) {
            Read::Whole(message) => Ok(message),
            Read::TooLong => Err(TOO_LONG),
            Read::Broken => Err(NO_RESPONSE),
        })
    }

    /// What this makes of a batch of `spans` spans, sent in `length` bytes.
    pub(super) fn judge(
        self,
        place: &CollectorUrl,
        spans: usize,
        length: usize,
    ) -> Result<Taken, Failure> {
        match self {
            Self::Taken(Ok(message)) => Ok(Taken::from_protobuf(&message)),
            Self::Taken(Err(problem)) => Ok(Taken::unread(problem)),
            Self::Status(status) => Err(status.refusal(place, spans, length)),
            // gRPC takes the same statuses for UNAVAILABLE that OTLP over HTTP has us send again.
            Self::NotGrpc(status, headers) => {
                Err(refusal(place, status, &headers, "this is not gRPC", spans))
            }
        }
    }
}

const TOO_LONG: &str = "is longer than 4 MiB";

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(|it| it.as_bytes());
    content_type.is_some_and(|it| it.starts_with(b"application/grpc"))
}
