//! The sampler, and what is known of it beforehand.
//!
//! A sampler may look at a span's attributes, which then have to be described before anybody knows whether they are
//! wanted. OpenTelemetry's own samplers don't, so they are recognised and answered for here.

use std::fmt;

use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

/// A sampler with what is known of it.
pub(super) struct Strategy {
    pub(super) sampler: Box<dyn ShouldSample>,
    known: Known,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Root(Root),
    /// Does as the parent did; of roots this is known.
    ParentBased(Root),
    Nothing,
}

/// A decision that hangs on the trace id alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Root {
    On,
    Off,
    Ratio(f64),
    Unknown,
}

impl Strategy {
    pub(super) fn new(sampler: Box<dyn ShouldSample>) -> Self {
        let known = Known::of(&*sampler);
        Self { sampler, known }
    }

    /// Whether a span is sampled, where that can be told without its name and attributes. `parent` is whether the
    /// parent was, and `None` for a root.
    #[inline]
    pub(super) fn decide(&self, parent: Option<bool>, trace_id: TraceId) -> Option<bool> {
        let root = match (self.known, parent) {
            (Known::ParentBased(_), Some(sampled)) => return Some(sampled),
            (Known::Root(root) | Known::ParentBased(root), _) => root,
            (Known::Nothing, _) => return None,
        };
        match root {
            Root::On => Some(true),
            Root::Off => Some(false),
            Root::Ratio(ratio) => Some(by_ratio(ratio, trace_id)),
            Root::Unknown => None,
        }
    }
}

/// As the SDK decides, so that services of both agree.
fn by_ratio(ratio: f64, trace_id: TraceId) -> bool {
    let kind = opentelemetry::trace::SpanKind::Internal;
    let sampler = Sampler::TraceIdRatioBased(ratio);
    let result = sampler.should_sample(None, trace_id, "", &kind, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

impl Known {
    /// A boxed sampler tells its type by nothing but its debug text and its size. A stranger would have to
    /// have both.
    fn of(sampler: &dyn ShouldSample) -> Self {
        if size_of_val(sampler) != size_of::<Sampler>() {
            return Self::Nothing;
        }
        let text = format!("{sampler:?}");
        let inside = text.strip_prefix("ParentBased(");
        match inside.and_then(|inside| inside.strip_suffix(')')) {
            Some(root) => Self::ParentBased(Root::of(root)),
            None => match Root::of(&text) {
                Root::Unknown => Self::Nothing,
                root => Self::Root(root),
            },
        }
    }
}

impl Root {
    fn of(text: &str) -> Self {
        match text {
            "AlwaysOn" => Self::On,
            "AlwaysOff" => Self::Off,
            _ => text
                .strip_prefix("TraceIdRatioBased(")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|ratio| ratio.parse().ok())
                .map_or(Self::Unknown, Self::Ratio),
        }
    }
}

impl fmt::Debug for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sampler.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{Link, SpanKind, TraceState};
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_sdk::trace::SamplingResult;

    /// Has the name of another, and is not it.
    #[derive(Debug, Clone)]
    struct AlwaysOn;

    impl ShouldSample for AlwaysOn {
        fn should_sample(
            &self,
            _: Option<&Context>,
            _: TraceId,
            _: &str,
            _: &SpanKind,
            _: &[KeyValue],
            _: &[Link],
        ) -> SamplingResult {
            SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: TraceState::NONE,
            }
        }
    }

    #[test]
    fn the_sdks_own_are_known() {
        let based = |root| Sampler::ParentBased(Box::new(root));
        let id = TraceId::from(u128::MAX);
        let decide = |sampler: Sampler, parent: Option<bool>| {
            Strategy::new(Box::new(sampler)).decide(parent, id)
        };
        assert_eq!(decide(Sampler::AlwaysOn, Some(false)), Some(true));
        assert_eq!(decide(Sampler::AlwaysOff, Some(true)), Some(false));
        assert_eq!(decide(Sampler::TraceIdRatioBased(0.5), None), Some(false));
        assert_eq!(decide(Sampler::TraceIdRatioBased(1.0), None), Some(true));
        for sampled in [true, false] {
            assert_eq!(
                decide(based(Sampler::AlwaysOn), Some(sampled)),
                Some(sampled)
            );
        }
        assert_eq!(decide(based(Sampler::AlwaysOn), None), Some(true));
        assert_eq!(decide(based(Sampler::AlwaysOff), None), Some(false));
        assert_eq!(
            decide(based(Sampler::TraceIdRatioBased(1e-9)), None),
            Some(false)
        );
    }

    #[test]
    fn others_are_asked() {
        let unknown = Strategy::new(Box::new(AlwaysOn));
        assert_eq!(unknown.decide(None, 1.into()), None);
        assert_eq!(unknown.decide(Some(true), 1.into()), None);
        let rules = Sampler::ParentBased(Box::new(crate::sampling::Rules::new()));
        let inside = Strategy::new(Box::new(rules));
        assert_eq!(inside.decide(None, 1.into()), None);
        assert_eq!(inside.decide(Some(true), 1.into()), Some(true));
    }

    #[test]
    fn a_ratio_is_that_of_the_sdk() {
        for ratio in [0.0, 0.1, 0.25, 0.999] {
            let strategy = Strategy::new(Box::new(Sampler::TraceIdRatioBased(ratio)));
            let sdk = Sampler::TraceIdRatioBased(ratio);
            for id in 0..1000_u128 {
                let id = TraceId::from(id.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834));
                let theirs = sdk.should_sample(None, id, "", &SpanKind::Server, &[], &[]);
                let sampled = theirs.decision == SamplingDecision::RecordAndSample;
                assert_eq!(strategy.decide(None, id), Some(sampled));
            }
        }
    }
}
