//! W3C Baggage.

use std::sync::LazyLock;

use lianlu_wire::w3c::{BaggageMember, encode_baggage, parse_baggage};
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, Key, StringValue};

const HEADER: &str = "baggage";

/// Sends and reads `baggage` as [W3C Baggage](https://www.w3.org/TR/baggage/) has it: at most 8,192
/// bytes and 64 members over all header lines together, whole members beyond that are dropped.
///
/// ```
/// use lianlu::propagation::Baggage;
/// use opentelemetry::{Context, baggage::BaggageExt, propagation::TextMapPropagator};
///
/// let carrier = std::collections::HashMap::from([(
///     "baggage".to_owned(),
///     "tenant=acme%20corp".to_owned(),
/// )]);
/// let cx = Baggage::new().extract_with_context(&Context::new(), &carrier);
/// assert_eq!(cx.baggage().get("tenant").unwrap().as_str(), "acme corp");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Baggage;

impl Baggage {
    /// The propagator.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl TextMapPropagator for Baggage {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let baggage = cx.baggage();
        if baggage.is_empty() {
            return;
        }
        let mut members: Vec<_> = baggage
            .iter()
            .map(|(key, (value, metadata))| BaggageMember {
                key: key.as_str(),
                value: value.as_str().into(),
                properties: metadata.as_str(),
            })
            .collect();
        // The map underneath has no order; two requests with one baggage should look the same.
        members.sort_unstable_by_key(|member| member.key);
        injector.set(HEADER, encode_baggage(members));
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let Some(lines) = extractor.get_all(HEADER) else {
            return cx.clone();
        };
        let members = parse_baggage(lines.iter().map(|line| line.as_bytes())).map(|member| {
            KeyValueMetadata::new(
                Key::from(member.key.to_owned()),
                StringValue::from(member.value.into_owned()),
                member.properties,
            )
        });
        cx.with_baggage(members)
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn there_and_back_with_properties() {
        let carrier = HashMap::from([(
            HEADER.to_owned(),
            "tenant=acme%20corp;ttl=30, user=%E4%BA%BA".to_owned(),
        )]);
        let cx = Baggage.extract_with_context(&Context::new(), &carrier);
        assert_eq!(cx.baggage().get("user").unwrap().as_str(), "人");
        let mut sent = HashMap::new();
        Baggage.inject_context(&cx, &mut sent);
        assert_eq!(sent[HEADER], "tenant=acme%20corp;ttl=30,user=%E4%BA%BA");
    }

    #[test]
    fn nothing_to_send_is_nothing_sent() {
        let mut sent = HashMap::new();
        Baggage.inject_context(&Context::new(), &mut sent);
        assert!(sent.is_empty());
    }

    #[test]
    fn malformed_members_are_skipped() {
        let carrier = HashMap::from([(HEADER.to_owned(), "%,=,a=%zz,b=2,;;".to_owned())]);
        let cx = Baggage.extract_with_context(&Context::new(), &carrier);
        assert_eq!(cx.baggage().get("b").unwrap().as_str(), "2");
    }
}
