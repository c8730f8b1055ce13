//! Classifies the outcome of a call: whether it is an error, and of which type.

use std::borrow::Cow;
use std::time::Duration;

use opentelemetry::trace::SpanKind;

use super::response::{CallResponse, Failure};
use super::surface::{OTHER, Protocol};
use crate::grpc::Code;

/// How a call ended: the input of [`on_end`](crate::TraceLayer::on_end) and
/// [`Errors::classifier`](crate::layer::Errors::classifier).
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    response: &'a CallResponse,
    duration: Duration,
    classification: &'a Classification,
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(
        response: &'a CallResponse,
        duration: Duration,
        classification: &'a Classification,
    ) -> Self {
        Self {
            response,
            duration,
            classification,
        }
    }

    /// `Server` or `Client`.
    #[must_use]
    pub fn kind(&self) -> SpanKind {
        self.response.kind.clone()
    }

    /// Whether the call was gRPC.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.response.protocol == Protocol::Grpc
    }

    /// The response's HTTP status, if there was a response.
    #[must_use]
    pub fn http_status(&self) -> Option<http::StatusCode> {
        self.response.http_status
    }

    /// The status of a gRPC call, even if the call ended before its status arrived: `CANCELLED` if
    /// it was dropped, `DEADLINE_EXCEEDED` if its deadline had passed, `UNKNOWN` after a panic.
    /// `None` for HTTP, and if the status cannot be known.
    #[must_use]
    pub fn grpc_code(&self) -> Option<Code> {
        if !self.is_grpc() {
            return None;
        }
        self.response.grpc_status().map(|status| status.code)
    }

    /// The error message: that of the gRPC status or of the error, without credentials.
    #[must_use]
    pub fn message(&self) -> &'a str {
        &self.classification.message
    }

    /// Whether the future or the body was dropped before the response was complete.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.classification.is_cancelled
    }

    /// Whether the call was still running when its `grpc-timeout` expired.
    #[must_use]
    pub fn is_deadline_exceeded(&self) -> bool {
        matches!(self.response.failure, Some(Failure::Deadline))
            || self.grpc_code() == Some(Code::DeadlineExceeded)
    }

    /// Whether the service panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.response.failure, Some(Failure::Panic(_)))
    }

    /// Whether the call counts as an error. In a classifier: whether it does by the conventions.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.classification.is_error
    }

    /// The attribute `error.type`, if the call counts as an error.
    #[must_use]
    pub fn error_type(&self) -> Option<&'a str> {
        self.classification.error_type.as_deref()
    }

    /// How long the call took, to the end of its body, on a monotonic clock.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

/// The classification of a call's end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classification {
    pub(crate) is_error: bool,
    pub(crate) is_cancelled: bool,
    pub(crate) error_type: Option<Cow<'static, str>>,
    /// The description of the span's status; empty if the code is enough.
    pub(crate) message: String,
}

impl Classification {
    /// Classifies by the conventions.
    pub(crate) fn of(response: &CallResponse) -> Self {
        if response.is_cancelled() && !is_http_error(response) {
            return Self {
                is_cancelled: true,
                ..Self::default()
            };
        }
        let (is_error, message) = match response.protocol {
            Protocol::Http => match &response.failure {
                Some(Failure::Error { message, .. }) => (true, message.clone()),
                Some(Failure::Panic(_)) => (true, "panic".to_owned()),
                // The conventions do not want a description that repeats the code.
                _ => (is_http_error(response), String::new()),
            },
            Protocol::Grpc => match response.grpc_status() {
                Some(status) => (is_grpc_error(response, status.code), status.message),
                None => (false, String::new()),
            },
        };
        Self {
            is_error,
            is_cancelled: response.is_cancelled(),
            error_type: is_error.then(|| class(response)),
            message,
        }
    }

    /// Applies the decision of a user's classifier.
    pub(crate) fn set_error(&mut self, is_error: bool, response: &CallResponse) {
        self.is_error = is_error;
        self.error_type = match self.error_type.take() {
            _ if !is_error => None,
            Some(class) => Some(class),
            None => Some(class(response)),
        };
    }
}

fn is_http_error(response: &CallResponse) -> bool {
    let lowest = match response.kind {
        SpanKind::Client => 400,
        _ => 500,
    };
    response.protocol == Protocol::Http
        && response
            .http_status
            .is_some_and(|status| status.as_u16() >= lowest)
}

fn is_grpc_error(response: &CallResponse, code: Code) -> bool {
    match &response.failure {
        // An error without a gRPC status counts on both sides.
        Some(Failure::Panic(_) | Failure::Error { code: None, .. }) => true,
        _ if response.kind == SpanKind::Client => code.is_client_error(),
        _ => code.is_server_error(),
    }
}

/// The class of the error. It has few values, whatever callers send.
fn class(response: &CallResponse) -> Cow<'static, str> {
    match (&response.failure, response.protocol) {
        (Some(Failure::Panic(_)), _) => "panic".into(),
        (Some(Failure::Error { class, .. }), Protocol::Http) => class.clone(),
        (
            Some(Failure::Error {
                class, code: None, ..
            }),
            Protocol::Grpc,
        ) => class.clone(),
        (_, Protocol::Grpc) => match response.grpc_status() {
            Some(status) => status.code.name().into(),
            None => OTHER.into(),
        },
        // The classifier made it an error, so its status is not the reason.
        (_, Protocol::Http) if response.is_cancelled() && !is_http_error(response) => {
            "cancelled".into()
        }
        (_, Protocol::Http) => match response.http_status {
            Some(status) => Cow::Owned(status.as_str().to_owned()),
            None => OTHER.into(),
        },
    }
}
