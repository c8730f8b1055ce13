//! Delays between attempts to send a batch.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use super::limits::Limits;
use crate::export::Retry;

/// Longest delay that a collector may request; longer ones are shortened to it.
const MAX_REQUESTED: Duration = Duration::from_secs(300);

/// Delays that grow by half each time, with jitter, as recommended by the [OTLP
/// specification](https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling): services that
/// lost a collector at the same time do not all return at the same time.
#[derive(Debug)]
pub(super) struct Backoff {
    initial: Duration,
    max: Duration,
    next: Duration,
    /// The collector requested the last delay.
    is_requested: bool,
}

impl Backoff {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            initial: limits.retry_initial,
            max: limits.retry_max,
            next: limits.retry_initial,
            is_requested: false,
        }
    }

    /// Resets the delays after a batch was accepted.
    pub(super) fn reset(&mut self) {
        self.next = self.initial;
        self.is_requested = false;
    }

    /// Whether the collector requested the last delay.
    pub(super) fn is_requested(&self) -> bool {
        self.is_requested
    }

    /// The time of the next attempt.
    pub(super) fn retry_at(&mut self, retry: Retry) -> Instant {
        let delay = self.next.min(self.max);
        self.next = (delay + delay / 2).min(self.max);
        let jittered = delay / 2 + delay.mul_f64(random());
        let requested = retry.after.map(|after| after.min(MAX_REQUESTED));
        self.is_requested = requested.is_some();
        Instant::now() + requested.map_or(jittered, |requested| requested.max(jittered))
    }
}

/// Between 0 and 1. Not cryptographically secure.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(&Limits {
            retry_initial: Duration::from_secs(100),
            retry_max: Duration::from_secs(200),
            ..Limits::default()
        })
    }

    #[test]
    fn delays_grow_with_jitter() {
        let mut delays = Vec::new();
        for (number, seconds) in [100.0, 150.0, 200.0, 200.0, 200.0].into_iter().enumerate() {
            for _ in 0..20 {
                let mut backoff = backoff();
                for _ in 0..number {
                    backoff.retry_at(Retry::default());
                }
                let before = Instant::now();
                let delay = backoff.retry_at(Retry::default()) - before;
                let relative = delay.as_secs_f64() / seconds;
                assert!((0.49..1.51).contains(&relative), "{number}: {delay:?}");
                assert!(!backoff.is_requested());
                delays.push(delay.as_millis());
            }
        }
        delays.sort_unstable();
        delays.dedup();
        assert!(delays.len() > 90, "{delays:?}");
    }

    #[test]
    fn requested_delays_are_a_minimum_and_are_limited() {
        for (requested, least, most) in
            [(0, 50, 150), (170, 170, 171), (10 * 365 * 86_400, 300, 301)]
        {
            let mut backoff = backoff();
            let before = Instant::now();
            let after = Some(Duration::from_secs(requested));
            let delay = (backoff.retry_at(Retry { after }) - before).as_secs();
            assert!((least..=most).contains(&delay), "{requested}: {delay}");
            assert!(backoff.is_requested());
            backoff.reset();
            assert!(!backoff.is_requested());
        }
    }
}
