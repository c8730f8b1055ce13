//! Medians and quartiles.

use serde::{Deserialize, Serialize};

/// What many samples come to.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) median: f64,
    pub(super) lower_quartile: f64,
    pub(super) upper_quartile: f64,
    pub(super) samples: usize,
}

impl Summary {
    pub(super) fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            median: quantile(&sorted, 0.5),
            lower_quartile: quantile(&sorted, 0.25),
            upper_quartile: quantile(&sorted, 0.75),
            samples: sorted.len(),
        }
    }
}

/// Between two neighbours if it falls there.
fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        panic!("nothing was measured");
    };
    let place = quantile * last as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

/// Each round's `a` as a multiple of the same round's `b`: what is slow for a while is so for both.
pub(super) fn ratios(a: &[f64], b: &[f64]) -> Summary {
    Summary::of(&by_round(a, b))
}

/// The same, one by one.
pub(super) fn by_round(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| ratio(*a, *b)).collect()
}

/// `a` as a multiple of `b`.
pub(super) fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { f64::NAN } else { a / b }
}
