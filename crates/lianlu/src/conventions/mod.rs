//! Which name, kind, attributes and status a call's span gets.
//!
//! One file for each convention: [`http`](http_spans) and [`grpc`](grpc_spans) of OpenTelemetry,
//! and [`kratos`] for the compatibility mode. The layers hand over what they know at the start and
//! at the end of a call; nothing here touches the request or the response.

mod grpc_spans;
mod http_spans;
pub(crate) mod keys;
mod kratos;
pub(crate) mod target;

use std::borrow::Cow;
use std::net::SocketAddr;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, SpanRef};

use crate::grpc::{Code, Status};
use crate::kratos::{Operation, PathTemplate};
use crate::request::RequestHead;
use crate::told::Told;
use target::Target;

/// Which set of conventions a layer follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenTelemetry,
    Kratos,
}

/// What a call speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// What is known when a call starts.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) kind: SpanKind,
    pub(crate) protocol: Protocol,
    pub(crate) head: RequestHead<'a>,
    /// The route's template, on servers that have one.
    pub(crate) route: Option<&'a str>,
    /// The socket's other end, on servers that tell.
    pub(crate) peer: Option<SocketAddr>,
    /// Where a client's calls go, if the user said so.
    pub(crate) target: Option<&'a Target>,
    /// The calling service's name for itself.
    pub(crate) caller: Option<&'a str>,
    /// What Kratos's dialect calls the call, if somebody said so.
    pub(crate) operation: Option<&'a Operation>,
    /// The path's template in Kratos's dialect, if somebody said so.
    pub(crate) template: Option<&'a PathTemplate>,
    /// What a client's caller said about the call.
    pub(crate) told: Told,
}

impl<'a> Start<'a> {
    /// Host and port of the call's server: what the user said, else what the request asks for.
    fn server(&self) -> Option<(&'a str, Option<u16>)> {
        match self.target {
            Some(target) => Some((&target.host, target.port)),
            None => self.head.authority().map(target::split_authority),
        }
    }
}

/// A span's name and attributes at its start.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: Cow<'static, str>,
    pub(crate) attributes: Vec<KeyValue>,
}

/// Why a call ended without its regular end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service or the body gave an error.
    Error {
        /// A class of errors, of low cardinality.
        class: Cow<'static, str>,
        /// For people; free of credentials.
        message: String,
        /// The gRPC status that the error stands for.
        code: Option<Code>,
    },
    /// The future or the body was dropped before its end.
    Dropped,
    /// The same, and the call's deadline had passed.
    Deadline,
    /// The service or the body panicked.
    Panic,
}

/// Messages and bytes of one direction.
pub(crate) type Totals = Option<(u64, u64)>;

/// What is known when a call has ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) kind: SpanKind,
    pub(crate) protocol: Protocol,
    pub(crate) http_status: Option<http::StatusCode>,
    /// The response's.
    pub(crate) version: Option<http::Version>,
    pub(crate) grpc_status: Option<Status>,
    /// Whether the status of a gRPC call was where it can't be read: in gRPC-Web's base64.
    pub(crate) is_unreadable: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) requests: Totals,
    pub(crate) responses: Totals,
}

impl End {
    /// The status of a gRPC call, also of one that never got to say it. `None` if it can't be known.
    fn grpc_status(&self) -> Option<Status> {
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
            Some(Failure::Panic) => Some(Status {
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

    /// What the response has said: its status, or that it is none of gRPC's.
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

    /// Whether the call was given up before it had an answer.
    fn is_cancelled(&self) -> bool {
        matches!(self.failure, Some(Failure::Dropped)) && self.answer().is_none()
    }
}

impl Dialect {
    pub(crate) fn start(self, start: &Start<'_>) -> Described {
        match (self, start.protocol) {
            (Self::Kratos, _) => kratos::start(start),
            (Self::OpenTelemetry, Protocol::Http) => http_spans::start(start),
            (Self::OpenTelemetry, Protocol::Grpc) => grpc_spans::start(start),
        }
    }

    /// Writes the end's attributes and status into the span, and ends it.
    pub(crate) fn end(self, span: &SpanRef<'_>, end: &End) {
        if span.is_recording() {
            match (self, end.protocol) {
                (Self::Kratos, _) => kratos::end(span, end),
                (Self::OpenTelemetry, Protocol::Http) => http_spans::end(span, end),
                (Self::OpenTelemetry, Protocol::Grpc) => grpc_spans::end(span, end),
            }
        }
        span.end();
    }
}

fn port(port: u16) -> i64 {
    i64::from(port)
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
