//! OTLP. The oracle is prost with the types of `opentelemetry-proto`.

mod json;
mod normal;
#[path = "../../../crates/lianlu-wire/tests/common/otlp/ours.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of lianlu-wire")]
mod ours;
mod protobuf;

pub use json::otlp_json;
pub use protobuf::otlp_protobuf;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// As in the tests' generator of requests.
mod generate {
    use super::{AnyValue, KeyValue};

    pub(super) fn key_value(key: String, value: Option<AnyValue>) -> KeyValue {
        KeyValue {
            key,
            value,
            ..KeyValue::default()
        }
    }
}
