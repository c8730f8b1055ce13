//! The carrier for HTTP headers.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Writes propagation fields into headers.
///
/// Replaces an existing header, or removes it if the new value is empty. Ignores a value that is
/// not valid in a header.
#[derive(Debug)]
pub struct HeaderInjector<'a>(pub &'a mut HeaderMap);

impl Injector for HeaderInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        // Avoids parsing the two most common names.
        let name = match key {
            "traceparent" => Ok(TRACEPARENT),
            "tracestate" => Ok(TRACESTATE),
            _ => HeaderName::from_bytes(key.as_bytes()),
        };
        let Ok(name) = name else { return };
        if value.is_empty() {
            self.0.remove(name);
        } else if let Ok(value) = HeaderValue::try_from(value) {
            self.0.insert(name, value);
        }
    }
}

/// Reads propagation fields from headers. A value that is not visible ASCII counts as absent in
/// `get`, and as empty in `get_all`, so that a repeated header is still detected as repeated.
#[derive(Debug)]
pub struct HeaderExtractor<'a>(pub &'a HeaderMap);

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values: Vec<_> = self
            .0
            .get_all(key)
            .iter()
            .map(|value| value.to_str().unwrap_or_default())
            .collect();
        (!values.is_empty()).then_some(values)
    }
}

/// A value as [`HeaderExtractor::get_all`] returns it.
pub(super) fn text(value: &HeaderValue) -> &[u8] {
    value.to_str().unwrap_or_default().as_bytes()
}

/// Removes the propagation headers of all known formats, even those not in use, because a proxy may
/// have copied them from the request that it serves.
pub(crate) fn remove_formats(headers: &mut HeaderMap) {
    const NAMES: [&str; 7] = [
        "traceparent",
        "tracestate",
        "baggage",
        "b3",
        "uber-trace-id",
        "x-amzn-trace-id",
        "x-md-service-name",
    ];
    for name in NAMES {
        headers.remove(name);
    }
    let has_prefix = |name: &&HeaderName| {
        let name = name.as_str();
        name.starts_with("x-b3-") || name.starts_with("uberctx-")
    };
    let prefixed: Vec<_> = headers.keys().filter(has_prefix).cloned().collect();
    for name in prefixed {
        headers.remove(name);
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
        HeaderInjector(&mut headers).set("tracestate", "c=3".to_owned());
        assert_eq!(
            headers.get_all("tracestate").iter().collect::<Vec<_>>(),
            ["c=3"]
        );
        HeaderInjector(&mut headers).set("tracestate", String::new());
        assert!(headers.is_empty());
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
    fn ignores_invalid_names_and_values() {
        let mut headers = HeaderMap::new();
        HeaderInjector(&mut headers).set("baggage", "a=\n".to_owned());
        HeaderInjector(&mut headers).set("no name", "a".to_owned());
        assert!(headers.is_empty());
    }
}
