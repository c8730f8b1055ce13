//! When a call began, by two clocks for the price of one.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock that everybody has, as spans have it, and the one that never steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began {
    /// Nanoseconds since 1970.
    pub(crate) unix_nanos: u64,
    pub(crate) instant: Instant,
}

/// For how long the second clock tells the first one's time. Both are slewed alike; after a step of the first one,
/// calls have its old time for so long.
const TRUSTED: Duration = Duration::from_millis(100);

/// Between two looks at clocks that nothing interrupts.
const NEAR: Duration = Duration::from_micros(2);
const TRIES: usize = 8;

thread_local! {
    static ANCHOR: Cell<Option<Began>> = const { Cell::new(None) };
}

impl Began {
    #[inline]
    pub(crate) fn now() -> Self {
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
        let began = Self::by_both_clocks();
        let _ = ANCHOR.try_with(|anchor| anchor.set(Some(began)));
        began
    }

    /// Reads both clocks in the same moment, or as near to it as can be: whoever is interrupted between them reads again, or
    /// all calls until the next time would be off by that.
    #[cold]
    fn by_both_clocks() -> Self {
        let read = || {
            let instant = Instant::now();
            let since_1970 = opentelemetry::time::now().duration_since(UNIX_EPOCH);
            let apart = instant.elapsed();
            let unix_nanos = nanos(since_1970.unwrap_or_default());
            let began = Self {
                unix_nanos,
                instant,
            };
            (apart, began)
        };
        let (mut apart, mut began) = read();
        for _ in 0..TRIES {
            if apart <= NEAR {
                break;
            }
            let again = read();
            if again.0 < apart {
                (apart, began) = again;
            }
        }
        began
    }

    /// A later time by the first clock, as the second one has counted.
    #[inline]
    pub(crate) fn plus(&self, duration: Duration) -> u64 {
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
pub(crate) fn system_time(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

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
    fn it_does_not_matter_who_is_interrupted() {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // More than there are processors.
            for _ in 0..2 * std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let zero = Began::by_both_clocks();
            let offsets = (0..200_000).map(|_| {
                let began = Began::by_both_clocks();
                let passed = nanos(began.instant - zero.instant);
                began.unix_nanos.abs_diff(zero.unix_nanos + passed)
            });
            let most = offsets.max().unwrap();
            is_over.store(true, Ordering::Relaxed);
            // The system may be at work on its clock meanwhile.
            assert!(most < 1_000_000, "{most} ns");
        });
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
