//! Trace ids in logs.

mod carry_the_trace;
mod ids_for_logs;
mod tracing_spans_agree;
