//! Cuts long attribute values on their way to the exporter.

use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;

use crate::export::{Export, Failure};

/// An exporter whose spans have attribute values of so many characters at most: texts and the texts in
/// lists, of spans, events and links. Numbers, booleans and the resource stay as they are.
///
/// The SDK has no limit of its own for this. The
/// [specification](https://opentelemetry.io/docs/specs/otel/common/#attribute-limits) counts a text by
/// its characters and cuts what is beyond. It happens on the exporter's thread.
#[derive(Debug)]
pub struct ValueLength<E> {
    inner: E,
    most: usize,
}

impl<E> ValueLength<E> {
    /// `inner`, shown values of `most` characters.
    pub fn new(inner: E, most: usize) -> Self {
        Self { inner, most }
    }
}

impl<E: Export> Export for ValueLength<E> {
    fn export(&mut self, mut batch: Vec<SpanData>) -> Result<(), Failure> {
        for span in &mut batch {
            cut_all(&mut span.attributes, self.most);
            for event in &mut span.events.events {
                cut_all(&mut event.attributes, self.most);
            }
            for link in &mut span.links.links {
                cut_all(&mut link.attributes, self.most);
            }
        }
        self.inner.export(batch)
    }

    fn idle(&mut self) {
        self.inner.idle();
    }

    fn flush(&mut self) {
        self.inner.flush();
    }
}

fn cut_all(attributes: &mut [KeyValue], most: usize) {
    for attribute in attributes {
        match &mut attribute.value {
            Value::String(text) => cut(text, most),
            Value::Array(Array::String(texts)) => {
                for text in texts {
                    cut(text, most);
                }
            }
            _ => {}
        }
    }
}

fn cut(text: &mut StringValue, most: usize) {
    // A character has a byte at least.
    if text.as_str().len() > most
        && let Some((end, _)) = text.as_str().char_indices().nth(most)
    {
        *text = text
            .as_str()
            .get(..end)
            .unwrap_or_default()
            .to_owned()
            .into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_nothing_else_is() {
        for (text, most, wanted) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc"),
            ("链路追踪", 2, "链路"),
            ("链路", 2, "链路"),
            ("e\u{301}x", 1, "e"),
            ("abc", 0, ""),
        ] {
            let mut value = StringValue::from(text.to_owned());
            cut(&mut value, most);
            assert_eq!(value.as_str(), wanted, "{text}");
        }
        let list = Value::Array(Array::String(vec!["abcd".into(), "x".into()]));
        let mut attributes = [
            KeyValue::new("list", list),
            KeyValue::new("number", 123_456),
            KeyValue::new("flag", true),
        ];
        cut_all(&mut attributes, 2);
        let wanted = Value::Array(Array::String(vec!["ab".into(), "x".into()]));
        let [list, number, flag] = &attributes;
        assert_eq!(list.value, wanted);
        assert_eq!(number.value, 123_456.into());
        assert_eq!(flag.value, true.into());
    }
}
