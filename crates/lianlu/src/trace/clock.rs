//! When a call began, by two clocks for the price of one.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

/// The clock that everybody has, and the one that never steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    pub(super) at: SystemTime,
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
                let at = anchor.plus(since);
                return Self { at, instant };
            }
        }
        let began = Self {
            at: opentelemetry::time::now(),
            instant,
        };
        let _ = ANCHOR.try_with(|anchor| anchor.set(Some(began)));
        began
    }

    /// A later time by the first clock, as the second one has counted.
    pub(super) fn plus(&self, duration: Duration) -> SystemTime {
        self.at.checked_add(duration).unwrap_or(self.at)
    }
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
            assert!(began.at + off >= before && began.at <= after + off);
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    #[test]
    fn it_goes_on_as_the_other_clock_does() {
        let first = Began::now();
        let second = Began::now();
        let passed = second.instant - first.instant;
        // The same anchor, or a new one.
        let gap = second.at.duration_since(first.at).unwrap_or_default();
        assert!(gap >= passed.saturating_sub(Duration::from_millis(50)));
    }
}
