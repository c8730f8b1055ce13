//! Counts of started spans, by the sampler's result and the parent's origin.

use crate::sync::atomic::{AtomicU64, Ordering};

/// The sampler's result, as `otel.span.sampling_result`.
pub(super) const RESULTS: [&str; 3] = ["DROP", "RECORD_ONLY", "RECORD_AND_SAMPLE"];
/// Where the parent is, as `otel.span.parent.origin`.
pub(super) const ORIGINS: [&str; 3] = ["none", "local", "remote"];

const COUNTERS: usize = 11;

/// What is counted of a span that starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted(usize);

/// The result of sampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sampled {
    Drop = 0,
    RecordOnly = 3,
    RecordAndSample = 6,
}

impl Counted {
    /// A span that was recorded only and is exported at its end.
    pub(crate) const KEPT: Self = Self(9);
    /// The end of a span that was recorded only.
    pub(crate) const RECORD_ONLY_ENDED: Self = Self(10);

    /// A span that starts; `parent` is whether the parent is remote, if there is one.
    #[inline]
    pub(crate) fn start(result: Sampled, parent: Option<bool>) -> Self {
        let origin = match parent {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        };
        Self(result as usize + origin)
    }
}

/// The counters of one thread.
#[derive(Debug, Default)]
pub(super) struct Counters([AtomicU64; COUNTERS]);

/// Their values.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct StartCounts([u64; COUNTERS]);

impl Counters {
    /// `is_shared`: other threads count here too.
    #[inline]
    pub(super) fn count(&self, counted: Counted, is_shared: bool) {
        let Some(counter) = self.0.get(counted.0) else {
            return;
        };
        if is_shared {
            counter.fetch_add(1, Ordering::Relaxed);
        } else {
            // Only this thread writes, so no atomic read-modify-write is needed.
            counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }
}

impl StartCounts {
    pub(super) fn add(&mut self, counters: &Counters) {
        for (sum, counter) in self.0.iter_mut().zip(&counters.0) {
            *sum += counter.load(Ordering::Relaxed);
        }
    }

    pub(super) fn add_counts(&mut self, counts: &Self) {
        for (sum, count) in self.0.iter_mut().zip(counts.0) {
            *sum += count;
        }
    }

    /// Spans that are exported when they end.
    pub(super) fn exportable(&self) -> u64 {
        let [.., sampled, local, remote, kept, _] = self.0;
        sampled + local + remote + kept
    }

    /// Open spans that are recorded only.
    pub(super) fn record_only_open(&self) -> u64 {
        let [_, _, _, none, local, remote, .., ended] = self.0;
        (none + local + remote).saturating_sub(ended)
    }

    /// All started spans: result, origin of the parent, number.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let kinds = RESULTS.into_iter().flat_map(|result| {
            let origins = ORIGINS.into_iter();
            origins.map(move |origin| (result, origin))
        });
        let counts = kinds.zip(self.0);
        counts.map(|((result, origin), count)| (result, origin, count))
    }
}
