//! Batches of ended spans for export.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

#[cfg(feature = "otlp-grpc")]
use bytes::Bytes;
use lianlu_wire::otlp::{self, Envelope, ReadError};

use crate::encode::{EncodedResource, EncodedScope};

/// Ended spans of one resource, as OTLP bytes.
///
/// [`write_request`](Self::write_request) writes the complete OTLP request; exporters of other
/// formats read the spans scope by scope.
pub struct Batch {
    resource: Arc<EncodedResource>,
    scopes: Vec<Scope>,
    spans: usize,
}

/// The spans of one instrumentation scope.
struct Scope {
    scope: Arc<EncodedScope>,
    /// Byte runs of `0x12 len Span`.
    runs: Vec<Slice>,
    spans: usize,
}

impl Scope {
    fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes().len()).sum()
    }
}

/// A part of a buffer that several destinations may share.
#[derive(Clone)]
pub(crate) struct Slice {
    buffer: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Slice {
    pub(crate) fn new(buffer: Arc<Vec<u8>>, range: Range<usize>) -> Self {
        Self { buffer, range }
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

/// Shorter runs are copied together with the bytes around them.
#[cfg(feature = "otlp-grpc")]
const LONG_RUN: usize = 8 * 1024;

impl Batch {
    pub(crate) fn new(resource: Arc<EncodedResource>) -> Self {
        Self {
            resource,
            scopes: Vec::new(),
            spans: 0,
        }
    }

    /// Adds a run that contains `spans` spans.
    pub(crate) fn push(&mut self, scope: &Arc<EncodedScope>, run: Slice, spans: usize) {
        self.spans += spans;
        let same = |known: &&mut Scope| known.scope.is_same(scope);
        if let Some(known) = self.scopes.iter_mut().find(same) {
            known.runs.push(run);
            known.spans += spans;
        } else {
            self.scopes.push(Scope {
                scope: Arc::clone(scope),
                runs: vec![run],
                spans,
            });
        }
    }

    /// Number of spans.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans
    }

    /// Whether the batch has no spans.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans == 0
    }

    /// The resource: an encoded
    /// [`Resource`](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/resource/v1/resource.proto).
    #[must_use]
    pub fn resource(&self) -> &[u8] {
        &self.resource.bytes
    }

    /// The parsed resource.
    ///
    /// # Errors
    ///
    /// Never for recorded resources, whose bytes are valid.
    pub fn parse_resource(&self) -> Result<otlp::Resource<'_>, ReadError> {
        otlp::Resource::parse(self.resource())
    }

    /// The spans, scope by scope.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeSpans<'_>> {
        self.scopes.iter().map(ScopeSpans)
    }

    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            resource: &self.resource.bytes,
            schema_url: &self.resource.schema_url,
        }
    }

    fn scopes_len(&self) -> usize {
        let len = |scope: &Scope| {
            let EncodedScope {
                bytes, schema_url, ..
            } = &*scope.scope;
            Envelope::scope_spans_len(bytes, schema_url, scope.bytes())
        };
        self.scopes.iter().map(len).sum()
    }

    /// Number of bytes that [`write_request`](Self::write_request) appends.
    #[must_use]
    pub fn request_len(&self) -> usize {
        self.envelope().request_len(self.scopes_len())
    }

    /// Appends an `ExportTraceServiceRequest`: resource and scopes, followed by the unchanged bytes
    /// of the spans.
    pub fn write_request(&self, out: &mut Vec<u8>) {
        out.reserve(self.request_len());
        self.write(out, |out, run| out.extend_from_slice(run.bytes()));
    }

    /// As [`write_request`](Self::write_request) after a `prefix`, in pieces: long runs are not
    /// copied.
    #[cfg(feature = "otlp-grpc")]
    pub(crate) fn request_pieces(&self, prefix: &[u8]) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        let mut last = prefix.to_vec();
        self.write(&mut last, |last, run| {
            if run.range.len() < LONG_RUN {
                last.extend_from_slice(run.bytes());
            } else {
                pieces.push(Bytes::from(std::mem::take(last)));
                pieces.push(Bytes::from_owner(run.clone()));
            }
        });
        pieces.push(Bytes::from(last));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    fn write(&self, out: &mut Vec<u8>, mut put_run: impl FnMut(&mut Vec<u8>, &Slice)) {
        let envelope = self.envelope();
        envelope.put_start(out, self.scopes_len());
        for scope in &self.scopes {
            let EncodedScope {
                bytes, schema_url, ..
            } = &*scope.scope;
            Envelope::put_scope_start(out, bytes, schema_url, scope.bytes());
            for run in &scope.runs {
                put_run(out, run);
            }
            Envelope::put_scope_end(out, schema_url);
        }
        envelope.put_end(out);
    }

    /// Returns the buffers for reuse.
    pub(crate) fn into_buffers(self) -> impl Iterator<Item = Arc<Vec<u8>>> {
        let runs = self.scopes.into_iter().flat_map(|scope| scope.runs);
        runs.map(|run| run.buffer)
    }

    /// Whether the batch is of this resource.
    pub(crate) fn is_of(&self, resource: &Arc<EncodedResource>) -> bool {
        Arc::ptr_eq(&self.resource, resource)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("spans", &self.spans)
            .field("bytes", &self.request_len())
            .finish_non_exhaustive()
    }
}

