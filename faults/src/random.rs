//! Random numbers that can be repeated.

use std::env;

/// The seeds of a series: `LIANLU_FAULT_SEEDS` of them, or `default`, from `LIANLU_FAULT_SEED`, or 1, on.
pub fn seeds(default: u64) -> impl Iterator<Item = u64> {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse().ok());
    let first = number("LIANLU_FAULT_SEED").unwrap_or(1);
    first..first + number("LIANLU_FAULT_SEEDS").unwrap_or(default)
}

/// A sequence of numbers that depends on its seed alone (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
