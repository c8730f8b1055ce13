//! The W3C Baggage format.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderValue};
use lianlu_wire::w3c::{BaggageMember, encode_baggage, parse_baggage};
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, Key, StringValue};

use super::parse_cache::ParseCache;
use crate::known_headers::Field;

const HEADER: &str = "baggage";

/// Injects and extracts `baggage` as specified in [W3C Baggage](https://www.w3.org/TR/baggage/): at
/// most 8,192 bytes and 64 members over all header lines together. Members beyond that are dropped
/// whole.
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
        // The map is unordered; equal baggage should give equal headers.
        members.sort_unstable_by_key(|member| member.key);
        let line = encode_baggage(members);
        // No member may be writable.
        if !line.is_empty() {
            injector.set(HEADER, line);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let Some(lines) = extractor.get_all(HEADER) else {
            return end_of_list(cx.clone());
        };
        let members = members(lines.iter().map(|line| line.as_bytes()));
        if is_extracted(cx) {
            end_of_list(add(cx, members))
        } else {
            cx.with_baggage(members)
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

/// True in a context whose baggage an earlier propagator of the same list has extracted. A context
/// can't lose a value, so false is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExtractedBaggage(pub(super) bool);

fn is_extracted(cx: &Context) -> bool {
    cx.get::<ExtractedBaggage>().is_some_and(|it| it.0)
}

/// What a list of propagators has extracted, without what they tell each other. The baggage of
/// another carrier, which is extracted into this context later, replaces this one's.
pub(crate) fn end_of_list(cx: Context) -> Context {
    if is_extracted(&cx) {
        cx.with_value(ExtractedBaggage(false))
    } else {
        cx
    }
}

/// The last propagator of a list: [`end_of_list`].
#[derive(Debug)]
pub(super) struct EndOfList;

impl TextMapPropagator for EndOfList {
    fn inject_context(&self, _: &Context, _: &mut dyn Injector) {}

    fn extract_with_context(&self, cx: &Context, _: &dyn Extractor) -> Context {
        end_of_list(cx.clone())
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&[])
    }
}

/// A copy of `cx` with these members beside those that it has.
pub(super) fn add(cx: &Context, members: Vec<KeyValueMetadata>) -> Context {
    let baggage = cx.baggage();
    let existing = baggage.iter().map(|(key, (value, metadata))| {
        KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
    });
    cx.with_baggage(existing.chain(members))
}

fn members<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<KeyValueMetadata> {
    let member = |member: BaggageMember<'_>| {
        // Reference-counted, because a cached member is cloned for each call.
        KeyValueMetadata::new(
            Key::from(Arc::from(member.key)),
            StringValue::from(Arc::from(&*member.value)),
            member.properties,
        )
    };
    parse_baggage(lines).map(member).collect()
}

/// Reads the members that [`Baggage`] would extract.
pub(super) fn read(field: &Field<'_>, headers: &HeaderMap) -> Vec<KeyValueMetadata> {
    let Some(line) = field.single() else {
        return members(headers.get_all(HEADER).iter().map(HeaderValue::as_bytes));
    };
    if let Some(members) = ParseCache::get(&CACHE, line.as_bytes()) {
        return members;
    }
    let members = members([line.as_bytes()]);
    ParseCache::insert(&CACHE, line.as_bytes(), &members);
    members
}

thread_local! {
    static CACHE: RefCell<ParseCache<Vec<KeyValueMetadata>>> =
        const { RefCell::new(ParseCache::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::HeaderExtractor;
    use crate::propagation::testing::Headers;
    use std::collections::HashMap;

    #[test]
    fn round_trips_members_with_properties() {
        let carrier = HashMap::from([(
            HEADER.to_owned(),
            "tenant=acme%20corp;ttl=30, user=%E4%BA%BA".to_owned(),
        )]);
        let cx = Baggage.extract_with_context(&Context::new(), &carrier);
        assert_eq!(cx.baggage().get("user").unwrap().as_str(), "人");
        let mut injected = HashMap::new();
        Baggage.inject_context(&cx, &mut injected);
        assert_eq!(injected[HEADER], "tenant=acme%20corp;ttl=30,user=%E4%BA%BA");
    }

    #[test]
    fn injects_no_header_for_empty_baggage() {
        let mut injected = HashMap::new();
        // The second has no member that fits once it is encoded.
        for value in ["", &" ".repeat(3000)] {
            let members =
                (!value.is_empty()).then(|| opentelemetry::KeyValue::new("a", value.to_owned()));
            let cx = Context::new().with_baggage(members);
            assert_eq!(cx.baggage().is_empty(), value.is_empty());
            Baggage.inject_context(&cx, &mut injected);
            assert!(injected.is_empty());
        }
    }

    #[test]
    fn skips_malformed_members() {
        let carrier = HashMap::from([(HEADER.to_owned(), "%,=,a=%zz,b=2,;;".to_owned())]);
        let cx = Baggage.extract_with_context(&Context::new(), &carrier);
        assert_eq!(cx.baggage().get("b").unwrap().as_str(), "2");
    }

    /// The context extracted from these header lines.
    fn extracted<L: AsRef<[u8]>>(lines: &[L]) -> Context {
        let headers = Headers::of_bytes(lines.iter().map(|line| (HEADER, line.as_ref())));
        Baggage.extract_with_context(&Context::new(), &HeaderExtractor::new(headers.map()))
    }

    #[test]
    fn limits_apply_to_all_lines_together() {
        // 64 members, including malformed ones.
        let lines: Vec<_> = (0..30)
            .map(|line| format!("a{line}=1,b{line}=2,nonsense"))
            .collect();
        let baggage = extracted(&lines);
        assert_eq!(baggage.baggage().len(), 43, "64 less 21 malformed ones");
        assert!(baggage.baggage().get("a21").is_some());
        assert!(baggage.baggage().get("b21").is_none());

        // 8,192 bytes: two of these lines fit; the third and everything after it is dropped.
        let long = |key: &str| format!("{key}={}", "v".repeat(4000));
        let lines = [long("a"), long("b"), long("c"), "d=1".to_owned()];
        let baggage = extracted(&lines);
        assert_eq!(baggage.baggage().len(), 2);
        assert!(baggage.baggage().get("c").is_none());
    }

    #[test]
    fn properties_count_towards_the_byte_limit() {
        let properties = "p;".repeat(4000);
        let lines = [
            format!("a=1;{properties}q"),
            "b=1".to_owned(),
            format!("c=1;{properties}q"),
        ];
        let baggage = extracted(&lines);
        let (_, metadata) = baggage.baggage().get_with_metadata("a").unwrap();
        assert_eq!(metadata.as_str().len(), 8001);
        assert!(baggage.baggage().get("b").is_some());
        assert!(baggage.baggage().get("c").is_none());
    }

    #[test]
    fn a_byte_beyond_ascii_costs_its_own_member() {
        let lines = [&b"a=1,\xff=1,b=\xe9;p,c=3"[..], "\u{94fe}=1,d=4".as_bytes()];
        let cx = extracted(&lines);
        let mut keys: Vec<_> = cx
            .baggage()
            .iter()
            .map(|(key, _)| key.to_string())
            .collect();
        keys.sort();
        assert_eq!(keys, ["a", "c", "d"]);
    }
}