/// The spans of one instrumentation scope in a [`Batch`].
#[derive(Clone, Copy)]
pub struct ScopeSpans<'a>(&'a Scope);

impl<'a> ScopeSpans<'a> {
    /// The scope: an encoded
    /// [`InstrumentationScope`](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/common/v1/common.proto).
    #[must_use]
    pub fn scope(&self) -> &'a [u8] {
        &self.0.scope.bytes
    }

    /// The parsed scope.
    ///
    /// # Errors
    ///
    /// Never for recorded scopes, whose bytes are valid.
    pub fn parse_scope(&self) -> Result<otlp::Scope<'a>, ReadError> {
        otlp::Scope::parse(self.scope())
    }

    /// The scope's schema URL; empty without one.
    #[must_use]
    pub fn schema_url(&self) -> &'a str {
        &self.0.scope.schema_url
    }

    /// Number of spans.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.spans
    }

    /// Whether there are no spans.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.spans == 0
    }

    /// The spans as byte runs of complete elements of `ScopeSpans.spans`: repeated `0x12 length
    /// Span`.
    pub fn runs(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.runs.iter().map(Slice::bytes)
    }

    /// The spans, parsed one by one.
    pub fn spans(&self) -> impl Iterator<Item = Result<otlp::Span<'a>, ReadError>> + use<'a> {
        self.runs()
            .flat_map(otlp::Spans::new)
            .map(|span| span?.parse())
    }
}

impl fmt::Debug for ScopeSpans<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeSpans")
            .field("spans", &self.0.spans)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "otlp-grpc"))]
mod tests {
    use opentelemetry::InstrumentationScope;

    use super::*;

    #[test]
    fn pieces_concatenate_to_the_request() {
        let scope = |name: &'static str| {
            let scope = InstrumentationScope::builder(name).with_schema_url("s");
            Arc::new(EncodedScope::new(&scope.build()))
        };
        let (one, other) = (scope("one"), scope("other"));
        for lengths in [
            &[][..],
            &[10],
            &[LONG_RUN],
            &[10, LONG_RUN, 20, 30, LONG_RUN - 1, 2 * LONG_RUN],
        ] {
            let mut batch = Batch::new(Arc::default());
            for (at, &length) in lengths.iter().enumerate() {
                let scope = if at % 3 == 0 { &one } else { &other };
                let buffer = Arc::new(vec![at as u8; length + 2]);
                batch.push(scope, Slice::new(buffer, 1..length + 1), 1);
            }
            let mut request = b"front".to_vec();
            batch.write_request(&mut request);
            let pieces = batch.request_pieces(b"front");
            assert_eq!(pieces.concat(), request);
            assert!(pieces.iter().all(|piece| !piece.is_empty()));
            let long = batch.scopes().flat_map(|scope| scope.runs());
            for run in long.filter(|run| run.len() >= LONG_RUN) {
                let is_it = |piece: &&Bytes| piece.as_ptr() == run.as_ptr();
                assert!(pieces.iter().any(|piece| is_it(&piece)), "it was copied");
            }
        }
    }
}
