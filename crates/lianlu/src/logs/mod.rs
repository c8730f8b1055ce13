//! The ids of the current span in each line of the log.
//!
//! Three fields tie a line to its trace, named as OpenTelemetry's [log formats] name them:
//! `trace_id` (32 hex digits), `span_id` (16) and `trace_flags` (`01` if the span is sampled).
//! Outside of a span they are not there. They come from OpenTelemetry's current context, which is
//! the call's in everything that runs inside of a layer: handlers, bodies and their streams, and a
//! client's own call.
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

This needs no `tracing-opentelemetry`. Where it is used as well, its spans and the layers' are parents
of each other, on the wire too: it makes a span's context current when the span is entered, unless
`with_context_activation(false)` has switched that off. Leave it on.

Without it, a task that is spawned with a `tracing` span is outside of the call; [`CarryTrace`]
takes the call's context along."
)]
#![cfg_attr(
    feature = "log",
    doc = "
# With `log`

[`logger`] wraps a [`log::Log`] so that the three come with each record's key values. A format of
your own can also show [`TraceIds`]."
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
