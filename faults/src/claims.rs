//! What the child says has ended.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use crate::Inbox;

/// Ids of spans of which the child has said that they ended.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    ids: Vec<RangeInclusive<i64>>,
    /// Of how many of them the pipeline has not promised that they survive the process: they were in memory.
    pub unpromised: u64,
}

impl Claims {
    pub(crate) fn add(&mut self, ids: RangeInclusive<i64>, unpromised: u64) {
        self.ids.push(ids);
        self.unpromised = self.unpromised.max(unpromised);
    }

    /// Takes those of another life in.
    pub fn extend(&mut self, other: &Self) {
        self.ids.extend(other.ids.iter().cloned());
        self.unpromised += other.unpromised;
    }

    /// How many spans that are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids().count()
    }

    /// Whether nothing was claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn ids(&self) -> impl Iterator<Item = i64> {
        self.ids.iter().cloned().flatten()
    }

    /// Those that no collector has taken.
    #[must_use]
    pub fn missing(&self, inbox: &Inbox) -> Vec<i64> {
        let taken: HashSet<_> = inbox.taken_ids().into_iter().collect();
        self.ids().filter(|id| !taken.contains(id)).collect()
    }
}

impl Inbox {
    /// How many spans were taken more than once, each as often as that.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        let mut times: HashMap<i64, usize> = HashMap::new();
        for id in self.taken_ids() {
            *times.entry(id).or_default() += 1;
        }
        times.values().map(|times| times - 1).sum()
    }
}
