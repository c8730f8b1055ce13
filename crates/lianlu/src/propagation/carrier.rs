//! The carrier for HTTP headers.

use std::sync::OnceLock;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use lianlu_wire::jaeger_header::BAGGAGE_PREFIX;
use opentelemetry::propagation::{Extractor, Injector};

use super::b3;
use crate::header_text::{self, Charset};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Writes propagation fields into headers.
///
/// Replaces an existing header, or removes it if the new value is empty. Headers of an earlier hop
/// that would contradict a new one are removed: `tracestate` with `traceparent`, all of B3's with
/// `b3` or `x-b3-traceid`. Bytes that the headers can't carry are percent-encoded: control
/// characters, and in gRPC metadata all but printable ASCII. A field whose name is not a header's is
/// left out. [`inject`](super::inject) removes all fields of an earlier hop first.
#[derive(Debug)]
pub struct HeaderInjector<'a> {
    headers: &'a mut HeaderMap,
    /// What this injector has written: a bit for `tracestate`, and one for each header of B3.
    written: u8,
}

/// The bit of `tracestate`. Those of [`b3::ALL`] are below.
const STATE: u8 = 1 << b3::ALL.len();

impl<'a> HeaderInjector<'a> {
    /// An injector into these headers. They are gRPC metadata if their content type says so.
    pub fn new(headers: &'a mut HeaderMap) -> Self {
        Self {
            headers,
            written: 0,
        }
    }

    /// Called before a header of B3 is written.
    fn on_b3(&mut self, index: usize, name: &str) {
        self.written |= 1 << index;
        if name != b3::SINGLE && name != b3::TRACE_ID {
            return;
        }
        for (at, name) in b3::ALL.iter().enumerate() {
            if self.written & 1 << at == 0 {
                self.headers.remove(*name);
            }
        }
    }
}

impl Injector for HeaderInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        // The two most common names are not parsed, and their values are ASCII.
        let (name, value) = match key {
            "traceparent" => {
                if self.written & STATE == 0 {
                    self.headers.remove(TRACESTATE);
                }
                (TRACEPARENT, HeaderValue::try_from(value).ok())
            }
            "tracestate" if !value.is_empty() => {
                self.written |= STATE;
                let trimmed = value.trim_matches([' ', '\t']);
                let value = if trimmed.len() == value.len() {
                    HeaderValue::try_from(value).ok()
                } else {
                    HeaderValue::from_str(trimmed).ok()
                };
                (TRACESTATE, value)
            }
            _ => {
                let Ok(name) = HeaderName::from_bytes(key.as_bytes()) else {
                    return;
                };
                if let Some(index) = b3::ALL.iter().position(|known| *known == name) {
                    self.on_b3(index, name.as_str());
                }
                (name, Charset::of(self.headers).value(value.as_bytes()))
            }
        };
        match value {
            Some(value) if value.is_empty() => {
                self.headers.remove(name);
            }
            Some(value) => {
                self.headers.insert(name, value);
            }
            None => {}
        }
    }

    /// With 0, removes the headers of all formats: [`inject`](super::inject) calls it.
    fn reserve(&mut self, additional: usize) {
        if additional == 0 {
            remove_formats(self.headers);
        }
    }
}

/// Reads propagation fields from headers, as UTF-8. Bytes that are not UTF-8 become U+FFFD.
#[derive(Debug)]
pub struct HeaderExtractor<'a> {
    headers: &'a HeaderMap,
    /// The text of values that are not UTF-8, once one is read.
    repaired: OnceLock<HeaderMap<String>>,
}

impl<'a> HeaderExtractor<'a> {
    /// An extractor of these headers.
    pub fn new(headers: &'a HeaderMap) -> Self {
        Self {
            headers,
            repaired: OnceLock::new(),
        }
    }

    fn repaired(&self) -> &HeaderMap<String> {
        self.repaired.get_or_init(|| {
            let broken = self.headers.iter();
            let broken = broken.filter(|(_, value)| header_text::utf8(value).is_none());
            let text = |(name, value)| (HeaderName::clone(name), header_text::text(value).into());
            let mut repaired = HeaderMap::default();
            for (name, value) in broken.map(text) {
                repaired.append(name, value);
            }
            repaired
        })
    }
}

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match header_text::utf8(self.headers.get(key)?) {
            Some(text) => Some(text),
            None => self.repaired().get(key).map(String::as_str),
        }
    }

    fn keys(&self) -> Vec<&str> {
        self.headers.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let mut repaired = None;
        let text = |value| match header_text::utf8(value) {
            Some(text) => text,
            None => {
                let all = || self.repaired().get_all(key).iter();
                let next = repaired.get_or_insert_with(all).next();
                next.map_or("", String::as_str)
            }
        };
        let values: Vec<_> = self.headers.get_all(key).iter().map(text).collect();
        (!values.is_empty()).then_some(values)
    }
}

