//! Shortens foreign text to one line of a log.

use std::error::Error;

/// Longest text.
const MAX_CHARS: usize = 200;

/// A control character, a separator of lines, or a mark that reorders what follows on a line.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first line that is not blank, without control characters, cut after 200 characters.
#[cfg_attr(
    not(any(feature = "otlp-grpc", feature = "http-client")),
    allow(dead_code)
)]
pub(crate) fn one_line(text: &str) -> String {
    let lines = text.split(['\n', '\u{2028}', '\u{2029}']);
    let mut lines = lines.map(str::trim);
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    line.chars()
        .filter(|c| !is_hidden(*c))
        .take(MAX_CHARS)
        .collect()
}

/// An error with its causes: `transport error: tcp connect error: Connection refused (os error
/// 111)`.
#[cfg_attr(not(any(feature = "otlp-grpc", test)), allow(dead_code))]
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let message = error.to_string();
        // Many errors include the text of their cause.
        if !message.is_empty() && !text.ends_with(&message) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&message);
        }
        next = error.source();
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Outer {
        text: &'static str,
        source: io::Error,
    }

    #[test]
    fn keeps_the_first_line_with_text() {
        assert_eq!(
            one_line("\r\n  no\u{1b}[31m such day \nmore"),
            "no[31m such day"
        );
        assert_eq!(one_line("a\u{202e}b\u{2028}c"), "ab");
        assert_eq!(one_line(&"x".repeat(999)).len(), MAX_CHARS);
        assert_eq!(one_line(""), "");
    }

    #[test]
    fn repeated_causes_appear_once() {
        let chain = |text| {
            with_causes(&Outer {
                text,
                source: io::Error::other("refused"),
            })
        };
        assert_eq!(chain("transport"), "transport: refused");
        assert_eq!(chain("transport: refused"), "transport: refused");
    }
}
