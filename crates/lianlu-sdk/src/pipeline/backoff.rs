//! When a batch is sent again.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use super::limits::Limits;
use crate::export::Retry;

/// A collector that says to come back later than this is asked at this time all the same.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Delays that grow by half each time, with jitter, as the
/// [OTLP specification](https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling) wants it: of many services that
/// lost a collector at the same moment, each comes back at another.
#[derive(Debug)]
pub(super) struct Backoff {
    initial: Duration,
    max: Duration,
    next: Duration,
    /// The collector has named the time itself.
    is_asked: bool,
}

impl Backoff {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            initial: limits.retry_initial,
            max: limits.retry_max,
            next: limits.retry_initial,
            is_asked: false,
        }
    }

    /// A batch was taken.
    pub(super) fn reset(&mut self) {
        self.next = self.initial;
        self.is_asked = false;
    }

    /// Whether the collector has asked not to be asked before the time that was given last.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// When to try again.
    pub(super) fn retry_at(&mut self, retry: Retry) -> Instant {
        let delay = self.next.min(self.max);
        self.next = (delay + delay / 2).min(self.max);
        let jittered = delay / 2 + delay.mul_f64(random());
        let asked = retry.after.map(|after| after.min(LONGEST_ASKED));
        self.is_asked = asked.is_some();
        Instant::now() + asked.map_or(jittered, |asked| asked.max(jittered))
    }
}

/// From 0 to 1. Not for secrets.
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
    fn delays_grow_and_are_never_the_same() {
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
                assert!(!backoff.is_asked());
                delays.push(delay.as_millis());
            }
        }
        delays.sort_unstable();
        delays.dedup();
        assert!(delays.len() > 90, "{delays:?}");
    }

    #[test]
    fn what_a_collector_asks_for_is_the_least_and_has_a_limit() {
        for (asked, least, most) in [(0, 50, 150), (170, 170, 171), (10 * 365 * 86_400, 300, 301)] {
            let mut backoff = backoff();
            let before = Instant::now();
            let after = Some(Duration::from_secs(asked));
            let delay = (backoff.retry_at(Retry { after }) - before).as_secs();
            assert!((least..=most).contains(&delay), "{asked}: {delay}");
            assert!(backoff.is_asked());
            backoff.reset();
            assert!(!backoff.is_asked());
        }
    }
}
