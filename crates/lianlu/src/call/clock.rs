//! The start of a call on two clocks, for the price of reading one.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A time on the wall clock, for the span, and on the monotonic clock, for durations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began {
    /// Nanoseconds since 1970.
    pub(crate) unix_nanos: u64,
    pub(crate) instant: Instant,
}

/// How long wall-clock time is derived from the monotonic clock. Both clocks are slewed alike;
/// after a step of the wall clock, calls have the old time for up to this long.
const TRUSTED: Duration = Duration::from_millis(100);

/// Two clock reads that are closer than this were not interrupted.
const NEAR: Duration = Duration::from_micros(2);
const TRIES: usize = 8;

thread_local! {
    static ANCHOR: Cell<Option<Began>> = const { Cell::new(None) };
}

impl Began {
    /// Without the wall clock, which only spans need.
    #[inline]
    pub(crate) fn unrecorded(instant: Instant) -> Self {
        Self {
            unix_nanos: 0,
            instant,
        }
    }

    /// Now, or shortly before.
    #[inline]
    pub(crate) fn at(instant: Instant) -> Self {
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

    /// Reads both clocks at the same moment, as nearly as possible. If the thread is interrupted
    /// between the two reads, it reads again: otherwise all calls until the next reading would be
    /// off by that.
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

    /// The wall-clock time `duration` after this one, as measured by the monotonic clock.
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

/// Converts to the API's type.
#[inline]
pub(crate) fn system_time(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn agrees_with_the_wall_clock() {
        for _ in 0..5 {
            let before = SystemTime::now();
            let began = Began::at(Instant::now());
            let after = SystemTime::now();
            // The two clocks are not read at the same moment.
            let off = Duration::from_millis(50);
            let at = system_time(began.unix_nanos);
            assert!(at + off >= before && at <= after + off);
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    #[test]
    fn reads_both_clocks_together_under_preemption() {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // More threads than processors.
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
            // The system may be adjusting its clock meanwhile.
            assert!(most < 1_000_000, "{most} ns");
        });
    }

    #[test]
    fn advances_with_the_monotonic_clock() {
        let first = Began::at(Instant::now());
        let second = Began::at(Instant::now());
        let passed = second.instant - first.instant;
        // The second reading may use the same anchor or a new one.
        let gap = second.unix_nanos.saturating_sub(first.unix_nanos);
        assert!(gap >= nanos(passed.saturating_sub(Duration::from_millis(50))));
    }
}
