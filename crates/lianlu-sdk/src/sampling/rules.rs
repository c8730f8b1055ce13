//! The first rule that matches decides.

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};

use super::sampler::Sampler;
use super::spans::Spans;

/// Samples by rules. They are tried in the order in which they were added, and the first match
/// decides. If none matches, the sampler set with [`otherwise`](Self::otherwise) decides.
///
/// ```
/// use lianlu_sdk::sampling::{RateLimited, Rules, Spans};
/// use opentelemetry::trace::SpanKind;
///
/// let sampler = Rules::new()
///     .never(Spans::health_checks())
///     .always(Spans::any().kind(SpanKind::Server).route("/admin/*"))
///     .ratio(Spans::any().method("GET"), 0.1)
///     .sampler(Spans::any().attribute("messaging.system", "*"), RateLimited::new(5.0))
///     .parent_based();
/// # let _ = sampler;
/// ```
///
/// The cost is that of the comparisons. Nothing is allocated, except for attributes that are not
/// texts.
#[derive(Debug, Clone)]
#[must_use = "a sampler does nothing until a provider has it"]
pub struct Rules {
    rules: Vec<(Spans, Sampler)>,
    otherwise: Box<Sampler>,
}

impl Rules {
    /// No rules: everything is sampled.
    pub fn new() -> Self {
        Self {
            rules: Vec::new(),
            otherwise: Box::new(Sampler::AlwaysOn),
        }
    }

    /// Samples these spans.
    pub fn always(self, spans: Spans) -> Self {
        self.sampler(spans, Sampler::AlwaysOn)
    }

    /// Drops these spans.
    pub fn never(self, spans: Spans) -> Self {
        self.sampler(spans, Sampler::AlwaysOff)
    }

    /// Samples this ratio of these spans; see [`Sampler::TraceIdRatioBased`].
    pub fn ratio(self, spans: Spans, ratio: f64) -> Self {
        self.sampler(spans, Sampler::TraceIdRatioBased(ratio))
    }

    /// Lets another sampler decide about these spans.
    pub fn sampler(mut self, spans: Spans, sampler: impl Into<Sampler>) -> Self {
        self.rules.push((spans, sampler.into()));
        self
    }

    /// The sampler for spans that no rule matches, `AlwaysOn` by default.
    pub fn otherwise(mut self, sampler: impl Into<Sampler>) -> Self {
        self.otherwise = Box::new(sampler.into());
        self
    }

    /// Applies the rules only to a trace's first span; a span with a parent follows its parent's
    /// decision.
    pub fn parent_based(self) -> Sampler {
        Sampler::from(self).parent_based()
    }

    /// The sampler that decides about a span.
    pub(super) fn sampler_of(
        &self,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
    ) -> &Sampler {
        let mut rules = self.rules.iter();
        let rule = rules.find(|(spans, _)| spans.matches(name, kind, attributes));
        rule.map_or(&*self.otherwise, |(_, sampler)| sampler)
    }

    /// The samplers of all rules, and the one for all other spans.
    pub(super) fn samplers(&self) -> impl Iterator<Item = &Sampler> {
        let rules = self.rules.iter().map(|(_, sampler)| sampler);
        rules.chain([&*self.otherwise])
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::new()
    }
}

impl ShouldSample for Rules {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        self.sampler_of(name, kind, attributes)
            .should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::RateLimited;
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::SamplingDecision;
    use std::time::Duration;

    fn sampled(sampler: &dyn ShouldSample, parent: Option<&Context>, name: &str) -> bool {
        let id = TraceId::from(u128::MAX / 3);
        let result = sampler.should_sample(parent, id, name, &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    fn parent(flags: TraceFlags) -> Context {
        let id = TraceId::from(1);
        let state = TraceState::from_key_value([("a", "b")]).unwrap();
        let context = SpanContext::new(id, SpanId::from(1), flags, true, state);
        Context::new().with_remote_span_context(context)
    }

    #[test]
    fn the_first_match_decides() {
        let rules = Rules::new()
            .never(Spans::any().name("a*"))
            .always(Spans::any().name("ab"))
            .ratio(Spans::any().name("c"), 0.0)
            .ratio(Spans::any().name("d"), 1.0)
            .otherwise(Sampler::AlwaysOff);
        assert!(!sampled(&rules, None, "ab"));
        assert!(!sampled(&rules, None, "c"));
        assert!(sampled(&rules, None, "d"));
        assert!(!sampled(&rules, None, "e"));
        assert!(sampled(&Rules::new(), None, "e"));
    }

    #[test]
    fn clones_share_the_state_of_a_rules_sampler() {
        let limited = RateLimited::new(1.0).with_clock(|| Duration::ZERO);
        let rules = Rules::new().sampler(Spans::any(), limited);
        let copy = rules.clone();
        assert!(sampled(&rules, None, "a"));
        assert!(!sampled(&copy, None, "a"));
    }

    #[test]
    fn parent_based_applies_rules_to_the_first_span_only() {
        let never = Rules::new().never(Spans::any());
        let sampled_parent = parent(TraceFlags::SAMPLED);
        assert!(!sampled(&never, Some(&sampled_parent), "a"));
        let never = never.parent_based();
        assert!(sampled(&never, Some(&sampled_parent), "a"));
        assert!(!sampled(&never, None, "a"));
        let always = Rules::new().parent_based();
        assert!(!sampled(
            &always,
            Some(&parent(TraceFlags::NOT_SAMPLED)),
            "a"
        ));
        assert!(sampled(&always, None, "a"));
    }
}
