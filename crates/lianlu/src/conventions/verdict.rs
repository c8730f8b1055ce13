//! What is an error, and of which type.

use std::borrow::Cow;
use std::time::Duration;

use opentelemetry::trace::SpanKind;

use super::{End, Failure, OTHER, Protocol};
use crate::grpc::Code;

/// How a call ended: what [`on_end`](crate::TraceLayer::on_end) and
/// [`with_error_classifier`](crate::TraceLayer::with_error_classifier) decide by.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    end: &'a End,
    duration: Duration,
    verdict: &'a Verdict,
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(end: &'a End, duration: Duration, verdict: &'a Verdict) -> Self {
        Self {
            end,
            duration,
            verdict,
        }
    }

    /// `Server` or `Client`.
    #[must_use]
    pub fn kind(&self) -> SpanKind {
        self.end.kind.clone()
    }

    /// Whether the call was gRPC.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.end.protocol == Protocol::Grpc
    }

    /// The response's HTTP status, if there was a response.
    #[must_use]
    pub fn http_status(&self) -> Option<http::StatusCode> {
        self.end.http_status
    }

    /// The status of a gRPC call, also of one that never got to say it: `CANCELLED` if it was given
    /// up, `DEADLINE_EXCEEDED` if its time was over, `UNKNOWN` after a panic. `None` for HTTP, and where
    /// it can't be known.
    #[must_use]
    pub fn grpc_code(&self) -> Option<Code> {
        if !self.is_grpc() {
            return None;
        }
        self.end.grpc_status().map(|status| status.code)
    }

    /// What an error says: a gRPC status's message or an error's text, free of credentials.
    #[must_use]
    pub fn message(&self) -> &'a str {
        &self.verdict.message
    }

    /// Whether the future or the body was dropped before the call had its answer.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.verdict.is_cancelled
    }

    /// Whether the call was still running when its `grpc-timeout` was over.
    #[must_use]
    pub fn is_deadline_exceeded(&self) -> bool {
        matches!(self.end.failure, Some(Failure::Deadline))
            || self.grpc_code() == Some(Code::DeadlineExceeded)
    }

    /// Whether the service panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.end.failure, Some(Failure::Panic))
    }

    /// Whether the call counts as an error. In a classifier: whether it does by the conventions.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.verdict.is_error
    }

    /// The attribute `error.type`, if the call counts as an error.
    #[must_use]
    pub fn error_type(&self) -> Option<&'a str> {
        self.verdict.error_type.as_deref()
    }

    /// How long the call took, to the end of its body, by a clock that never steps.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

/// What a call's end means.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict {
    pub(crate) is_error: bool,
    pub(crate) is_cancelled: bool,
    pub(crate) error_type: Option<Cow<'static, str>>,
    /// The span's description; empty where the code says it all.
    pub(crate) message: String,
}

impl Verdict {
    /// By the conventions.
    pub(crate) fn of(end: &End) -> Self {
        if end.is_cancelled() && !is_http_error(end) {
            return Self {
                is_cancelled: true,
                ..Self::default()
            };
        }
        let (is_error, message) = match end.protocol {
            Protocol::Http => match &end.failure {
                Some(Failure::Error { message, .. }) => (true, message.clone()),
                Some(Failure::Panic) => (true, "panic".to_owned()),
                // The code says it all; the conventions want no description that repeats it.
                _ => (is_http_error(end), String::new()),
            },
            Protocol::Grpc => match end.grpc_status() {
                Some(status) => (is_grpc_error(end, status.code), status.message),
                None => (false, String::new()),
            },
        };
        Self {
            is_error,
            is_cancelled: end.is_cancelled(),
            error_type: is_error.then(|| class(end)),
            message,
        }
    }

    /// After a classifier has said otherwise.
    pub(crate) fn set_error(&mut self, is_error: bool, end: &End) {
        self.is_error = is_error;
        self.error_type = match self.error_type.take() {
            _ if !is_error => None,
            Some(class) => Some(class),
            None => Some(class(end)),
        };
    }
}

fn is_http_error(end: &End) -> bool {
    let lowest = match end.kind {
        SpanKind::Client => 400,
        _ => 500,
    };
    end.protocol == Protocol::Http
        && end
            .http_status
            .is_some_and(|status| status.as_u16() >= lowest)
}

fn is_grpc_error(end: &End, code: Code) -> bool {
    match &end.failure {
        // An error of no gRPC status is one on either side.
        Some(Failure::Panic | Failure::Error { code: None, .. }) => true,
        _ if end.kind == SpanKind::Client => code.is_client_error(),
        _ => code.is_server_error(),
    }
}

/// The class of what went wrong: of few values, whoever calls.
fn class(end: &End) -> Cow<'static, str> {
    match (&end.failure, end.protocol) {
        (Some(Failure::Panic), _) => "panic".into(),
        (Some(Failure::Error { class, .. }), Protocol::Http) => class.clone(),
        (
            Some(Failure::Error {
                class, code: None, ..
            }),
            Protocol::Grpc,
        ) => class.clone(),
        (_, Protocol::Grpc) => match end.grpc_status() {
            Some(status) => status.code.name().into(),
            None => OTHER.into(),
        },
        // A classifier wants it to be an error, and a good status is not why.
        (_, Protocol::Http) if end.is_cancelled() && !is_http_error(end) => "cancelled".into(),
        (_, Protocol::Http) => match end.http_status {
            Some(status) => Cow::Owned(status.as_str().to_owned()),
            None => OTHER.into(),
        },
    }
}
