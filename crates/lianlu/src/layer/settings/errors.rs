//! What counts as an error, and how it is recorded.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::logs::LoggerProvider;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::call::exceptions::{ExceptionSignal, Exceptions};
use crate::call::hooks::{Classify, ErrorType};
use crate::describe::outcome::Outcome;

/// What counts as an error, and how errors are recorded; see
/// [`with_errors`](TraceLayer::with_errors).
#[must_use]
pub struct Errors {
    classify: Option<Arc<Classify>>,
    error_type: Option<Arc<ErrorType>>,
    signal: ExceptionSignal,
}

impl Errors {
    /// Decides what is an error, instead of the conventions' tables: on spans (status and
    /// `error.type`) and on metrics (`error.type`).
    ///
    /// Spans in [Kratos mode](TraceLayer::kratos) keep Kratos's own status; the classifier then applies
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
    /// let layer = lianlu::client().with_errors(|errors| {
    ///     errors.classifier(|outcome| {
    ///         outcome.is_error() && outcome.grpc_code() != Some(GrpcCode::NotFound)
    ///     })
    /// });
    /// # let _ = layer;
    /// ```
    pub fn classifier(
        mut self,
        is_error: impl Fn(&Outcome<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.classify = Some(Arc::new(is_error));
        self
    }

    /// Sets the class of an error, the attribute `error.type`. `None` keeps the default class:
    ///
    /// | | |
    /// |---|---|
    /// | a status that is an error | `500`, `NOT_FOUND` |
    /// | a panic | `panic` |
    /// | a timeout of the client, the socket or a layer of tower, tokio or tower-http, in whatever box | `timeout` |
    /// | tower's load shedding, its closed buffer, a limited body | `overloaded`, `closed`, `length_limit_exceeded` |
    /// | a host name that does not resolve | `name_resolution_error` |
    /// | an [`io::Error`](std::io::Error) | its kind, such as `ConnectionRefused`, if it has a stable name |
    /// | no connection, for another reason such as TLS | `connect` |
    /// | a connection that ends early or does not speak HTTP | `UnexpectedEof`, `InvalidData` |
    /// | another error type | the type's path |
    /// | a cancelled HTTP call, if the classifier makes it an error | `cancelled` |
    /// | anything else | `_OTHER` |
    ///
    /// Each class is a separate series of the metrics.
    pub fn error_type(
        mut self,
        error_type: impl Fn(&Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    ) -> Self {
        self.error_type = Some(Arc::new(error_type));
        self
    }

    /// How errors of the service and panics are recorded besides the span's status. By default
    /// `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN` decides (`logs` or `logs/dup`). If it is not set,
    /// they are logs if there is a [`logger_provider`](Self::logger_provider), else span events.
    pub fn exceptions(mut self, exceptions: Exceptions) -> Self {
        self.signal.configured = Some(exceptions);
        self
    }

    /// The provider for exception logs, which then replace span events unless
    /// [`exceptions`](Self::exceptions) or the environment says otherwise:
    /// `http.server.request.exception`, `rpc.client.call.exception` and so on, `ERROR` on servers
    /// and `WARN` on clients, with the call's trace.
    ///
    /// To know the messages of panics, this sets a panic hook, which calls the hook before it.
    pub fn logger_provider<P>(mut self, provider: P) -> Self
    where
        P: LoggerProvider + Send + Sync + 'static,
        P::Logger: Send + Sync + 'static,
    {
        self.signal.set_provider(provider);
        self
    }

    /// Records the stack traces of panics, as `exception.stacktrace`, and their messages also in
    /// span events. Sets a panic hook, as [`logger_provider`](Self::logger_provider) does; a stack
    /// trace takes some milliseconds.
    pub fn stack_traces(mut self) -> Self {
        self.signal.set_stack_traces();
        self
    }
}

impl fmt::Debug for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errors")
            .field("classifier", &self.classify.is_some())
            .field("error_type", &self.error_type.is_some())
            .field("exceptions", &self.signal)
            .finish()
    }
}

impl<K: Side> TraceLayer<K> {
    /// Changes what counts as an error, and how errors are recorded. By default as the conventions
    /// define it.
    pub fn with_errors(self, change: impl FnOnce(Errors) -> Errors) -> Self {
        self.with(|options| {
            let errors = change(Errors {
                classify: options.hooks.classify.take(),
                error_type: options.hooks.error_type.take(),
                signal: std::mem::take(&mut options.exceptions),
            });
            options.hooks.classify = errors.classify;
            options.hooks.error_type = errors.error_type;
            options.exceptions = errors.signal;
            options.name_scope();
        })
    }
}
