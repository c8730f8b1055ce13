//! Iterates over the entries of a list header from the right, across all of its lines.

use http::header::{AsHeaderName, ValueIter};
use http::{HeaderMap, HeaderValue};

/// Most entries read; enough for any legitimate chain of proxies.
const MAX_HOPS: usize = 32;

/// Most bytes read over all lines.
const MAX_BYTES: usize = 8 * 1024;

/// The trimmed, non-empty entries from right to left. An entry that is not ASCII, or beyond the
/// limits, yields `None` and ends the iteration.
///
/// Reading from the right ensures that nothing a client writes before a proxy's entry, such as an
/// unclosed quote or a byte that is no text, changes how that entry is read.
#[derive(Debug)]
pub(super) struct Hops<'a> {
    lines: ValueIter<'a, HeaderValue>,
    /// The unread part of the current line.
    rest: Option<&'a [u8]>,
    /// Whether commas within quoted strings are part of an entry.
    quotes: bool,
    hops: usize,
    bytes: usize,
    ended: bool,
}

impl<'a> Hops<'a> {
    /// For headers whose entries may contain commas within quotes.
    pub(super) fn quoted(headers: &'a HeaderMap, name: impl AsHeaderName) -> Self {
        Self::new(headers, name, true)
    }

    pub(super) fn plain(headers: &'a HeaderMap, name: impl AsHeaderName) -> Self {
        Self::new(headers, name, false)
    }

    fn new(headers: &'a HeaderMap, name: impl AsHeaderName, quotes: bool) -> Self {
        Self {
            lines: headers.get_all(name).iter(),
            rest: None,
            quotes,
            hops: 0,
            bytes: 0,
            ended: false,
        }
    }

    /// The next entry, possibly empty; `Some(None)` if it is unreadable or too long.
    fn entry(&mut self) -> Option<Option<&'a str>> {
        let line = match self.rest.take() {
            Some(rest) => rest,
            None => self.lines.next_back()?.as_bytes(),
        };
        // Only the end of an overlong line is read.
        let budget = MAX_BYTES.saturating_sub(self.bytes);
        let start = line.len().saturating_sub(budget);
        let window = line.get(start..).unwrap_or_default();
        let comma = if self.quotes {
            comma_outside_quotes(window)
        } else {
            window.iter().rposition(|byte| *byte == b',')
        };
        let entry = match comma {
            Some(at) => {
                self.rest = line.get(..start + at);
                window.get(at + 1..)
            }
            None if start > 0 => None,
            None => Some(window),
        };
        self.bytes += entry.map_or(budget, |entry| entry.len() + 1);
        let text = |entry: &'a [u8]| {
            let text = std::str::from_utf8(entry).ok();
            text.filter(|text| text.is_ascii())
        };
        Some(entry.and_then(text))
    }
}

impl<'a> Iterator for Hops<'a> {
    type Item = Option<&'a str>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let Some(entry) = self.entry() else {
                self.ended = true;
                break;
            };
            match entry.map(|entry| entry.trim_matches([' ', '\t'])) {
                Some("") => {}
                Some(entry) if self.hops < MAX_HOPS => {
                    self.hops += 1;
                    return Some(Some(entry));
                }
                _ => {
                    self.ended = true;
                    return Some(None);
                }
            }
        }
        None
    }
}

/// The last comma that is not within a quoted string.
fn comma_outside_quotes(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut rest = text;
    while let Some(at) = rest.iter().rposition(|byte| matches!(byte, b',' | b'"')) {
        let before = rest.get(..at).unwrap_or_default();
        if rest.get(at) == Some(&b'"') {
            let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
            // Within quotes, an odd number of backslashes escapes this quote.
            if !quoted || backslashes.count() % 2 == 0 {
                quoted = !quoted;
            }
        } else if !quoted {
            return Some(at);
        }
        rest = before;
    }
    None
}
