//! The names of a destination's components, and the counts of its exporter.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, HTTP_RESPONSE_STATUS_CODE, OTEL_COMPONENT_NAME, OTEL_COMPONENT_TYPE,
    RPC_RESPONSE_STATUS_CODE, SERVER_ADDRESS, SERVER_PORT,
};

use crate::export::Component;

const PROCESSOR: &str = "batching_span_processor";
/// The class of a failure about which nothing is known.
const OTHER: &str = "_OTHER";

/// A destination's span processor and its exporter, as metrics name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    processor: String,
    exporter: String,
    component: Component,
}

/// The counts of an exporter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ExporterCounts {
    /// Spans that were handed to the exporter.
    pub(super) submitted: u64,
    /// Those of them that are being sent, or wait for another attempt: after the shutdown, on disk
    /// for the next start.
    pub(super) inflight: u64,
    /// Those of them that were not accepted, by the class of the failure.
    pub(super) failed: BTreeMap<Cow<'static, str>, u64>,
    /// Failed spans that the shutdown gave up.
    pub(super) given_up: u64,
}

impl Names {
    pub(super) fn new(component: Component) -> Self {
        Self {
            processor: numbered(PROCESSOR),
            exporter: numbered(&component.kind),
            component,
        }
    }

    pub(super) fn processor(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new(OTEL_COMPONENT_TYPE, PROCESSOR),
            KeyValue::new(OTEL_COMPONENT_NAME, self.processor.clone()),
        ]
    }

    pub(super) fn exporter(&self) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new(OTEL_COMPONENT_TYPE, self.component.kind.clone()),
            KeyValue::new(OTEL_COMPONENT_NAME, self.exporter.clone()),
        ];
        if let Some((host, port)) = &self.component.server {
            attributes.push(KeyValue::new(SERVER_ADDRESS, host.clone()));
            attributes.push(KeyValue::new(SERVER_PORT, i64::from(*port)));
        }
        attributes
    }

    /// The attributes of a completed operation of the exporter.
    pub(super) fn operation(&self, failure: Option<Cow<'static, str>>) -> Vec<KeyValue> {
        let mut attributes = self.exporter();
        let is_grpc = self.component.kind == "otlp_grpc_span_exporter";
        let Some(class) = failure else {
            if is_grpc {
                attributes.push(KeyValue::new(RPC_RESPONSE_STATUS_CODE, "OK"));
            }
            return attributes;
        };
        let is_code = class
            .bytes()
            .all(|it| it.is_ascii_uppercase() || it == b'_');
        if let Ok(status) = class.parse::<i64>() {
            attributes.push(KeyValue::new(HTTP_RESPONSE_STATUS_CODE, status));
        } else if is_grpc && is_code && class != OTHER {
            attributes.push(KeyValue::new(RPC_RESPONSE_STATUS_CODE, class.clone()));
        }
        attributes.push(KeyValue::new(ERROR_TYPE, class));
        attributes
    }
}

/// The class of a failure, which is never empty.
pub(super) fn class_of(error_type: Cow<'static, str>) -> Cow<'static, str> {
    match error_type.is_empty() {
        true => Cow::Borrowed(OTHER),
        false => error_type,
    }
}

/// A name for the next component of this kind in the process.
fn numbered(kind: &str) -> String {
    static NEXT: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let number = next.entry(kind.to_owned()).or_default();
    let name = format!("{kind}/{number}");
    *number += 1;
    name
}
