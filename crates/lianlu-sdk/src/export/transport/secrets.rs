//! Keeps credentials out of messages.

use std::fmt;

use lianlu_wire::percent_decode;

/// Shorter texts are not replaced: they occur in messages by chance.
const SHORTEST: usize = 4;

const HIDDEN: &str = "***";

/// A URL as the user has written it. `Display` and `Debug` show neither its user nor its query nor
/// its fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointText(String);

impl EndpointText {
    /// The complete text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for EndpointText {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for EndpointText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for EndpointText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&without_secrets(&self.0), f)
    }
}

/// A URL or `host:port`, valid or not, without user, query and fragment. An unencoded password may
/// contain any character, so everything up to the last `@` is removed.
pub(crate) fn without_secrets(value: &str) -> String {
    let start = value.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = value.split_at(start);
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (front, cut) = rest.split_at(end);
    // The `?` may be part of a password.
    if cut.contains('@') {
        return format!("{scheme}{HIDDEN}");
    }
    let (user, front) = match front.rsplit_once('@') {
        Some((_, host)) => ("***@", host),
        None => ("", front),
    };
    match cut.get(..1) {
        Some(mark) => format!("{scheme}{user}{front}{mark}{HIDDEN}"),
        None => format!("{scheme}{user}{front}"),
    }
}

/// Credentials that a collector may quote in its response.
#[derive(Clone, Default)]
#[cfg_attr(
    not(any(feature = "otlp-grpc", feature = "http-client")),
    allow(dead_code)
)]
pub(crate) struct Secrets(Vec<String>);

#[cfg_attr(
    not(any(feature = "otlp-grpc", feature = "http-client")),
    allow(dead_code)
)]
impl Secrets {
    /// Adds a text, also as it is without percent-encoding.
    pub(crate) fn add(&mut self, text: &str) {
        let decoded = percent_decode(text);
        let of_form = percent_decode(&text.replace('+', " ")).into_owned();
        for text in [text, &decoded, &of_form] {
            if text.len() >= SHORTEST && !self.0.iter().any(|known| known == text) {
                self.0.push(text.to_owned());
            }
        }
        // A text may contain another.
        self.0.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// Adds a query and the value of each parameter.
    pub(crate) fn add_query(&mut self, query: &str) {
        self.add(query);
        for parameter in query.split('&') {
            let value = parameter.split_once('=').map(|(_, value)| value);
            self.add(value.unwrap_or(parameter));
        }
    }

    /// Adds a header's value, with and without the scheme of an `Authorization`.
    pub(crate) fn add_header(&mut self, value: &str) {
        self.add(value);
        if let Some((_, credentials)) = value.split_once(' ') {
            self.add(credentials);
        }
    }

    /// Replaces each of them in `text`.
    pub(crate) fn hide(&self, text: &str) -> String {
        let decoded = percent_decode(text);
        let is_encoded = self
            .0
            .iter()
            .any(|secret| decoded.contains(secret.as_str()) && !text.contains(secret.as_str()));
        let text = if is_encoded { &*decoded } else { text };
        let hide = |text: String, secret: &String| text.replace(secret.as_str(), HIDDEN);
        self.0.iter().fold(text.to_owned(), hide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_neither_user_nor_query_nor_fragment() {
        for (value, shown) in [
            ("http://h:1/p?Api-Key=s3cret", "http://h:1/p?***"),
            ("http://h/p#s3cret", "http://h/p#***"),
            ("h:4317?key=s3cret", "h:4317?***"),
            ("http://h/p?mail=a@b&key=s3cret", "http://***"),
            ("ftp://ann:se@s3cret@h/p@q", "ftp://***@q"),
            ("ftp://ann:se/s3cr@et@h/p", "ftp://***@h/p"),
            ("ftp://ann:se?s3cret@h", "ftp://***"),
            ("ann:s3cret@h:1", "***@h:1"),
            ("s3cret@h:1", "***@h:1"),
            ("ftp://h/p", "ftp://h/p"),
            ("7", "7"),
        ] {
            let text = EndpointText::from(value);
            assert_eq!(text.to_string(), shown);
            assert_eq!(format!("{text:?}"), format!("{shown:?}"));
            let error = crate::OptionError::new("o", value, "no");
            assert_eq!(error.to_string(), format!("o: no, got {shown:?}"));
        }
    }

    #[test]
    fn quoted_credentials_are_hidden() {
        let mut secrets = Secrets::default();
        secrets.add_query("a=1&key=s3%2Bcr+et&b=1");
        secrets.add_header("Bearer t0ken");
        for text in [
            "no route for /p?a=1&key=s3%2Bcr+et&b=1",
            "key s3%2Bcr+et",
            "key s3+cr+et",
            "key s3+cr et",
            "key s3%2Bcr%20et",
            "unknown token t0ken",
            "t0ken s3+cr et",
        ] {
            let hidden = secrets.hide(text);
            assert!(hidden.contains("***"), "{hidden}");
            assert!(
                !hidden.contains("s3") && !hidden.contains("t0k"),
                "{hidden}"
            );
        }
        assert_eq!(secrets.hide("100% of a=1"), "100% of a=1");
    }
}
