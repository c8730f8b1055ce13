//! Spans that the child reports as ended.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use crate::Inbox;

/// The ids of spans that the child has reported as ended.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    ids: Vec<RangeInclusive<i64>>,
    /// How many of them the pipeline did not promise to keep if the process dies: they were in memory.
    pub unpromised: u64,
}

impl Claims {
    pub(crate) fn add(&mut self, ids: RangeInclusive<i64>, unpromised: u64) {
        self.ids.push(ids);
        self.unpromised = self.unpromised.max(unpromised);
    }

    /// Adds the claims of another life of the service.
    pub fn extend(&mut self, other: &Self) {
        self.ids.extend(other.ids.iter().cloned());
        self.unpromised += other.unpromised;
    }

    /// Number of spans.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids().count()
    }

    /// True if no span was claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn ids(&self) -> impl Iterator<Item = i64> {
        self.ids.iter().cloned().flatten()
    }

    /// The spans that no collector has accepted.
    #[must_use]
    pub fn missing(&self, inbox: &Inbox) -> Vec<i64> {
        let accepted: HashSet<_> = inbox.accepted_ids().into_iter().collect();
        self.ids().filter(|id| !accepted.contains(id)).collect()
    }
}

impl Inbox {
    /// Number of spans that were accepted again; a span that was accepted three times counts twice.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        let mut times: HashMap<i64, usize> = HashMap::new();
        for id in self.accepted_ids() {
            *times.entry(id).or_default() += 1;
        }
        times.values().map(|times| times - 1).sum()
    }
}
