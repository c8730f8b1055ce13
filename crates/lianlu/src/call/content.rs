//! The beginning of a body's content, kept if the user enables it.

use bytes::Buf;

/// Keeps the first bytes of a body.
#[derive(Debug, Default)]
pub(crate) struct Content {
    kept: Vec<u8>,
    limit: usize,
}

impl Content {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit,
        }
    }

    pub(crate) fn feed(&mut self, data: &impl Buf) {
        let room = self.limit.saturating_sub(self.kept.len());
        if room > 0 {
            // Of a buffer in several pieces, only the first is kept.
            let chunk = data.chunk();
            self.kept
                .extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        }
    }

    /// The text kept so far, cut at a character boundary. `None` if content is disabled or none has
    /// come.
    pub(crate) fn text(&self) -> Option<String> {
        if self.kept.is_empty() {
            return None;
        }
        // An incomplete character at the cut is left out; an invalid one in the middle is replaced.
        let end = match std::str::from_utf8(&self.kept) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.kept.len(),
        };
        let whole = self.kept.get(..end).unwrap_or_default();
        Some(String::from_utf8_lossy(whole).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_a_character_boundary() {
        let mut content = Content::new(5);
        content.feed(&"链".as_bytes());
        content.feed(&"路路".as_bytes());
        assert_eq!(content.text().unwrap(), "链");
        let mut content = Content::new(100);
        content.feed(&&b"a\xff"[..]);
        content.feed(&&b"b"[..]);
        assert_eq!(content.text().unwrap(), "a\u{fffd}b");
        assert_eq!(Content::new(0).text(), None);
    }
}
