//! The current sampling strategy.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::answer::{MAX_OPERATIONS, Told};
use crate::sampling::{RateLimited, Sampler, sampling_result};

/// Longer names are likely to come from outside, and get no bucket of their own.
const MAX_NAME: usize = 256;

#[derive(Debug, Clone)]
pub(super) enum Strategy {
    Initial(Box<Sampler>),
    Ratio(f64),
    Limited(RateLimited),
    Operations(Operations),
}

#[derive(Debug, Clone)]
pub(super) struct Operations {
    default: f64,
    ratios: HashMap<String, f64>,
    at_least: f64,
    /// The bucket for each operation's minimum rate.
    floors: Arc<RwLock<HashMap<String, RateLimited>>>,
}

impl Strategy {
    /// The strategy for a new response. A bucket is kept if its rate has not changed; otherwise
    /// each response would fill it.
    pub(super) fn after(&self, told: Told) -> Self {
        match (told, self) {
            (Told::Ratio(ratio), _) => Self::Ratio(ratio),
            (Told::PerSecond(rate), Self::Limited(limited)) if limited.per_second() == rate => {
                Self::Limited(limited.clone())
            }
            (Told::PerSecond(rate), _) => Self::Limited(RateLimited::new(rate)),
            (
                Told::Operations {
                    default,
                    at_least,
                    ratios,
                },
                before,
            ) => {
                let floors = match before {
                    Self::Operations(before) if before.at_least == at_least => {
                        Arc::clone(&before.floors)
                    }
                    _ => Arc::default(),
                };
                Self::Operations(Operations {
                    default,
                    ratios: ratios.into_iter().collect(),
                    at_least,
                    floors,
                })
            }
        }
    }

    /// The decision, unless it depends on the operation.
    pub(super) fn decide_early(&self, parent: Option<bool>, trace_id: TraceId) -> Option<bool> {
        match self {
            Self::Initial(sampler) => sampler.decide_early(parent, trace_id),
            Self::Ratio(ratio) => Sampler::TraceIdRatioBased(*ratio).decide_early(parent, trace_id),
            Self::Limited(limited) => Some(limited.take()),
            Self::Operations(_) => None,
        }
    }

    pub(super) fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let by = |sampler: &dyn ShouldSample| {
            sampler.should_sample(parent, trace_id, name, kind, attributes, links)
        };
        match self {
            Self::Initial(sampler) => by(&**sampler),
            Self::Ratio(ratio) => by(&Sampler::TraceIdRatioBased(*ratio)),
            Self::Limited(limited) => by(limited),
            Self::Operations(operations) => {
                let ratio = operations.ratios.get(name).unwrap_or(&operations.default);
                let result = by(&Sampler::TraceIdRatioBased(*ratio));
                // A span sampled by the ratio also takes a token of the minimum rate, so take it in
                // both cases.
                let floor = operations.floor(name);
                if result.decision == SamplingDecision::RecordAndSample {
                    result
                } else {
                    sampling_result(floor, parent)
                }
            }
        }
    }
}

impl Operations {
    fn floor(&self, name: &str) -> bool {
        if self.at_least == 0.0 {
            return false;
        }
        let floors = self.floors.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(floor) = floors.get(name) {
            return floor.take();
        }
        let has_room = floors.len() < MAX_OPERATIONS && name.len() <= MAX_NAME;
        drop(floors);
        if !has_room {
            return false;
        }
        self.floors
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name.to_owned())
            .or_insert_with(|| RateLimited::new(self.at_least))
            .take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(strategy: &Strategy, name: &str) -> bool {
        let id = TraceId::from(u128::MAX);
        let result = strategy.should_sample(None, id, name, &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    fn operations(default: f64, at_least: f64, ratios: &[(&str, f64)]) -> Told {
        let ratios = ratios
            .iter()
            .map(|(name, ratio)| ((*name).to_owned(), *ratio));
        Told::Operations {
            default,
            at_least,
            ratios: ratios.collect(),
        }
    }

    fn initial() -> Strategy {
        Strategy::Initial(Box::new(Sampler::AlwaysOff))
    }

    #[test]
    fn samples_by_operation() {
        let strategy = initial().after(operations(0.0, 0.0, &[("a", 1.0)]));
        assert!(sampled(&strategy, "a"));
        assert!(!sampled(&strategy, "b"));
        let strategy = strategy.after(operations(1.0, 0.0, &[("a", 0.0)]));
        assert!(!sampled(&strategy, "a"));
        assert!(sampled(&strategy, "b"));
    }

    #[test]
    fn each_operation_has_one_minimum_rate() {
        let rare = 1e-6;
        let strategy = initial().after(operations(0.0, rare, &[("a", 0.0)]));
        for name in ["a", "b"] {
            assert!(sampled(&strategy, name));
            assert!(!sampled(&strategy, name));
        }
        let strategy = strategy.after(operations(0.0, rare, &[]));
        assert!(
            !sampled(&strategy, "a"),
            "the same floor is not filled again"
        );
        let strategy = strategy.after(operations(0.0, rare * 2.0, &[]));
        assert!(sampled(&strategy, "a"), "another floor begins full");
    }

    #[test]
    fn limits_the_number_of_minimum_rates() {
        let strategy = initial().after(operations(0.0, 1.0, &[]));
        let granted = (0..MAX_OPERATIONS + 50)
            .filter(|number| sampled(&strategy, &number.to_string()))
            .count();
        assert_eq!(granted, MAX_OPERATIONS);
        let strategy = initial().after(operations(0.0, 1.0, &[]));
        assert!(!sampled(&strategy, &"x".repeat(MAX_NAME + 1)));
    }

    #[test]
    fn keeps_the_bucket_if_the_rate_is_the_same() {
        let strategy = initial().after(Told::PerSecond(1e-6));
        assert!(sampled(&strategy, "a"));
        let strategy = strategy.after(Told::PerSecond(1e-6));
        assert!(!sampled(&strategy, "a"));
        assert!(!sampled(&strategy.after(Told::PerSecond(0.0)), "a"));
        assert!(sampled(&strategy.after(Told::Ratio(1.0)), "a"));
    }
}
