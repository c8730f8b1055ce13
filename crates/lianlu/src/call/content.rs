//! The beginning of a body's content, for those who ask for it.

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
            // What a buffer of several pieces has behind the first is left out.
            let chunk = data.chunk();
            self.kept
                .extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        }
    }

    /// The text so far, cut between characters. `None` if nothing was asked for or has come.
    pub(crate) fn text(&self) -> Option<String> {
        if self.kept.is_empty() {
            return None;
        }
        // An incomplete character at the cut is left out, one that is broken in the middle is replaced.
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
    fn the_cut_is_between_characters() {
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
