//! What others say, fit for one line of a log.

use std::error::Error;

/// How much of a text is quoted.
const MOST: usize = 200;

/// The first line that says something, without control characters, cut after 200.
pub(crate) fn quote(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    line.chars()
        .filter(|c| !c.is_control())
        .take(MOST)
        .collect()
}

/// An error with its causes: `transport error: tcp connect error: Connection refused (os error 111)`.
#[cfg_attr(not(any(feature = "otlp-grpc", test)), allow(dead_code))]
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        // Many an error has its cause's text in its own.
        if !said.is_empty() && !text.ends_with(&said) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&said);
        }
        next = error.source();
    }
    quote(&text)
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
    fn one_line_of_a_text() {
        assert_eq!(
            quote("\r\n  no\u{1b}[31m such day \nmore"),
            "no[31m such day"
        );
        assert_eq!(quote(&"x".repeat(999)).len(), MOST);
        assert_eq!(quote(""), "");
    }

    #[test]
    fn a_cause_is_said_once() {
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
