//! Runs of ended spans, and batches made of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use lianlu_wire::otlp::Spans;

use crate::encode::{EncodedResource, EncodedScope};
use crate::export::batch::{Batch, Slice};

/// Ended spans of one scope, concatenated as `0x12 len Span`. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Run {
    resource: Arc<EncodedResource>,
    scope: Arc<EncodedScope>,
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
    pub(super) spans: usize,
}

impl Run {
    pub(super) fn new(
        resource: &Arc<EncodedResource>,
        scope: Arc<EncodedScope>,
        bytes: Arc<Vec<u8>>,
        spans: usize,
    ) -> Self {
        Self {
            resource: Arc::clone(resource),
            scope,
            range: 0..bytes.len(),
            bytes,
            spans,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    pub(super) fn into_buffer(self) -> Arc<Vec<u8>> {
        self.bytes
    }

    /// Keeps the first `spans` spans and returns the others.
    fn split_off(&mut self, spans: usize) -> Self {
        let at = self.range.start + self.lengths().take(spans).sum::<usize>();
        let rest = Self {
            range: at..self.range.end,
            spans: self.spans - spans,
            ..self.clone()
        };
        self.range.end = at;
        self.spans = spans;
        rest
    }

    /// Number of leading spans that have at most `most` bytes together.
    fn spans_within(&self, most: usize) -> usize {
        let mut sum = 0;
        let fits = |length: &usize| {
            sum += length;
            sum <= most
        };
        self.lengths().take_while(fits).count()
    }

    /// The size of each span in bytes.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        let bytes = self.bytes.get(self.range.clone()).unwrap_or_default();
        Spans::new(bytes).map_while(|span| Some(span.ok()?.framed.len()))
    }
}

/// The most bytes that a request of these runs has besides its spans.
pub(super) fn envelope_len(runs: &VecDeque<Run>) -> usize {
    /// Tags and lengths.
    const FRAME: usize = 32;

    let Some(first) = runs.front() else { return 0 };
    let mut scopes: Vec<&Arc<EncodedScope>> = Vec::new();
    for run in runs {
        if !scopes.iter().any(|known| known.is_same(&run.scope)) {
            scopes.push(&run.scope);
        }
    }
    let scopes = scopes.iter();
    let scopes = scopes.map(|scope| scope.bytes.len() + scope.schema_url.len() + FRAME);
    let resource = &first.resource;
    scopes.sum::<usize>() + resource.bytes.len() + resource.schema_url.len() + FRAME
}

/// Takes one batch from `runs`: at most `most` spans and `most_bytes` bytes, of one resource. A
/// larger span becomes a batch of its own.
pub(super) fn next_batch(
    runs: &mut VecDeque<Run>,
    most: usize,
    most_bytes: usize,
) -> Option<Batch> {
    let mut batch = Batch::new(Arc::clone(&runs.front()?.resource));
    let mut bytes = 0;
    while let Some(mut run) = runs.pop_front() {
        if !batch.is_of(&run.resource) {
            runs.push_front(run);
            break;
        }
        let mut fits = run.spans.min(most - batch.len());
        if bytes + run.len() > most_bytes {
            fits = fits.min(run.spans_within(most_bytes - bytes));
            if batch.is_empty() {
                fits = fits.max(1);
            }
        }
        if fits < run.spans {
            let rest = run.split_off(fits);
            runs.push_front(rest);
        }
        if fits == 0 {
            break;
        }
        bytes += run.len();
        let slice = Slice::new(run.bytes, run.range);
        batch.push(&run.scope, slice, run.spans);
        if batch.len() >= most || bytes >= most_bytes {
            break;
        }
    }
    (!batch.is_empty()).then_some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::InstrumentationScope;

    fn run(scope: &Arc<EncodedScope>, resource: &Arc<EncodedResource>, sizes: &[usize]) -> Run {
        let mut bytes = Vec::new();
        for &size in sizes {
            bytes.push(0x12);
            lianlu_wire::otlp::put_varint(&mut bytes, size as u64);
            bytes.resize(bytes.len() + size, 0xff);
        }
        Run::new(resource, Arc::clone(scope), Arc::new(bytes), sizes.len())
    }

    fn batches(runs: Vec<Run>, most: usize, most_bytes: usize) -> Vec<usize> {
        let mut runs = VecDeque::from(runs);
        let mut lengths = Vec::new();
        while let Some(batch) = next_batch(&mut runs, most, most_bytes) {
            let bytes: usize = batch
                .scopes()
                .flat_map(|scope| scope.runs().map(<[u8]>::len))
                .sum();
            assert!(bytes <= most_bytes || batch.len() == 1, "{batch:?}");
            lengths.push(batch.len());
        }
        assert!(runs.is_empty());
        lengths
    }

    #[test]
    fn runs_are_split_at_the_limits_of_a_batch() {
        let scope = Arc::new(EncodedScope::new(&InstrumentationScope::default()));
        let resource = Arc::default();
        let run = |sizes: &[usize]| run(&scope, &resource, sizes);
        let runs = || vec![run(&[200; 5]), run(&[10; 4])];
        assert_eq!(batches(runs(), 3, usize::MAX), [3, 3, 3]);
        assert_eq!(batches(runs(), 100, usize::MAX), [9]);
        // 203 bytes each, then 12.
        assert_eq!(batches(runs(), 100, 410), [2, 2, 5]);
        assert_eq!(
            batches(vec![run(&[20_000, 5, 20_000])], 100, 100),
            [1, 1, 1]
        );
        assert_eq!(batches(Vec::new(), 10, 10), [0; 0]);
    }

    #[test]
    fn a_batch_has_one_resource() {
        let scope = Arc::new(EncodedScope::new(&InstrumentationScope::default()));
        let other = Arc::new(EncodedResource {
            schema_url: "other".to_owned(),
            ..EncodedResource::default()
        });
        let (one, other) = (
            run(&scope, &Arc::default(), &[10; 2]),
            run(&scope, &other, &[10]),
        );
        let runs = vec![one.clone(), one.clone(), other.clone(), other, one];
        assert_eq!(batches(runs, 100, usize::MAX), [4, 2, 2]);
    }
}
