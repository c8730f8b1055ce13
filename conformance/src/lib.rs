//! OpenTelemetry's semantic conventions as data, and a checker of exported OTLP against them.
//!
//! A scenario makes a call, and says with [`Expected`] what it knows of it: the method, whether there
//! was a route, a query, a response, how it ended. [`check_spans`] and [`check_metrics`] take what was
//! exported and tell every [`Violation`] of the [`Model`]: of
//! [HTTP spans](https://opentelemetry.io/docs/specs/semconv/http/http-spans/),
//! [HTTP metrics](https://opentelemetry.io/docs/specs/semconv/http/http-metrics/) and
//! [gRPC](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/).
//!
//! Unlike a checker that sees only what is there, it also tells what is not: a call without a span, a
//! required attribute that is missing, and a recommended one that the scenario says could be known.
//!
//! The model is `model/semconv-<version>.json`, written by `model/generate.py` from the files that it
//! names; `model/overlay.json` says by hand what the conventions say in sentences, and `model/old.json`
//! what the migration guides say of the conventions before ([`Generation`]). Nothing of it comes from
//! the code under test.

mod facts;
mod generation;
mod metrics;
mod model;
mod otlp;
mod spans;
mod starts;
mod values;
mod violation;

#[cfg(test)]
mod generation_tests;
#[cfg(test)]
mod metrics_tests;
#[cfg(test)]
mod spans_tests;

pub use facts::{Expected, Fact, Group, Known, Outcome};
pub use generation::{GRPC_CODES, Generation};
pub use metrics::check_metrics;
pub use model::{AttributeModel, Level, MetricModel, Model, ModelError, Row, SpanModel, StatusKey};
pub use otlp::{Scope, SpanRecord, spans};
pub use spans::check_spans;
pub use starts::{Starts, check_starts};
pub use violation::{Rule, Violation};
