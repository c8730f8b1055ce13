//! Consistent probability sampling: thresholds and randomness.
//!
//! Follows <https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>.

use lianlu_wire::w3c::OtelMember;
use opentelemetry::trace::{SpanContext, TraceId, TraceState};

const RANGE: u64 = 1 << 56;

/// A span is sampled if the 56 random bits of its trace are at least this number.
pub(super) type Threshold = u64;

/// Samples everything.
pub(super) const ALL: Threshold = 0;

/// The threshold of a probability from 0 to 1. `None` if it samples nothing: below 2⁻⁵⁷, or NaN.
pub(super) fn threshold(probability: f64) -> Option<Threshold> {
    // The conversion from float to integer saturates, and NaN becomes 0.
    let sampled = (probability.clamp(0.0, 1.0) * RANGE as f64).round() as u64;
    (sampled > 0).then(|| RANGE - sampled.min(RANGE))
}

fn member(state: &TraceState) -> OtelMember<'_> {
    let text = state.get(OtelMember::KEY);
    text.and_then(OtelMember::parse).unwrap_or_default()
}

/// The explicit randomness of a trace, else the last 56 bits of its id.
pub(super) fn randomness(state: &TraceState, trace_id: TraceId) -> u64 {
    member(state).randomness.unwrap_or_else(|| {
        let bits = u128::from_be_bytes(trace_id.to_bytes());
        bits as u64 & (RANGE - 1)
    })
}

/// The threshold of a parent: its own, else one that follows its flag. `true` if the span was
/// sampled with this probability.
pub(super) fn of_parent(parent: &SpanContext) -> (Option<Threshold>, bool) {
    match member(parent.trace_state()).threshold {
        Some(threshold) => (Some(threshold), true),
        None => (parent.is_sampled().then_some(ALL), false),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::Context;
    use opentelemetry::trace::{SpanId, SpanKind, TraceContextExt, TraceFlags};
    use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

    use super::*;
    use crate::sampling::{RateLimited, Rules, Sampler, Spans};

    fn remote(id: TraceId, sampled: bool, state: TraceState) -> Context {
        let flags = TraceFlags::default().with_sampled(sampled);
        let parent = SpanContext::new(id, SpanId::from(1), flags, true, state);
        Context::new().with_remote_span_context(parent)
    }

    fn ask(sampler: &Sampler, parent: Option<&Context>, id: TraceId) -> SamplingResult {
        sampler.should_sample(parent, id, "n", &SpanKind::Server, &[], &[])
    }

    #[test]
    fn thresholds_of_probabilities() {
        for (probability, expected) in [
            (1.0, Some(0)),
            (7.0, Some(0)),
            (0.5, Some(1 << 55)),
            (1.0 / 3.0, Some(0xaa_aaaa_aaaa_aaac)),
            (2_f64.powi(-56), Some(RANGE - 1)),
            (2_f64.powi(-58), None),
            (0.0, None),
            (-1.0, None),
            (f64::NAN, None),
        ] {
            assert_eq!(threshold(probability), expected, "{probability}");
        }
    }

    #[test]
    fn consistent_samplers_decide_as_the_reference_in_java() {
        let lines = include_str!("consistent.tsv").lines();
        for line in lines.filter(|line| !line.starts_with('#')) {
            let [name, id, parent, ot, sampled, expected] =
                line.split('\t').collect::<Vec<_>>()[..]
            else {
                panic!("{line}")
            };
            let sampler = |name: &str| match name.split_once(' ') {
                Some((_, ratio)) => Sampler::Probability(ratio.parse().unwrap()),
                None if name == "on" => Sampler::AlwaysOn,
                None => Sampler::AlwaysOff,
            };
            let sampler = match name.strip_prefix("parent ") {
                Some(root) => sampler(root).parent_based().composite(),
                None => sampler(name).composite(),
            };
            let id = TraceId::from_hex(id).unwrap();
            let state = Some(ot).filter(|ot| !ot.is_empty());
            let state = TraceState::from_key_value(state.map(|ot| ("ot", ot))).unwrap();
            let parent = (parent != "root").then(|| remote(id, parent == "sampled", state));
            let result = ask(&sampler, parent.as_ref(), id);
            let is_sampled = result.decision == SamplingDecision::RecordAndSample;
            let told = result.trace_state.get("ot").unwrap_or_default();
            assert_eq!((is_sampled, told), (sampled == "yes", expected), "{line}");
        }
    }

    #[test]
    fn our_samplers_are_composable() {
        let id = TraceId::from(u128::MAX);
        let key = opentelemetry::KeyValue::new("by", "rule");
        let rules = Rules::new().sampler(
            Spans::any().name("n"),
            Sampler::Probability(0.25).with_attributes([key]),
        );
        let limited = || Sampler::from(RateLimited::new(1.0));
        for (sampler, sampled, ot) in [
            (Sampler::from(rules.clone()), true, Some("th:c")),
            (rules.parent_based(), true, Some("th:c")),
            (limited(), true, None),
            (Sampler::TraceIdRatioBased(1.0), true, None),
            (Sampler::AlwaysOff.always_record(), false, None),
            (Sampler::custom(Sampler::AlwaysOn), true, None),
        ] {
            let result = ask(&sampler.clone().composite(), None, id);
            let is_sampled = result.decision == SamplingDecision::RecordAndSample;
            assert_eq!(
                (is_sampled, result.trace_state.get("ot")),
                (sampled, ot),
                "{sampler:?}"
            );
            let has_attributes = !result.attributes.is_empty();
            assert_eq!(has_attributes, ot == Some("th:c"), "{sampler:?}");
        }
        let twice = limited().composite();
        let decisions = [(); 2].map(|()| ask(&twice, None, id).decision);
        let expected = [SamplingDecision::RecordAndSample, SamplingDecision::Drop];
        assert_eq!(decisions, expected);
    }

    /// Samplers that decide in another way than the parent's threshold says remove it.
    #[test]
    fn thresholds_of_other_decisions_are_removed() {
        let id = TraceId::from(u128::MAX);
        let state: TraceState = "a=b,ot=th:8;rv:ffffffffffffff".parse().unwrap();
        let parent = remote(id, true, state);
        let (kept, removed) = ("a=b,ot=th:8;rv:ffffffffffffff", "ot=rv:ffffffffffffff,a=b");
        for (sampler, expected) in [
            (Sampler::AlwaysOn, removed),
            (Sampler::AlwaysOff, removed),
            (Sampler::TraceIdRatioBased(0.5), removed),
            (RateLimited::new(1.0).into(), removed),
            (Rules::new().into(), removed),
            (Sampler::AlwaysOff.always_record(), removed),
            (Sampler::AlwaysOn.parent_based(), kept),
            (Sampler::AlwaysOff.parent_based().always_record(), kept),
            (Sampler::AlwaysOff.composite(), removed),
            (Sampler::AlwaysOff.parent_based().composite(), kept),
        ] {
            let result = ask(&sampler, Some(&parent), id);
            assert_eq!(result.trace_state.header(), expected, "{sampler:?}");
        }
    }
}