/// The headers of all known formats, without those that have a prefix.
pub(super) const FORMATS: [&str; 12] = [
    "traceparent",
    "tracestate",
    "baggage",
    b3::SINGLE,
    b3::TRACE_ID,
    b3::SPAN_ID,
    b3::PARENT_SPAN_ID,
    b3::SAMPLED,
    b3::FLAGS,
    "uber-trace-id",
    "x-amzn-trace-id",
    "x-md-service-name",
];

/// Removes the propagation headers of all known formats, even those not in use, because a proxy may
/// have copied them from the request that it serves.
pub(crate) fn remove_formats(headers: &mut HeaderMap) {
    for name in FORMATS {
        headers.remove(name);
    }
    let has_prefix = |name: &&HeaderName| name.as_str().starts_with(BAGGAGE_PREFIX);
    let prefixed: Vec<_> = headers.keys().filter(has_prefix).cloned().collect();
    for name in prefixed {
        headers.remove(name);
    }
}

/// The fields of an earlier hop that contradict a new one with this name: the rest of its format.
/// Propagators write this one first.
pub(super) fn contradicting(name: &str) -> &'static [&'static str] {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("traceparent") {
        &["tracestate"]
    } else if is(b3::SINGLE) || is(b3::TRACE_ID) {
        &b3::ALL
    } else {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_header_and_removes_an_empty_one() {
        let mut headers = HeaderMap::new();
        headers.append("tracestate", HeaderValue::from_static("a=1"));
        headers.append("tracestate", HeaderValue::from_static("b=2"));
        HeaderInjector::new(&mut headers).set("tracestate", "\tc=3 ".to_owned());
        assert_eq!(
            headers.get_all("tracestate").iter().collect::<Vec<_>>(),
            ["c=3"]
        );
        for (name, empty) in [("tracestate", ""), ("tracestate", " "), ("other", "\t ")] {
            headers.insert(name, HeaderValue::from_static("stale"));
            HeaderInjector::new(&mut headers).set(name, empty.to_owned());
            assert!(headers.is_empty(), "{name}");
        }
    }

    /// Other crates' propagators may write in another order.
    #[test]
    fn the_order_of_fields_does_not_matter() {
        for keys in [
            ["tracestate", "traceparent"],
            ["x-b3-sampled", "x-b3-traceid"],
        ] {
            for keys in [keys, [keys[1], keys[0]]] {
                let mut headers = HeaderMap::new();
                for name in ["tracestate", "x-b3-sampled", "x-b3-flags"] {
                    headers.insert(name, HeaderValue::from_static("stale"));
                }
                let mut injector = HeaderInjector::new(&mut headers);
                for key in keys {
                    injector.set(key, "new".to_owned());
                }
                for key in keys {
                    assert_eq!(headers[key], "new", "{keys:?}");
                }
                let is_b3 = keys.contains(&"x-b3-traceid");
                assert_eq!(headers.contains_key("x-b3-flags"), !is_b3);
            }
        }
    }

    #[test]
    fn removes_headers_of_all_formats() {
        let mut headers = HeaderMap::new();
        for name in [
            "traceparent",
            "x-b3-parentspanid",
            "x-b3-flags",
            "uberctx-tenant",
            "x-amzn-trace-id",
            "baggage",
            "x-request-id",
        ] {
            headers.append(name, HeaderValue::from_static("1"));
        }
        remove_formats(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-request-id"]);
    }

    #[test]
    fn a_value_is_what_the_headers_can_carry() {
        let injected = |content_type: &'static str, key, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(content_type));
            HeaderInjector::new(&mut headers).set(key, value.to_owned());
            let value = headers.get("x-md-service-name").cloned();
            value.map(|value| value.as_bytes().to_vec())
        };
        let name = "x-md-service-name";
        for (content_type, value, expected) in [
            ("text/plain", "链", "链"),
            ("text/plain", "a\r\nb: c", "a%0D%0Ab: c"),
            ("application/grpc", "链", "%E9%93%BE"),
            ("application/grpc-web+proto", "é", "%C3%A9"),
        ] {
            let found = injected(content_type, name, value).unwrap();
            assert_eq!(found, expected.as_bytes(), "{content_type} {value:?}");
        }
        assert_eq!(injected("text/plain", "no name", "a"), None);
    }

    #[test]
    fn extracts_each_value_as_text() {
        let mut headers = HeaderMap::new();
        for value in [&b"\xff"[..], b"a", "链".as_bytes(), b"b\xfe"] {
            headers.append("x", HeaderValue::from_bytes(value).unwrap());
        }
        let extractor = HeaderExtractor::new(&headers);
        let all = ["\u{fffd}", "a", "链", "b\u{fffd}"];
        assert_eq!(extractor.get_all("x").unwrap(), all);
        assert_eq!(extractor.get("x"), Some("\u{fffd}"));
        assert_eq!((extractor.get("y"), extractor.get_all("y")), (None, None));
    }
}
