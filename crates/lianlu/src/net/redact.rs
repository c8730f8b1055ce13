//! Removes credentials from URLs, queries and texts that quote them, and truncates text that comes
//! from the other side.
//!
//! Keys and replacements follow the [URL conventions]: keys are case-sensitive, and only the value
//! is replaced.
//!
//! [URL conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

use std::borrow::Cow;
use std::sync::Arc;

const REDACTED: &str = "REDACTED";

/// Query keys whose values sign or authorise a request.
const SENSITIVE_KEYS: [&str; 7] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
];

/// The query keys whose values are redacted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redaction {
    /// Replaces [`SENSITIVE_KEYS`].
    keys: Option<Arc<[String]>>,
}

impl Redaction {
    pub(crate) fn of_keys(keys: impl IntoIterator<Item = String>) -> Self {
        Self {
            keys: Some(keys.into_iter().collect()),
        }
    }

    /// Replaces the values of sensitive query keys, and `user:password@`, in a query, a URL or a
    /// text that quotes one.
    pub(crate) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let text = match &self.keys {
            None => redact_query(text, |key| SENSITIVE_KEYS.contains(&key)),
            Some(keys) => redact_query(text, |key| keys.iter().any(|known| known == key)),
        };
        match text {
            Cow::Borrowed(text) if !text.as_bytes().contains(&b'@') => Cow::Borrowed(text),
            Cow::Borrowed(text) => redact_userinfo(text),
            Cow::Owned(text) => Cow::Owned(redact_userinfo(&text).into_owned()),
        }
    }
}

/// [`Redaction::redact`] with the keys of the conventions.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    Redaction::default().redact(text)
}

/// Most bytes of one attribute that the other side controls. A batch of 512 spans whose attributes
/// are all this long still fits into the 4 MiB that a gRPC collector accepts.
const MAX_TEXT: usize = 1024;

/// Truncates text from the other side to [`MAX_TEXT`] bytes, at a character boundary.
#[inline]
pub(crate) fn clip(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    // A character has at most four bytes, so one of these positions is a boundary.
    (0..4)
        .find_map(|back| text.get(..MAX_TEXT - back))
        .unwrap_or(text)
}

fn redact_query(text: &str, is_sensitive: impl Fn(&str) -> bool) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut key_start = 0;
    // Separators before this position have been seen, so that each byte is looked at once.
    let mut seen = 0;
    for (at, byte) in text.bytes().enumerate() {
        // A `=` in a redacted value is no end of a key.
        if byte != b'=' || at < copied {
            continue;
        }
        let unseen = text.as_bytes().get(seen..at).unwrap_or_default();
        let is_separator = |byte: &u8| matches!(byte, b'?' | b'&' | b'#');
        if let Some(separator) = unseen.iter().rposition(is_separator) {
            key_start = seen + separator + 1;
        }
        seen = at + 1;
        if is_sensitive(text.get(key_start..at).unwrap_or_default()) {
            let value = text.get(at + 1..).unwrap_or_default();
            let end = value
                .find(|c: char| c == '&' || c == '#' || c.is_whitespace())
                .unwrap_or(value.len());
            out.push_str(text.get(copied..=at).unwrap_or_default());
            out.push_str(REDACTED);
            copied = at + 1 + end;
            seen = copied;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

fn redact_userinfo(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for (scheme_end, separator) in text.match_indices("://") {
        let start = scheme_end + separator.len();
        let rest = text.get(start..).unwrap_or_default();
        let authority_end = rest
            .find(|c: char| matches!(c, '/' | '?' | '#') || c.is_whitespace())
            .unwrap_or(rest.len());
        let authority = rest.get(..authority_end).unwrap_or_default();
        if let Some(at) = authority.rfind('@') {
            out.push_str(text.get(copied..start).unwrap_or_default());
            out.push_str("REDACTED:REDACTED");
            copied = start + at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::{clip, redact};

    #[test]
    fn truncates_at_a_character_boundary() {
        assert_eq!(clip("short"), "short");
        assert_eq!(clip(&"x".repeat(5000)).len(), 1024);
        assert_eq!(clip(&"链".repeat(5000)), "链".repeat(341));
    }

    #[test]
    fn redacts_the_value_of_each_sensitive_key() {
        for key in super::SENSITIVE_KEYS {
            assert_eq!(
                redact(&format!("a=1&{key}=secret&b=2")),
                format!("a=1&{key}=REDACTED&b=2"),
            );
            assert_eq!(redact(&format!("{key}=secret")), format!("{key}=REDACTED"));
        }
    }

    #[test]
    fn keeps_other_keys_and_other_case() {
        for query in ["", "q=1", "signature=1", "xsig=2&sigx=3", "a=Signature"] {
            assert_eq!(redact(query), query);
        }
    }

    /// A search back to the start at each `=` would take hours.
    #[test]
    fn each_byte_is_looked_at_once() {
        for (unit, expected) in [("=", None), ("a=", None), ("?sig=", Some("?sig=REDACTED"))] {
            let query = unit.repeat(1 << 21);
            assert!(redact(&query) == expected.unwrap_or(&query), "{unit}");
        }
        assert_eq!(
            redact("sig=a?sig=b&a==&sig=c"),
            "sig=REDACTED&a==&sig=REDACTED"
        );
    }

    #[test]
    fn redacts_userinfo_in_urls() {
        assert_eq!(
            redact("https://bob:pa@ss@h:1/p?sig=x#f"),
            "https://REDACTED:REDACTED@h:1/p?sig=REDACTED#f"
        );
        assert_eq!(redact("https://h/p@q"), "https://h/p@q");
    }

    #[test]
    fn punctuation_does_not_end_a_url() {
        assert_eq!(
            redact("http://bob:se)c\"ret@h/?sig=ab)c\"d"),
            "http://REDACTED:REDACTED@h/?sig=REDACTED"
        );
    }

    #[test]
    fn redacts_urls_quoted_in_error_messages() {
        assert_eq!(
            redact("error sending request for url (http://u:p@h/x?sig=abc&y=1): refused"),
            "error sending request for url (http://REDACTED:REDACTED@h/x?sig=REDACTED&y=1): refused"
        );
    }
}
