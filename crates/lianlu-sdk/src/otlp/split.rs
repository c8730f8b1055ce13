//! A batch that is too large for one request.

use lianlu_wire::otlp::{Envelope, ReadError, Spans};

use crate::batch::{Batch, ScopeSpans};

/// Part of a batch: so many spans of its scopes as one request holds.
pub(super) struct Part<'a> {
    batch: &'a Batch,
    scopes: Vec<Piece<'a>>,
    /// What the scopes make of a request.
    len: usize,
    pub(super) spans: usize,
}

/// Spans of one scope.
struct Piece<'a> {
    scope: ScopeSpans<'a>,
    runs: Vec<&'a [u8]>,
    len: usize,
    spans: usize,
}

/// The batch in requests of `most` bytes at most, in its order. A span that is larger on its own is in a
/// request of its own.
pub(super) fn split(batch: &Batch, most: usize) -> Result<Vec<Part<'_>>, ReadError> {
    let envelope = batch.envelope();
    let mut parts = Vec::new();
    let mut part = Part::new(batch);
    for scope in batch.scopes() {
        let mut piece = Piece::new(scope);
        for run in scope.runs() {
            let mut from = 0;
            for span in Spans::new(run) {
                let span = span?;
                let with_it = piece.request_len(span.framed.len());
                let is_first = part.spans + piece.spans == 0;
                if !is_first && envelope.request_len(part.len + with_it) > most {
                    piece.push(run.get(from..span.at).unwrap_or_default());
                    from = span.at;
                    part.push(std::mem::replace(&mut piece, Piece::new(scope)));
                    parts.push(std::mem::replace(&mut part, Part::new(batch)));
                }
                piece.len += span.framed.len();
                piece.spans += 1;
            }
            piece.push(run.get(from..).unwrap_or_default());
        }
        part.push(piece);
    }
    parts.push(part);
    Ok(parts)
}

impl<'a> Part<'a> {
    fn new(batch: &'a Batch) -> Self {
        Self {
            batch,
            scopes: Vec::new(),
            len: 0,
            spans: 0,
        }
    }

    fn push(&mut self, piece: Piece<'a>) {
        if piece.spans > 0 {
            self.len += piece.request_len(0);
            self.spans += piece.spans;
            self.scopes.push(piece);
        }
    }

    /// Appends the request.
    pub(super) fn write_request(&self, out: &mut Vec<u8>) {
        let envelope = self.batch.envelope();
        out.reserve(envelope.request_len(self.len));
        envelope.put_start(out, self.len);
        for Piece {
            scope, runs, len, ..
        } in &self.scopes
        {
            Envelope::put_scope_start(out, scope.scope(), scope.schema_url(), *len);
            for run in runs {
                out.extend_from_slice(run);
            }
            Envelope::put_scope_end(out, scope.schema_url());
        }
        envelope.put_end(out);
    }
}

impl<'a> Piece<'a> {
    fn new(scope: ScopeSpans<'a>) -> Self {
        Self {
            scope,
            runs: Vec::new(),
            len: 0,
            spans: 0,
        }
    }

    fn push(&mut self, run: &'a [u8]) {
        if !run.is_empty() {
            self.runs.push(run);
        }
    }

    /// How long it is within a request with `more` bytes of spans.
    fn request_len(&self, more: usize) -> usize {
        Envelope::scope_spans_len(self.scope.scope(), self.scope.schema_url(), self.len + more)
    }
}
