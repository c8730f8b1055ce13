//! The data of a call when it has ended.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry::StringValue;
use opentelemetry::trace::SpanKind;

use super::surface::Protocol;
use crate::grpc::{Code, Status};

/// Why a call did not end regularly.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service or the body returned an error.
    Error {
        /// A class of errors, of low cardinality.
        class: Cow<'static, str>,
        /// A message for people, without credentials.
        message: String,
        /// The gRPC status that the error maps to.
        code: Option<Code>,
    },
    /// The future or the body was dropped before its end.
    Dropped,
    /// Dropped after the call's deadline had passed.
    Deadline,
    /// The service or the body panicked. `None` if no hook has seen that panic.
    Panic(Option<Arc<PanicInfo>>),
}

/// A panic.
#[derive(Debug, Default)]
pub(crate) struct PanicInfo {
    /// The text of the panic. Empty if it is not a text.
    pub(crate) message: String,
    /// Empty unless stack traces are captured.
    pub(crate) stack_trace: String,
}

/// Messages and bytes of one direction. `None` if they could not be counted.
pub(crate) type Totals = Option<(u64, u64)>;

/// The data of a call when it has ended.
#[derive(Debug)]
pub(crate) struct CallResponse {
    pub(crate) kind: SpanKind,
    pub(crate) protocol: Protocol,
    pub(crate) http_status: Option<http::StatusCode>,
    /// The version of the response.
    pub(crate) version: Option<http::Version>,
    /// The server that a client has reached.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) grpc_status: Option<Status>,
    /// True if the status of a gRPC call cannot be known: the span ended before it arrived, or it
    /// is in base64 text that cannot be decoded.
    pub(crate) is_unreadable: bool,
    pub(crate) failure: Option<Failure>,
    /// Counts of a gRPC call.
    pub(crate) requests: Totals,
    pub(crate) responses: Totals,
    /// Sizes of an HTTP call.
    pub(crate) request_size: Option<u64>,
    pub(crate) response_size: Option<u64>,
    /// A server's route, if it became known after the start.
    pub(crate) late_route: Option<StringValue>,
    /// The number of this slice of a stream, if the stream is sliced.
    pub(crate) slice: Option<u32>,
}

impl CallResponse {
    /// A response of which only kind and protocol are known.
    pub(crate) fn new(kind: SpanKind, protocol: Protocol) -> Self {
        Self {
            kind,
            protocol,
            http_status: None,
            version: None,
            peer: None,
            grpc_status: None,
            is_unreadable: false,
            failure: None,
            requests: None,
            responses: None,
            request_size: None,
            response_size: None,
            late_route: None,
            slice: None,
        }
    }

    /// The status of a gRPC call, even if the call ended before its status arrived. `None` if it
    /// cannot be known.
    pub(crate) fn grpc_status(&self) -> Option<Status> {
        let silent = |code| Status {
            code,
            message: String::new(),
        };
        match &self.failure {
            Some(Failure::Error { code, message, .. }) => Some(Status {
                code: code.unwrap_or(Code::Unknown),
                message: message.clone(),
            }),
            Some(Failure::Deadline) => Some(silent(Code::DeadlineExceeded)),
            Some(Failure::Panic(_)) => Some(Status {
                code: Code::Unknown,
                message: "panic".to_owned(),
            }),
            Some(Failure::Dropped) => {
                Some(self.answer().unwrap_or_else(|| silent(Code::Cancelled)))
            }
            None if self.is_unreadable => self.answer(),
            None => Some(self.answer().unwrap_or_else(|| silent(Code::Unknown))),
        }
    }

    /// The response's gRPC status, or the one that a non-gRPC HTTP status maps to.
    fn answer(&self) -> Option<Status> {
        if let Some(status) = &self.grpc_status {
            return Some(status.clone());
        }
        let status = self.http_status.filter(|status| !status.is_success())?;
        Some(Status {
            code: Code::from_http(status),
            message: String::new(),
        })
    }

    /// True if the caller dropped the call before there was a response.
    pub(crate) fn is_cancelled(&self) -> bool {
        match (&self.failure, self.protocol) {
            (Some(Failure::Dropped), Protocol::Grpc) => self.answer().is_none(),
            (Some(Failure::Dropped | Failure::Deadline), Protocol::Http) => true,
            _ => false,
        }
    }
}
