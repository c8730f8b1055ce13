//! W3C Baggage.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use http::HeaderMap;
use lianlu_wire::w3c::{BaggageMember, encode_baggage, parse_baggage};
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, Key, StringValue};

use super::again::Again;
use super::carrier::text;
use crate::known_headers::Field;

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
        cx.with_baggage(members(lines.iter().map(|line| line.as_bytes())))
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

fn members<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<KeyValueMetadata> {
    let member = |member: BaggageMember<'_>| {
        // Shared, as they may be kept.
        KeyValueMetadata::new(
            Key::from(Arc::from(member.key)),
            StringValue::from(Arc::from(&*member.value)),
            member.properties,
        )
    };
    parse_baggage(lines).map(member).collect()
}

/// As [`Baggage`] extracts it.
pub(super) fn read(field: &Field<'_>, headers: &HeaderMap) -> Vec<KeyValueMetadata> {
    let Some(line) = field.single() else {
        return members(headers.get_all(HEADER).iter().map(text));
    };
    if let Some(known) = Again::recall(&KNOWN, line.as_bytes()) {
        return known;
    }
    let members = members([text(line)]);
    Again::remember(&KNOWN, line.as_bytes(), &members);
    members
}

thread_local! {
    static KNOWN: RefCell<Again<Vec<KeyValueMetadata>>> = const { RefCell::new(Again::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::testing::Headers;
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

    /// What a server knows of these lines.
    fn received(lines: &[String]) -> Context {
        let lines: Vec<_> = lines.iter().map(|line| (HEADER, line.as_str())).collect();
        Baggage.extract_with_context(&Context::new(), &Headers::new(&lines))
    }

    #[test]
    fn the_limits_hold_over_all_lines_together() {
        // 64 members, whatever is in them.
        let lines: Vec<_> = (0..30)
            .map(|line| format!("a{line}=1,b{line}=2,nonsense"))
            .collect();
        let baggage = received(&lines);
        assert_eq!(baggage.baggage().len(), 43, "64 less 21 malformed ones");
        assert!(baggage.baggage().get("a21").is_some());
        assert!(baggage.baggage().get("b21").is_none());

        // 8,192 bytes: two of these lines and no third, nor what comes after it.
        let long = |key: &str| format!("{key}={}", "v".repeat(4000));
        let lines = [long("a"), long("b"), long("c"), "d=1".to_owned()];
        let baggage = received(&lines);
        assert_eq!(baggage.baggage().len(), 2);
        assert!(baggage.baggage().get("c").is_none());
    }

    #[test]
    fn properties_count_as_bytes() {
        let properties = "p;".repeat(4000);
        let lines = [
            format!("a=1;{properties}q"),
            "b=1".to_owned(),
            format!("c=1;{properties}q"),
        ];
        let baggage = received(&lines);
        let (_, metadata) = baggage.baggage().get_with_metadata("a").unwrap();
        assert_eq!(metadata.as_str().len(), 8001);
        assert!(baggage.baggage().get("b").is_some());
        assert!(baggage.baggage().get("c").is_none());
    }

    #[test]
    fn lines_of_other_characters_harm_no_others() {
        let lines = ["\u{94fe}=1", "a=1", "b=\u{94fe}", "c=3"].map(str::to_owned);
        let baggage = received(&lines);
        assert_eq!(baggage.baggage().len(), 2);
        assert_eq!(baggage.baggage().get("c").unwrap().as_str(), "3");
    }
}
