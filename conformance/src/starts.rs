//! Checks the attributes that samplers get at the start of a span.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Expected;
use crate::model::Model;
use crate::otlp::SpanRecord;
use crate::spans::kind_of;
use crate::violation::{Report, Rule, Violation};

/// The keys that a sampler got, by trace id.
pub type Starts = BTreeMap<Vec<u8>, BTreeSet<String>>;

/// Checks that roots had all sampling-relevant attributes at their start. Spans with a parent, and
/// traces that are not in `starts`, are ignored.
pub fn check_starts(
    model: &Model,
    starts: &Starts,
    records: &[SpanRecord],
    calls: &[Expected],
) -> Vec<Violation> {
    let mut found = Vec::new();
    for record in records {
        let span = &record.span;
        let call = calls.iter().find(|call| kind_of(call.group) == span.kind());
        let (Some(keys), Some(call)) = (starts.get(&span.trace_id), call) else {
            continue;
        };
        let Some(rules) = model.span(call.group) else {
            continue;
        };
        if !span.parent_span_id.is_empty() {
            continue;
        }
        let mut report = Report {
            place: call.group.name(),
            span: &span.name,
            found: &mut found,
        };
        for attribute in &span.attributes {
            let key = &attribute.key;
            let row = model.row(&rules.attributes, key);
            if row.is_some_and(|row| row.sampling_relevant) && !keys.contains(key) {
                report.add(Rule::Late, key, "missing at the start of the span");
            }
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::spans_tests::{call, server};

    #[test]
    fn late_attributes_are_violations() {
        let mut record = server();
        record.span.trace_id = vec![7; 16];
        let model = Model::bundled().unwrap();
        let keys = record.span.attributes.iter();
        let keys: BTreeSet<_> = keys.map(|attribute| attribute.key.clone()).collect();
        let late = |missing: &str, record: &SpanRecord| {
            let mut keys = keys.clone();
            keys.remove(missing);
            let starts = [(vec![7; 16], keys)].into();
            check_starts(&model, &starts, std::slice::from_ref(record), &[call()])
        };
        assert_eq!(late("", &record), []);
        // It is not relevant to sampling.
        assert_eq!(late("http.route", &record), []);
        let found = late("url.path", &record);
        assert_eq!((found.len(), found[0].rule), (1, Rule::Late));
        assert_eq!(found[0].attribute, "url.path");
        record.span.parent_span_id = vec![1; 8];
        assert_eq!(late("url.path", &record), []);
    }
}
