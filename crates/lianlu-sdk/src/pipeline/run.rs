//! Runs of finished spans, and the batches that they make.

use std::collections::VecDeque;
use std::sync::Arc;

use lianlu_wire::otlp::Spans;

use crate::batch::Batch;
use crate::encode::{EncodedResource, EncodedScope};

/// Finished spans of one scope, one after the other as `0x12 len Span`.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) scope: Arc<EncodedScope>,
    pub(super) bytes: Vec<u8>,
    pub(super) spans: usize,
}

impl Run {
    /// Keeps the first `spans` and gives the others.
    fn split_off(&mut self, spans: usize) -> Self {
        let at = self.lengths().take(spans).sum();
        let rest = Self {
            scope: Arc::clone(&self.scope),
            bytes: self.bytes.split_off(at),
            spans: self.spans - spans,
        };
        self.spans = spans;
        rest
    }

    /// How many spans from the first on have `most` bytes together at the most.
    fn spans_within(&self, most: usize) -> usize {
        let mut sum = 0;
        let fits = |length: &usize| {
            sum += length;
            sum <= most
        };
        self.lengths().take_while(fits).count()
    }

    /// How many bytes each span has.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        Spans::new(&self.bytes).map_while(|span| Some(span.ok()?.framed.len()))
    }
}

/// Takes from `runs` what fits into one batch of `most` spans and `most_bytes` bytes. A span that is larger
/// goes alone.
pub(super) fn next_batch(
    runs: &mut VecDeque<Run>,
    resource: &Arc<EncodedResource>,
    most: usize,
    most_bytes: usize,
) -> Option<Batch> {
    let mut batch = Batch::new(Arc::clone(resource));
    let mut bytes = 0;
    while let Some(mut run) = runs.pop_front() {
        let mut fits = run.spans.min(most - batch.len());
        if bytes + run.bytes.len() > most_bytes {
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
        bytes += run.bytes.len();
        batch.push(&run.scope, run.bytes, run.spans);
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
    use opentelemetry_sdk::Resource;

    fn run(scope: &Arc<EncodedScope>, sizes: &[usize]) -> Run {
        let mut bytes = Vec::new();
        for &size in sizes {
            bytes.push(0x12);
            lianlu_wire::otlp::put_varint(&mut bytes, size as u64);
            bytes.resize(bytes.len() + size, 0xff);
        }
        Run {
            scope: Arc::clone(scope),
            bytes,
            spans: sizes.len(),
        }
    }

    fn batches(runs: Vec<Run>, most: usize, most_bytes: usize) -> Vec<usize> {
        let resource = EncodedResource::new(&Resource::builder_empty().build());
        let mut runs = VecDeque::from(runs);
        let mut lengths = Vec::new();
        while let Some(batch) = next_batch(&mut runs, &resource, most, most_bytes) {
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
    fn runs_are_cut_where_a_batch_is_full() {
        let scope = Arc::new(EncodedScope::new(&InstrumentationScope::default()));
        let runs = || vec![run(&scope, &[200; 5]), run(&scope, &[10; 4])];
        assert_eq!(batches(runs(), 3, usize::MAX), [3, 3, 3]);
        assert_eq!(batches(runs(), 100, usize::MAX), [9]);
        // 203 bytes each, then 12.
        assert_eq!(batches(runs(), 100, 410), [2, 2, 5]);
        assert_eq!(
            batches(vec![run(&scope, &[20_000, 5, 20_000])], 100, 100),
            [1, 1, 1]
        );
        assert_eq!(batches(Vec::new(), 10, 10), [0; 0]);
    }
}
