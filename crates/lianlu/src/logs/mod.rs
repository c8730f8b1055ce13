//! Adds the ids of the current span to each log line.
//!
//! Three fields link a line to its trace, named as in OpenTelemetry's [log formats]: `trace_id` (32
//! hex digits), `span_id` (16) and `trace_flags` (`01` if the span is sampled). They are absent
//! outside of a span. They come from OpenTelemetry's current context, which is the call's context
//! in everything that runs inside a layer: handlers, bodies and their streams, and a client's own
//! call.
#![cfg_attr(
    feature = "tracing",
    doc = "
# With `tracing`

[`json`] and [`text`] wrap the event formatter of [`mod@tracing_subscriber::fmt`]:

```
tracing_subscriber::fmt()
    .json()
    .map_event_format(lianlu::logs::json)
    .init();
```

`tracing-opentelemetry` is not needed. If you use it as well, its spans and the layers' spans are
parents and children of each other, also across services: it makes a span's context current when the
span is entered. Do not disable that with `with_context_activation(false)`.

Without `tracing-opentelemetry`, a task that is spawned with a `tracing` span does not have the call's
context; [`CarryTrace`] propagates it."
)]
#![cfg_attr(
    feature = "log",
    doc = "
# With `log`

[`logger`] wraps a [`log::Log`] and adds the three fields to the key values of each record. A custom
format can also print [`TraceIds`]."
)]
//!
//! [log formats]: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/

#[cfg(feature = "tracing")]
mod carry;
#[cfg(feature = "tracing")]
mod format;
mod ids;
#[cfg(feature = "log")]
mod logger;
#[cfg(feature = "tracing")]
mod object;

#[cfg(feature = "tracing")]
pub use carry::CarryTrace;
#[cfg(feature = "tracing")]
pub use format::{WithTrace, json, text};
pub use ids::TraceIds;
#[cfg(feature = "log")]
pub use logger::{WithTraceLogger, logger};
