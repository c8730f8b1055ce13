//! Counts visits by their outcome.

use std::collections::BTreeMap;

use http::StatusCode;
use tokio::task::JoinError;

use super::visit::Outcome;

/// The outcomes of the visits.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    begun: u64,
    answers: BTreeMap<StatusCode, u64>,
    hung_up: u64,
    failures: BTreeMap<String, u64>,
}

impl Visits {
    pub(super) fn begin(&mut self) {
        self.begun += 1;
    }

    pub(super) fn count(&mut self, outcome: Result<Outcome, JoinError>) {
        let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string()));
        match outcome {
            Outcome::Answered(status) => *self.answers.entry(status).or_default() += 1,
            Outcome::HungUp => self.hung_up += 1,
            Outcome::Failed(reason) => *self.failures.entry(reason).or_default() += 1,
        }
    }

    /// All visits.
    pub(crate) fn total(&self) -> u64 {
        self.begun
    }

    /// Responses by status, ascending.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (StatusCode, u64)> {
        self.answers.iter().map(|(status, count)| (*status, *count))
    }

    /// Visits that dropped a response in the middle.
    pub(crate) fn hung_up(&self) -> u64 {
        self.hung_up
    }

    /// Visits without a complete response, by reason.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&str, u64)> {
        self.failures
            .iter()
            .map(|(reason, count)| (reason.as_str(), *count))
    }

    /// Visits that the end of the run has interrupted.
    pub(crate) fn cut_short(&self) -> u64 {
        let answered: u64 = self.answers.values().sum();
        let failed: u64 = self.failures.values().sum();
        self.begun.saturating_sub(answered + failed + self.hung_up)
    }
}
