//! Trace ids in logs.

mod ids_for_logs;
mod tracing_events;
mod tracing_spans;
