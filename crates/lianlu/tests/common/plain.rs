//! Spans without ids, times and ports, so that two runs can be compared.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use opentelemetry::trace::SpanContext;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

/// The last value of each key, with ports masked.
fn plain(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let plain = |KeyValue { key, value, .. }: &KeyValue| {
        let value = match value {
            _ if key.as_str().ends_with(".port") => "a port".to_owned(),
            Value::String(text) => format!("{:?}", without_port(text.as_str())),
            other => format!("{other:?}"),
        };
        (key.to_string(), value)
    };
    attributes.iter().map(plain).collect()
}

fn without_port(text: &str) -> String {
    match text.split_once("127.0.0.1:") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|it: char| it.is_ascii_digit());
            format!("{before}127.0.0.1:*{rest}")
        }
        None => text.to_owned(),
    }
}

fn context(context: &SpanContext) -> String {
    format!(
        "flags {:?}, remote {}, state {:?}",
        context.trace_flags(),
        context.is_remote(),
        context.trace_state().header()
    )
}

/// A span without ids and times.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plain {
    pub name: String,
    pub kind: String,
    pub scope: String,
    pub context: String,
    pub parent: String,
    pub attributes: BTreeMap<String, String>,
    pub dropped: [u32; 3],
    pub events: Vec<(String, BTreeMap<String, String>, u32)>,
    pub links: Vec<(String, BTreeMap<String, String>, u32)>,
    pub status: String,
}

impl Plain {
    pub fn of(span: &SpanData, all: &[SpanData]) -> Self {
        assert!(span.start_time > UNIX_EPOCH && span.start_time <= span.end_time);
        assert!(span.span_context.is_valid());
        let parent = all
            .iter()
            .find(|it| it.span_context.span_id() == span.parent_span_id);
        if let Some(parent) = parent {
            assert_eq!(parent.span_context.trace_id(), span.span_context.trace_id());
        }
        let parent = match parent {
            Some(parent) => format!("{:?} {}", parent.span_kind, parent.name),
            None => span.parent_span_id.to_string(),
        };
        let scope = &span.instrumentation_scope;
        Self {
            name: span.name.to_string(),
            kind: format!("{:?}", span.span_kind),
            scope: format!(
                "{} {:?} {:?} {:?}",
                scope.name(),
                scope.version(),
                scope.schema_url(),
                plain(&scope.attributes().cloned().collect::<Vec<_>>())
            ),
            context: context(&span.span_context),
            parent: format!("{parent}, remote {}", span.parent_span_is_remote),
            attributes: plain(&span.attributes),
            dropped: [
                span.dropped_attributes_count,
                span.events.dropped_count,
                span.links.dropped_count,
            ],
            events: span
                .events
                .iter()
                .map(|event| {
                    let attributes = plain(&event.attributes);
                    (
                        event.name.to_string(),
                        attributes,
                        event.dropped_attributes_count,
                    )
                })
                .collect(),
            links: span
                .links
                .iter()
                .map(|link| {
                    let linked = format!(
                        "{} {} {}",
                        link.span_context.trace_id(),
                        link.span_context.span_id(),
                        context(&link.span_context)
                    );
                    (
                        linked,
                        plain(&link.attributes),
                        link.dropped_attributes_count,
                    )
                })
                .collect(),
            status: format!("{:?}", span.status),
        }
    }
}
