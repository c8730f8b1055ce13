//! What counts as an error, and how it is told.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::call::exceptions::Exceptions;
use crate::describe::outcome::Outcome;

impl<K: Side> TraceLayer<K> {
    /// Decides what is an error, in place of the conventions' tables: on spans (status and
    /// `error.type`) and on metrics (`error.type`).
    ///
    /// Spans in [Kratos's mode](Self::kratos) keep Kratos's own status; there it decides for the metrics
    /// and for exceptions that are logged.
    ///
    /// [`Outcome::is_error`] is what the tables say:
    ///
    /// | | server | client |
    /// |---|---|---|
    /// | gRPC | `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` | all but `OK` |
    /// | HTTP | 5xx | 4xx, 5xx |
    /// | | errors of the service or the body, panics | the same |
    /// | | never: the client has gone | never: the caller has dropped the call |
    ///
    /// ```
    /// use lianlu::conventions::GrpcCode;
    ///
    /// // A client that expects NOT_FOUND.
    /// let layer = lianlu::client().with_error_classifier(|outcome| {
    ///     outcome.is_error() && outcome.grpc_code() != Some(GrpcCode::NotFound)
    /// });
    /// # let _ = layer;
    /// ```
    pub fn with_error_classifier(
        self,
        is_error: impl Fn(&Outcome<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.classify = Some(Arc::new(is_error)))
    }

    /// Names the classes of errors, the attribute `error.type`. `None` leaves the class that it has:
    ///
    /// | | |
    /// |---|---|
    /// | a status that is an error | `500`, `NOT_FOUND` |
    /// | a panic | `panic` |
    /// | a time-out of the client's or the socket's | `timeout` |
    /// | an [`io::Error`](std::io::Error) | its kind, `ConnectionRefused`, if it has a stable name |
    /// | no connection, for another reason: DNS, TLS | `connect` |
    /// | a connection that ends early or speaks no HTTP | `UnexpectedEof`, `InvalidData` |
    /// | another type of error | the type's path |
    /// | an HTTP call that was given up, if a classifier calls that an error | `cancelled` |
    /// | what has no name | `_OTHER` |
    ///
    /// Each makes a series of its own.
    pub fn with_error_type(
        self,
        error_type: impl Fn(&Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.error_type = Some(Arc::new(error_type)))
    }

    /// How errors of the service and panics are recorded beside the span's status. By default as span
    /// events, or as `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN` says: `logs` or `logs/dup`. Logs need
    /// [`with_logger_provider`](Self::with_logger_provider).
    pub fn with_exceptions(self, exceptions: Exceptions) -> Self {
        self.with(|options| options.exceptions.told = Some(exceptions))
    }
}
