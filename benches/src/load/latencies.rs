//! A histogram of durations: three digits, from a microsecond to a minute.

use std::time::Duration;

use hdrhistogram::Histogram;

pub(super) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let longest = 60_000_000_000;
        Self(Histogram::new_with_bounds(1_000, longest, 3).expect("the bounds make sense"))
    }
}

impl Latencies {
    pub(super) fn record(&mut self, duration: Duration) {
        self.0
            .saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// In microseconds.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }
}
