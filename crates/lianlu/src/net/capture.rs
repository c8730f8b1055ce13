//! Headers that become attributes.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use crate::net::bad_entry::BadEntry;
use crate::net::redact::{clip, redact};

/// Headers that hold credentials: only `force` captures them.
const CREDENTIALS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    header::SET_COOKIE,
];

/// Of one call, no more headers than these, and no more values of each.
const MAX_HEADERS: usize = 64;
const MAX_VALUES: usize = 16;

/// Which headers (a gRPC call's metadata) a span shows, as
/// [`http.request.header.<name>`](https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/)
/// and the like. None by default.
///
/// In a pattern `*` stands for any characters or none; case makes no difference. Whatever the
/// patterns say, `Authorization`, `Cookie`, `Set-Cookie`, `Proxy-Authorization` and values marked
/// [sensitive](HeaderValue::is_sensitive) are captured only by [`force`](Self::force). Values are
/// arrays of strings: 16 values of a header at most, cut after 1024 bytes each, 64 headers of a
/// call. What a URL in them holds of passwords and signatures is replaced.
///
/// ```
/// use lianlu::HeaderCapture;
///
/// let headers = HeaderCapture::new().allow("x-request-id").allow("x-tenant-*");
/// headers.check()?;
///
/// assert!(HeaderCapture::new().allow("x-request-id:").check().is_err());
/// # Ok::<(), lianlu::BadEntry>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct HeaderCapture {
    allowed: Vec<HeaderName>,
    globs: Vec<String>,
    forced: Vec<HeaderName>,
    problem: Option<BadEntry>,
}

impl HeaderCapture {
    /// Captures nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Captures the headers that this name or pattern matches.
    ///
    /// A pattern that no header's name can match is passed over; [`check`](Self::check) tells it.
    pub fn allow(mut self, pattern: impl AsRef<str>) -> Self {
        let pattern = pattern.as_ref();
        if pattern.contains('*') {
            // Whatever is a name with its stars replaced is a pattern.
            match HeaderName::from_bytes(pattern.replace('*', "x").as_bytes()) {
                Ok(_) => self.globs.push(pattern.to_ascii_lowercase()),
                Err(_) => self.refuse(pattern, "no header has such a name"),
            }
        } else {
            match HeaderName::from_bytes(pattern.as_bytes()) {
                Ok(name) => insert(&mut self.allowed, name),
                Err(_) => self.refuse(pattern, "no header has such a name"),
            }
        }
        self
    }

    /// Captures this header even if it holds credentials, and its values as they are. A name, not a
    /// pattern.
    pub fn force(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(_) if name.contains('*') => self.refuse(name, "what is forced has no *"),
            Ok(name) => insert(&mut self.forced, name),
            Err(_) => self.refuse(name, "no header has such a name"),
        }
        self
    }

    /// Whether each pattern so far can match a header.
    ///
    /// # Errors
    ///
    /// Names the first that can't.
    pub fn check(&self) -> Result<(), BadEntry> {
        match &self.problem {
            Some(problem) => Err(problem.clone()),
            None => Ok(()),
        }
    }

    fn refuse(&mut self, pattern: &str, problem: &'static str) {
        let problem = BadEntry::new("captured headers", pattern, problem);
        self.problem.get_or_insert(problem);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.globs.is_empty() && self.forced.is_empty()
    }

    /// Hands over each captured header once, under the key that `key` gives it, if any.
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

/// Whether `text` is `pattern` with something in place of each `*`. After a mismatch only the last
/// `*` is stretched, so that no pattern takes more than `pattern × text` steps.
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

    const EVERYTHING: &[(&str, &str)] = &[
        ("authorization", "Bearer secret"),
        ("cookie", "session=secret"),
        ("proxy-authorization", "Basic secret"),
        ("set-cookie", "session=secret"),
        ("x-request-id", "7"),
        ("x-tenant-id", "a"),
        ("x-tenant-id", "b"),
    ];

    #[test]
    fn nothing_by_default() {
        assert!(captured(&HeaderCapture::new(), &headers(EVERYTHING)).is_empty());
    }

    #[test]
    fn what_is_allowed_once_with_all_its_values() {
        let expected = ["h.x-request-id=[\"7\"]", "h.x-tenant-id=[\"a\",\"b\"]"];
        let named = HeaderCapture::new()
            .allow("X-Request-Id")
            .allow("x-request-id")
            .allow("x-tenant-id");
        assert_eq!(captured(&named, &headers(EVERYTHING)), expected);
        let globs = named.allow("X-Tenant-*").allow("*-id");
        assert_eq!(captured(&globs, &headers(EVERYTHING)), expected);
    }

    #[test]
    fn credentials_only_by_force() {
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
            let text = captured(&capture, &headers(EVERYTHING)).join(" ");
            assert!(!text.contains("secret"), "{text}");
            let forced = captured(&capture.force("Authorization"), &headers(EVERYTHING));
            assert_eq!(forced.len(), 3);
            assert_eq!(forced[0], "h.authorization=[\"Bearer secret\"]");
        }
    }

    #[test]
    fn values_marked_sensitive_only_by_force() {
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
    fn values_are_cut_made_readable_and_free_of_passwords() {
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
    fn no_more_than_so_many() {
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
    fn a_name_that_no_header_has_is_told_and_passed_over() {
        for pattern in ["", " ", "x y", "x:", "x\n*", "链*", "h(*)"] {
            let capture = HeaderCapture::new().allow(pattern).allow("x-request-id");
            assert_eq!(capture.check().unwrap_err().entry(), pattern);
            assert_eq!(captured(&capture, &headers(EVERYTHING)).len(), 1);
        }
        let capture = HeaderCapture::new().force("*");
        assert_eq!(
            capture.check().unwrap_err().to_string(),
            "captured headers: \"*\": what is forced has no *"
        );
        assert!(captured(&capture, &headers(EVERYTHING)).is_empty());
    }

    #[test]
    fn patterns() {
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
        fn patterns_match_as_their_definition_says(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), slow_matches(pattern, text));
        }
    }
}
