//! Errors and panics as exceptions: events of the span, logs, or both.

use std::fmt;
use std::sync::{Arc, LazyLock};

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::{SpanKind, SpanRef};
use opentelemetry::{InstrumentationScope, KeyValue};

use super::panics;
use crate::describe::keys::exception;
use crate::describe::response::{CallResponse, Failure};
use crate::describe::surface::Protocol;
use crate::variables::variable;
use crate::warning::warn_variable;

/// How an error of the service, or a panic, is recorded besides the span's status; see
/// [`Errors::exceptions`](crate::layer::Errors::exceptions). By default as logs if the layer has a
/// logger provider, else as span events.
///
/// An error status in the peer's response is not an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exceptions {
    /// An event `exception` of the span.
    Events,
    /// A log record, through [`Errors::logger_provider`](crate::layer::Errors::logger_provider);
    /// without a logger provider, as [`Events`](Self::Events).
    Logs,
    /// Both.
    Both,
    /// Only the span's status and `error.type`.
    Off,
}

impl Exceptions {
    fn events(self) -> bool {
        matches!(self, Self::Events | Self::Both)
    }

    fn logs(self) -> bool {
        matches!(self, Self::Logs | Self::Both)
    }
}

const VARIABLE: &str = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN";

/// `None`: logs if there is a logger provider, else span events.
static FROM_ENV: LazyLock<Option<Exceptions>> = LazyLock::new(|| {
    let value = variable(VARIABLE).unwrap_or_default();
    match value.trim() {
        "" => None,
        "logs" => Some(Exceptions::Logs),
        "logs/dup" => Some(Exceptions::Both),
        _ => {
            let why = "there are logs and logs/dup; exceptions are recorded as by default";
            warn_variable(VARIABLE, &value, why);
            None
        }
    }
});

/// An exception to log.
struct Exception<'a> {
    event_name: &'static str,
    severity: Severity,
    class: &'a str,
    message: &'a str,
    /// Empty if there is none.
    stack_trace: &'a str,
}

type Log = dyn Fn(&Exception<'_>) + Send + Sync;
/// Makes a logger for a scope, once the layer's scope is known.
type MakeLog = dyn Fn(InstrumentationScope) -> Arc<Log> + Send + Sync;

/// Where a layer's exceptions go.
#[derive(Clone, Default)]
pub(crate) struct ExceptionSignal {
    /// `None`: the environment decides.
    pub(crate) configured: Option<Exceptions>,
    make_log: Option<Arc<MakeLog>>,
    log: Option<Arc<Log>>,
    /// Whether a panic's stack trace is recorded.
    stack_traces: bool,
}

impl fmt::Debug for ExceptionSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExceptionSignal")
            .field("configured", &self.configured)
            .field("log", &self.log.is_some())
            .finish()
    }
}

impl ExceptionSignal {
    pub(crate) fn set_provider<P>(&mut self, provider: P)
    where
        P: LoggerProvider + Send + Sync + 'static,
        P::Logger: Send + Sync + 'static,
    {
        self.make_log = Some(Arc::new(move |scope| {
            let logger = provider.logger_with_scope(scope);
            Arc::new(move |exception: &Exception<'_>| emit(&logger, exception))
        }));
        panics::observe(self.stack_traces);
    }

    /// Records stack traces of panics, and their messages also in events.
    pub(crate) fn set_stack_traces(&mut self) {
        self.stack_traces = true;
        panics::observe(true);
    }

    pub(crate) fn set_scope(&mut self, scope: InstrumentationScope) {
        self.log = self.make_log.as_ref().map(|make| make(scope));
    }

    /// True if exceptions are logged, also for calls without a recorded span.
    pub(crate) fn are_logged(&self) -> bool {
        self.log.is_some()
    }

    /// Records why a call failed. Call it while the call's context is current: the log takes its
    /// trace from there.
    pub(crate) fn record(&self, response: &CallResponse, span: &SpanRef<'_>, with_events: bool) {
        let mut stack_trace = "";
        let (class, message) = match &response.failure {
            Some(Failure::Error { class, message, .. }) => (&**class, &**message),
            Some(Failure::Panic(panic)) => {
                let is_observing = self.log.is_some() || self.stack_traces;
                let panic = panic.as_deref().filter(|_| is_observing);
                if let Some(panic) = panic.filter(|_| self.stack_traces) {
                    stack_trace = &panic.stack_trace;
                }
                let message = panic.map(|panic| &*panic.message);
                let message = message.filter(|message| !message.is_empty());
                ("panic", message.unwrap_or("the service panicked"))
            }
            _ => return,
        };
        let by_default = match self.log {
            Some(_) => Exceptions::Logs,
            None => Exceptions::Events,
        };
        let mut signal = self.configured.or(*FROM_ENV).unwrap_or(by_default);
        if signal == Exceptions::Logs && self.log.is_none() {
            // Without a logger the exception would be lost.
            signal = Exceptions::Events;
        }
        if with_events && signal.events() && span.is_recording() {
            let mut attributes = vec![
                KeyValue::new(exception::EXCEPTION_TYPE, class.to_owned()),
                KeyValue::new(exception::EXCEPTION_MESSAGE, message.to_owned()),
            ];
            if !stack_trace.is_empty() {
                let stack_trace = stack_trace.to_owned();
                attributes.push(KeyValue::new(exception::EXCEPTION_STACKTRACE, stack_trace));
            }
            span.add_event(exception::EVENT, attributes);
        }
        if let Some(log) = self.log.as_ref().filter(|_| signal.logs()) {
            let is_client = response.kind == SpanKind::Client;
            log(&Exception {
                event_name: match (response.protocol, is_client) {
                    (Protocol::Http, true) => "http.client.request.exception",
                    (Protocol::Http, false) => "http.server.request.exception",
                    (Protocol::Grpc, true) => "rpc.client.call.exception",
                    (Protocol::Grpc, false) => "rpc.server.call.exception",
                },
                severity: if is_client {
                    Severity::Warn
                } else {
                    Severity::Error
                },
                class,
                message,
                stack_trace,
            });
        }
    }
}

fn emit<L: Logger>(logger: &L, exception: &Exception<'_>) {
    let mut record = logger.create_log_record();
    record.set_event_name(exception.event_name);
    record.set_severity_number(exception.severity);
    record.set_severity_text(exception.severity.name());
    record.set_timestamp(opentelemetry::time::now());
    let text = |text: &str| AnyValue::from(text.to_owned());
    record.add_attribute(exception::EXCEPTION_TYPE, text(exception.class));
    record.add_attribute(exception::EXCEPTION_MESSAGE, text(exception.message));
    if !exception.stack_trace.is_empty() {
        let stack_trace = text(exception.stack_trace);
        record.add_attribute(exception::EXCEPTION_STACKTRACE, stack_trace);
    }
    logger.emit(record);
}
