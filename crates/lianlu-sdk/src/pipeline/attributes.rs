//! An attribute that was set twice is exported once, with its last value.
//!
//! The [API](https://opentelemetry.io/docs/specs/otel/trace/api/#set-attributes) wants a later value in
//! place of the earlier one; `opentelemetry_sdk` keeps both, and OTLP forbids that.

use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::SpanData;

/// Leaves one attribute of each key. Runs on the pipeline's thread.
pub(super) fn set_once(span: &mut SpanData) {
    keep_last(&mut span.attributes);
}

fn keep_last(attributes: &mut Vec<KeyValue>) {
    let mut at = 0;
    while let Some(attribute) = attributes.get(at) {
        let rest = attributes.get(at + 1..).unwrap_or_default();
        if rest.iter().any(|later| later.key == attribute.key) {
            attributes.remove(at);
        } else {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_stands_and_the_order_stays() {
        let mut attributes = vec![
            KeyValue::new("a", 1),
            KeyValue::new("b", 2),
            KeyValue::new("a", 3),
            KeyValue::new("c", 4),
            KeyValue::new("a", 5),
        ];
        keep_last(&mut attributes);
        let expected = [
            KeyValue::new("b", 2),
            KeyValue::new("c", 4),
            KeyValue::new("a", 5),
        ];
        assert_eq!(attributes, expected);
    }
}
