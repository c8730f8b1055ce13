//! Captures headers as span attributes.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use crate::net::bad_entry::BadEntry;
use crate::net::redact::{clip, redact};

/// Headers that hold credentials. Only [`HeaderCapture::force`] captures them.
const CREDENTIALS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    header::SET_COOKIE,
];

/// Most headers captured per call.
const MAX_HEADERS: usize = 64;

/// Most values captured per header.
const MAX_VALUES: usize = 16;

/// The headers (for a gRPC call: metadata) that are captured as span attributes such as
/// [`http.request.header.<name>`](https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/).
/// None by default.
///
/// In a pattern, `*` matches any number of characters; matching ignores case. `Authorization`,
/// `Cookie`, `Set-Cookie`, `Proxy-Authorization` and values marked
/// [sensitive](HeaderValue::is_sensitive) are never matched by a pattern: only
/// [`force`](Self::force) captures them. An attribute's value is an array of strings. Limits: 64
/// headers per call, 16 values per header, 1,024 bytes per value. Passwords and signatures in URLs
/// are replaced.
///
/// ```
/// use lianlu::net::HeaderCapture;
///
/// let headers = HeaderCapture::new().allow("x-request-id").allow("x-tenant-*");
/// headers.check()?;
///
/// assert!(HeaderCapture::new().allow("x-request-id:").check().is_err());
/// # Ok::<(), lianlu::net::BadEntry>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct HeaderCapture {
    allowed: Vec<HeaderName>,
    globs: Vec<String>,
    forced: Vec<HeaderName>,
    problem: Option<BadEntry>,
}

const INVALID_NAME: &str = "not a valid header name";

impl HeaderCapture {
    /// Captures nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Captures the headers that match this name or pattern.
    ///
    /// An invalid pattern is ignored; [`check`](Self::check) reports it.
    pub fn allow(mut self, pattern: impl AsRef<str>) -> Self {
        let pattern = pattern.as_ref();
        if pattern.contains('*') {
            // A valid pattern is a valid header name once its stars are replaced.
            match HeaderName::from_bytes(pattern.replace('*', "x").as_bytes()) {
                Ok(_) => self.globs.push(pattern.to_ascii_lowercase()),
                Err(_) => self.reject(pattern, INVALID_NAME),
            }
        } else {
            match HeaderName::from_bytes(pattern.as_bytes()) {
                Ok(name) => insert(&mut self.allowed, name),
                Err(_) => self.reject(pattern, INVALID_NAME),
            }
        }
        self
    }

    /// Captures this header even if it holds credentials, without redacting its values. Takes a
    /// name, not a pattern.
    pub fn force(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(_) if name.contains('*') => {
                self.reject(name, "a forced header must be a name, not a pattern");
            }
            Ok(name) => insert(&mut self.forced, name),
            Err(_) => self.reject(name, INVALID_NAME),
        }
        self
    }

    /// Checks all names and patterns given so far.
    ///
    /// # Errors
    ///
    /// The first invalid one.
    pub fn check(&self) -> Result<(), BadEntry> {
        match &self.problem {
            Some(problem) => Err(problem.clone()),
            None => Ok(()),
        }
    }

    fn reject(&mut self, pattern: &str, problem: &'static str) {
        let problem = BadEntry::new("captured headers", pattern, problem);
        self.problem.get_or_insert(problem);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.globs.is_empty() && self.forced.is_empty()
    }

    /// Calls `record` once per captured header. `key` maps a header name to an attribute key, or to
    /// `None` to skip the header.
    pub(crate) fn capture(
        &self,
        key: impl Fn(&HeaderName) -> Option<String>,
        headers: &HeaderMap,
        mut record: impl FnMut(KeyValue),
    ) {
        if self.is_empty() || headers.is_empty() {
            return;
        }
        let attribute = |name: &HeaderName, forced| {
            let values = headers.get_all(name).iter();
            let values: Vec<_> = values
                .filter(|value| forced || !value.is_sensitive())
                .take(MAX_VALUES)
                .map(|value| text(value, forced))
                .collect();
            let key = key(name).filter(|_| !values.is_empty())?;
            let values = Value::Array(Array::String(values));
            Some(KeyValue::new(Key::from(key), values))
        };
        let allowed =
            |name: &&HeaderName| !CREDENTIALS.contains(name) && !self.forced.contains(name);
        let forced = self.forced.iter().filter_map(|name| attribute(name, true));
        if self.globs.is_empty() {
            let named = self.allowed.iter().filter(allowed);
            let named = named.filter_map(|name| attribute(name, false));
            forced.chain(named).take(MAX_HEADERS).for_each(record);
        } else {
            let matching = headers.keys().filter(allowed).filter(|name| {
                self.allowed.contains(name)
                    || self
                        .globs
                        .iter()
                        .any(|glob| matches(glob.as_bytes(), name.as_str().as_bytes()))
            });
            let matching = matching.filter_map(|name| attribute(name, false));
            forced
                .chain(matching)
                .take(MAX_HEADERS)
                .for_each(&mut record);
        }
    }
}

