//! When a call began, by two clocks for the price of one.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock that everybody has, as spans have it, and the one that never steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    /// Nanoseconds since 1970.
    pub(super) unix_nanos: u64,
    pub(super) instant: Instant,
}

/// For how long the second clock tells the first one's time. Both are slewed alike; after a step of the first one,
/// calls have its old time for so long.
const TRUSTED: Duration = Duration::from_millis(100);

thread_local! {
    static ANCHOR: Cell<Option<Began>> = const { Cell::new(None) };
}

impl Began {
    #[inline]
    pub(super) fn now() -> Self {
        let instant = Instant::now();
        let anchor = ANCHOR.try_with(Cell::get).ok().flatten();
        if let Some(anchor) = anchor {
            let since = instant.saturating_duration_since(anchor.instant);
            if since < TRUSTED {
                let unix_nanos = anchor.plus(since);
                return Self {
                    unix_nanos,
                    instant,
                };
            }
        }
        let since_1970 = opentelemetry::time::now().duration_since(UNIX_EPOCH);
        let began = Self {
            unix_nanos: nanos(since_1970.unwrap_or_default()),
            instant,
        };
        let _ = ANCHOR.try_with(|anchor| anchor.set(Some(began)));
        began
    }

    /// A later time by the first clock, as the second one has counted.
    #[inline]
    pub(super) fn plus(&self, duration: Duration) -> u64 {
        self.unix_nanos.saturating_add(nanos(duration))
    }
}

#[inline]
fn nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

/// The same as the API has it.
#[inline]
pub(super) fn system_time(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_that_of_the_clock() {
        for _ in 0..5 {
            let before = SystemTime::now();
            let began = Began::now();
            let after = SystemTime::now();
            // The two clocks are not read in the same moment.
            let off = Duration::from_millis(50);
            let at = system_time(began.unix_nanos);
            assert!(at + off >= before && at <= after + off);
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    #[test]
    fn it_goes_on_as_the_other_clock_does() {
        let first = Began::now();
        let second = Began::now();
        let passed = second.instant - first.instant;
        // The same anchor, or a new one.
        let gap = second.unix_nanos.saturating_sub(first.unix_nanos);
        assert!(gap >= nanos(passed.saturating_sub(Duration::from_millis(50))));
    }
}
