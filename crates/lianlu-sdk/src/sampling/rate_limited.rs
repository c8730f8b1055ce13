//! A limit per second.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};

use super::{Sampler, sampling_result};

type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Samples at most a number of spans per second; with [`parent_based`](Self::parent_based), a
/// number of new traces.
///
/// A token bucket: it starts full and fills at the rate, and each sampled span takes a token. It
/// holds the tokens of one second, at least one, so after an idle time the first second can have up
/// to twice the rate; [`with_burst`](Self::with_burst) sets another size.
///
/// Implemented as one atomic number, without a lock. Clones share it. The clock is monotonic.
///
/// ```
/// use lianlu_sdk::sampling::RateLimited;
///
/// // Ten new traces a second, and one a minute.
/// let ten = RateLimited::new(10.0).parent_based();
/// let rare = RateLimited::new(1.0 / 60.0).parent_based();
/// # let _ = (ten, rare);
/// ```
#[derive(Clone)]
#[must_use = "a sampler does nothing until a provider has it"]
pub struct RateLimited {
    per_second: f64,
    burst: u32,
    /// Nanoseconds from one token to the next.
    interval: u64,
    /// When the bucket will be full, in nanoseconds of the clock; in the past if it is full.
    full_at: Arc<AtomicU64>,
    clock: Clock,
}

impl RateLimited {
    /// Samples `per_second` spans a second. Zero, negative numbers and NaN sample none.
    pub fn new(per_second: f64) -> Self {
        let start = Instant::now();
        // Negative rates and NaN become 0: `max` ignores a NaN.
        let per_second = per_second.max(0.0);
        Self {
            per_second,
            // The conversion from float to integer saturates.
            burst: (per_second as u32).max(1),
            interval: (1e9 / per_second) as u64,
            full_at: Arc::default(),
            clock: Arc::new(move || start.elapsed()),
        }
    }

    /// Sets how many spans may be sampled at once after an idle time, at least one. The bucket
    /// starts full.
    pub fn with_burst(mut self, burst: u32) -> Self {
        self.burst = burst.max(1);
        self.full_at = Arc::default();
        self
    }

    /// Takes the time from `clock`, for tests: a monotonic time since any start. The bucket starts
    /// full.
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self.full_at = Arc::default();
        self
    }

    /// Limits new traces: decides only about a trace's first span. A span with a parent follows its
    /// parent's decision, and takes no token.
    pub fn parent_based(self) -> Sampler {
        Sampler::from(self).parent_based()
    }

    /// Takes a token if there is one.
    pub(super) fn take(&self) -> bool {
        if self.per_second == 0.0 {
            return false;
        }
        let now = u64::try_from((self.clock)().as_nanos()).unwrap_or(u64::MAX);
        // If one token is left, the bucket is this far from full.
        let last = self.interval.saturating_mul(u64::from(self.burst) - 1);
        self.full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let full_at = full_at.max(now);
                (full_at - now <= last).then(|| full_at.saturating_add(self.interval))
            })
            .is_ok()
    }

    #[cfg(feature = "jaeger-remote-sampler")]
    pub(super) fn per_second(&self) -> f64 {
        self.per_second
    }
}

impl ShouldSample for RateLimited {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        sampling_result(self.take(), parent)
    }
}

impl fmt::Debug for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimited")
            .field("per_second", &self.per_second)
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::RateLimited;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// A sampler and its clock, in milliseconds.
    fn at(sampler: RateLimited) -> (RateLimited, Arc<AtomicU64>) {
        let clock = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&clock);
        let sampler =
            sampler.with_clock(move || Duration::from_millis(time.load(Ordering::Relaxed)));
        (sampler, clock)
    }

    fn taken(sampler: &RateLimited, asked: usize) -> usize {
        (0..asked).filter(|_| sampler.take()).count()
    }

    #[test]
    fn starts_full_then_samples_at_the_rate() {
        let (sampler, clock) = at(RateLimited::new(10.0));
        assert_eq!(taken(&sampler, 100), 10);
        clock.store(99, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 100), 0);
        clock.store(100, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 100), 1);
        clock.store(1_100, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 100), 10);
        clock.store(3_600_000, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 100), 10, "no more than the bucket holds");
    }

    #[test]
    fn limits_the_burst() {
        let (sampler, clock) = at(RateLimited::new(10.0).with_burst(3));
        assert_eq!(taken(&sampler, 100), 3);
        clock.store(10_000, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 100), 3);
        let (none, _) = at(RateLimited::new(10.0).with_burst(0));
        assert_eq!(taken(&none, 100), 1);
    }

    #[test]
    fn samples_less_than_one_a_second() {
        let (sampler, clock) = at(RateLimited::new(0.5));
        assert_eq!(taken(&sampler, 5), 1);
        clock.store(1_999, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 5), 0);
        clock.store(2_000, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 5), 1);
    }

    #[test]
    fn accepts_any_number_as_a_rate() {
        for none in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(taken(&at(RateLimited::new(none)).0, 100), 0, "{none}");
        }
        for all in [f64::INFINITY, f64::MAX, 1e12] {
            assert_eq!(taken(&at(RateLimited::new(all)).0, 100), 100, "{all}");
        }
        assert_eq!(taken(&at(RateLimited::new(f64::MIN_POSITIVE)).0, 100), 1);
    }

    #[test]
    fn adds_no_tokens_if_the_clock_goes_back() {
        let (sampler, clock) = at(RateLimited::new(1.0));
        clock.store(5_000, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 9), 1);
        clock.store(0, Ordering::Relaxed);
        assert_eq!(taken(&sampler, 9), 0);
    }

    #[test]
    fn threads_share_the_limit() {
        let (sampler, _) = at(RateLimited::new(1000.0));
        let total: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| taken(&sampler, 1000)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(total, 1000);
    }
}
