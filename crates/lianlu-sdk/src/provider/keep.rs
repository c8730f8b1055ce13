//! Spans that are kept although the sampler left them out.

use std::ops::BitOr;
use std::time::Duration;

/// Exports spans that the sampler left out, depending on how they end. By default none are
/// exported.
///
/// With it, calls that are not sampled are recorded while they run, at the cost of sampled ones. A
/// span that is not kept leaves no buffer and no count. A span that is kept has the attribute
/// `lianlu.kept` (`error` or `slow`); its W3C flag stays "not sampled", and it counts as a started
/// span from its end on. The decision is local: callers and other services still leave the trace
/// out, and other spans of this service are exported only if they are kept too.
///
/// ```
/// use std::time::Duration;
/// use lianlu_sdk::KeepIf;
///
/// let keep = KeepIf::error() | KeepIf::slower_than(Duration::from_millis(500));
/// # let _ = keep;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct KeepIf {
    error: bool,
    slower_than: Option<Duration>,
}

impl KeepIf {
    /// Keeps spans whose status is an error.
    pub fn error() -> Self {
        Self {
            error: true,
            slower_than: None,
        }
    }

    /// Keeps spans that took longer than `limit`.
    pub fn slower_than(limit: Duration) -> Self {
        Self {
            error: false,
            slower_than: Some(limit),
        }
    }

    #[inline]
    pub(super) fn is_on(self) -> bool {
        self.error || self.slower_than.is_some()
    }

    /// Why a span is kept, if it is.
    pub(super) fn reason(self, is_error: bool, nanos: u64) -> Option<&'static str> {
        let is_slow = |limit: Duration| u128::from(nanos) > limit.as_nanos();
        if self.error && is_error {
            Some("error")
        } else if self.slower_than.is_some_and(is_slow) {
            Some("slow")
        } else {
            None
        }
    }
}

/// Keeps spans that meet either condition; of two limits the lower one applies.
impl BitOr for KeepIf {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            error: self.error || other.error,
            slower_than: match (self.slower_than, other.slower_than) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_spans_that_meet_either_condition() {
        let keep = KeepIf::error() | KeepIf::slower_than(Duration::from_nanos(10));
        assert_eq!(keep.reason(true, 5), Some("error"));
        assert_eq!(keep.reason(false, 11), Some("slow"));
        assert_eq!(keep.reason(false, 10), None);
        assert_eq!(KeepIf::error().reason(false, u64::MAX), None);
        assert_eq!(KeepIf::default().reason(true, u64::MAX), None);
        let lower = keep | KeepIf::slower_than(Duration::from_nanos(3));
        assert_eq!(lower.reason(false, 4), Some("slow"));
    }
}
