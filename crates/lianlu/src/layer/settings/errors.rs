//! What counts as an error, and how it is recorded.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::call::exceptions::Exceptions;
use crate::describe::outcome::Outcome;

impl<K: Side> TraceLayer<K> {
    /// Decides what is an error, instead of the conventions' tables: on spans (status and
    /// `error.type`) and on metrics (`error.type`).
    ///
    /// Spans in [Kratos mode](Self::kratos) keep Kratos's own status; the classifier then applies
    /// to metrics and logged exceptions only.
    ///
    /// [`Outcome::is_error`] follows the tables:
    ///
    /// | | server | client |
    /// |---|---|---|
    /// | gRPC | `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` | all but `OK` |
    /// | HTTP | 5xx | 4xx, 5xx |
    /// | | errors of the service or the body, panics | errors of the service or the body, panics |
    /// | | never: the client disconnected | never: the caller dropped the call |
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

    /// Sets the class of an error, the attribute `error.type`. `None` keeps the default class:
    ///
    /// | | |
    /// |---|---|
    /// | a status that is an error | `500`, `NOT_FOUND` |
    /// | a panic | `panic` |
    /// | a timeout of the client or the socket | `timeout` |
    /// | an [`io::Error`](std::io::Error) | its kind, such as `ConnectionRefused`, if it has a stable name |
    /// | no connection, for another reason such as DNS or TLS | `connect` |
    /// | a connection that ends early or does not speak HTTP | `UnexpectedEof`, `InvalidData` |
    /// | another error type | the type's path |
    /// | a cancelled HTTP call, if the classifier makes it an error | `cancelled` |
    /// | anything else | `_OTHER` |
    ///
    /// Each class is a separate series of the metrics.
    pub fn with_error_type(
        self,
        error_type: impl Fn(&Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.error_type = Some(Arc::new(error_type)))
    }

    /// How errors of the service and panics are recorded besides the span's status. By default
    /// `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN` decides (`logs` or `logs/dup`). If it is not set,
    /// they are logs if there is a [logger provider](Self::with_logger_provider), else span events.
    pub fn with_exceptions(self, exceptions: Exceptions) -> Self {
        self.with(|options| options.exceptions.told = Some(exceptions))
    }
}