fn insert(names: &mut Vec<HeaderName>, name: HeaderName) {
    if !names.contains(&name) {
        names.push(name);
    }
}

fn text(value: &HeaderValue, forced: bool) -> StringValue {
    let text = String::from_utf8_lossy(value.as_bytes());
    let text = if forced {
        text
    } else {
        match redact(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(redacted) => Cow::Owned(redacted),
        }
    };
    clip(&text).to_owned().into()
}

/// Matches `text` against a glob. After a mismatch only the last `*` is extended, so matching takes
/// at most `pattern × text` steps.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut star = None;
    loop {
        match (pattern, text) {
            ([], []) => return true,
            ([b'*', after @ ..], _) => {
                pattern = after;
                star = Some((after, text));
            }
            ([wanted, after @ ..], [found, rest @ ..]) if wanted == found => {
                pattern = after;
                text = rest;
            }
            _ => {
                let Some((after, [_, rest @ ..])) = star else {
                    return false;
                };
                pattern = after;
                text = rest;
                star = Some((after, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::{HeaderCapture, matches};

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let entry = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            (HeaderName::from_static(name), value)
        };
        let mut headers = HeaderMap::new();
        for (name, value) in list.iter().map(entry) {
            headers.append(name, value);
        }
        headers
    }

    fn captured(capture: &HeaderCapture, headers: &HeaderMap) -> Vec<String> {
        let mut all = Vec::new();
        let key = |name: &HeaderName| Some(format!("h.{name}"));
        capture.capture(key, headers, |attribute| {
            all.push(format!("{}={}", attribute.key, attribute.value));
        });
        all.sort();
        all
    }

    const HEADERS: &[(&str, &str)] = &[
        ("authorization", "Bearer secret"),
        ("cookie", "session=secret"),
        ("proxy-authorization", "Basic secret"),
        ("set-cookie", "session=secret"),
        ("x-request-id", "7"),
        ("x-tenant-id", "a"),
        ("x-tenant-id", "b"),
    ];

    #[test]
    fn captures_nothing_by_default() {
        assert!(captured(&HeaderCapture::new(), &headers(HEADERS)).is_empty());
    }

    #[test]
    fn captures_an_allowed_header_once_with_all_values() {
        let expected = ["h.x-request-id=[\"7\"]", "h.x-tenant-id=[\"a\",\"b\"]"];
        let named = HeaderCapture::new()
            .allow("X-Request-Id")
            .allow("x-request-id")
            .allow("x-tenant-id");
        assert_eq!(captured(&named, &headers(HEADERS)), expected);
        let globs = named.allow("X-Tenant-*").allow("*-id");
        assert_eq!(captured(&globs, &headers(HEADERS)), expected);
    }

    #[test]
    fn captures_credentials_only_when_forced() {
        for capture in [
            HeaderCapture::new().allow("*"),
            HeaderCapture::new()
                .allow("authorization")
                .allow("Cookie")
                .allow("set-cookie")
                .allow("proxy-authorization")
                .allow("x-request-id")
                .allow("x-tenant-id"),
        ] {
            let text = captured(&capture, &headers(HEADERS)).join(" ");
            assert!(!text.contains("secret"), "{text}");
            let forced = captured(&capture.force("Authorization"), &headers(HEADERS));
            assert_eq!(forced.len(), 3);
            assert_eq!(forced[0], "h.authorization=[\"Bearer secret\"]");
        }
    }

    #[test]
    fn captures_sensitive_values_only_when_forced() {
        let mut headers = headers(&[("x-key", "plain")]);
        let mut secret = HeaderValue::from_static("secret");
        secret.set_sensitive(true);
        headers.append("x-key", secret.clone());
        headers.append("x-other", secret);
        for capture in [
            HeaderCapture::new().allow("x-key").allow("x-other"),
            HeaderCapture::new().allow("*"),
        ] {
            assert_eq!(captured(&capture, &headers), ["h.x-key=[\"plain\"]"]);
            let forced = captured(&capture.force("x-key"), &headers);
            assert_eq!(forced, ["h.x-key=[\"plain\",\"secret\"]"]);
        }
    }

    #[test]
    fn truncates_decodes_and_redacts_values() {
        let capture = HeaderCapture::new().allow("*");
        let mut map = headers(&[("location", "https://u:p@h/?sig=1")]);
        map.insert("x-bytes", HeaderValue::from_bytes(b"a\xffb").unwrap());
        map.insert("x-long", HeaderValue::from_str(&"x".repeat(5000)).unwrap());
        let all = captured(&capture, &map);
        assert_eq!(
            all[0],
            "h.location=[\"https://REDACTED:REDACTED@h/?sig=REDACTED\"]"
        );
        assert_eq!(all[1], "h.x-bytes=[\"a\u{fffd}b\"]");
        assert_eq!(all[2].len(), "h.x-long=[\"\"]".len() + 1024);
    }

    #[test]
    fn limits_headers_and_values() {
        let mut map = HeaderMap::new();
        for number in 0..100 {
            let name = HeaderName::from_bytes(format!("x-{number}").as_bytes()).unwrap();
            for _ in 0..20 {
                map.append(name.clone(), HeaderValue::from_static("v"));
            }
        }
        let all = captured(&HeaderCapture::new().allow("*"), &map);
        assert_eq!(all.len(), 64);
        assert_eq!(all[0].matches("\"v\"").count(), 16);
    }

    #[test]
    fn reports_and_ignores_invalid_names() {
        for pattern in ["", " ", "x y", "x:", "x\n*", "链*", "h(*)"] {
            let capture = HeaderCapture::new().allow(pattern).allow("x-request-id");
            assert_eq!(capture.check().unwrap_err().entry(), pattern);
            assert_eq!(captured(&capture, &headers(HEADERS)).len(), 1);
        }
        let capture = HeaderCapture::new().force("*");
        assert_eq!(
            capture.check().unwrap_err().to_string(),
            "captured headers: \"*\": a forced header must be a name, not a pattern"
        );
        assert!(captured(&capture, &headers(HEADERS)).is_empty());
    }

    #[test]
    fn matches_globs() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "a"),
            ("a*", "a"),
            ("a*c", "abc"),
            ("*b*", "abc"),
            ("**", "x"),
            ("*-id", "x-id-id"),
            ("a*b*c", "axbxbxc"),
        ] {
            assert!(
                matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
        for (pattern, text) in [
            ("", "a"),
            ("a*", "b"),
            ("a*c", "ab"),
            ("*-id", "x-idx"),
            ("ab*ba", "aba"),
            ("a*b*c", "axbxb"),
        ] {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
    }

    /// The definition of a glob, in exponential time.
    fn slow_matches(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', after @ ..], _) => {
                (0..=text.len()).any(|start| slow_matches(after, &text[start..]))
            }
            ([wanted, after @ ..], [found, rest @ ..]) => {
                wanted == found && slow_matches(after, rest)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn globs_match_like_the_slow_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), slow_matches(pattern, text));
        }
    }
}
