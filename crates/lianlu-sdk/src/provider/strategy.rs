//! The sampler, and what is known of it beforehand.
//!
//! A sampler may look at a span's attributes, which then have to be described before anybody knows whether they are
//! wanted. OpenTelemetry's own samplers don't, so they are recognised and answered for here. One that only looks like
//! them is told apart by its type, where that is seen, and by its answers to a few questions.

use std::any::{type_name, type_name_of_val};
use std::fmt;

use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

use super::questions;

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
    /// Of what was given, which may say its type, or be in a box and not.
    pub(super) fn of(sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        let boxed = type_name::<Box<dyn ShouldSample>>();
        let may_be_known = [type_name::<Sampler>(), boxed].contains(&type_name_of_val(&sampler));
        let sampler = sampler.into();
        let known = match may_be_known {
            true => Known::of(&*sampler),
            false => Known::Nothing,
        };
        let mut strategy = Self { sampler, known };
        if !questions::answers_as(&*strategy.sampler, |parent, id| strategy.decide(parent, id)) {
            strategy.known = Known::Nothing;
        }
        strategy
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
    let sampler = Sampler::TraceIdRatioBased(ratio);
    let result = sampler.should_sample(None, trace_id, "", &SpanKind::Internal, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

impl Known {
    /// A boxed sampler tells its type by nothing but its debug text and its size. A stranger may have both, which is why
    /// it is asked too.
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use opentelemetry::trace::{Link, SpanContext, TraceContextExt, TraceState};
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_sdk::trace::SamplingResult;

    type Answer = fn(Option<&SpanContext>, TraceId, &str) -> SamplingResult;

    /// Has the name of another, and is not it.
    struct Stranger {
        text: &'static str,
        answer: Answer,
        asked: Arc<AtomicUsize>,
    }

    /// What is left of the SDK's size.
    const REST: usize = size_of::<Sampler>() - size_of::<Arc<Stranger>>();

    /// Has its size too.
    #[derive(Clone)]
    struct Alike(Arc<Stranger>, #[allow(dead_code)] [u8; REST]);

    impl fmt::Debug for Alike {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0.text)
        }
    }

    impl ShouldSample for Alike {
        fn should_sample(
            &self,
            parent: Option<&Context>,
            trace_id: TraceId,
            name: &str,
            _: &SpanKind,
            _: &[KeyValue],
            _: &[Link],
        ) -> SamplingResult {
            self.0.asked.fetch_add(1, Ordering::Relaxed);
            let span = parent.map(TraceContextExt::span);
            let parent = span.as_ref().map(|span| span.span_context());
            (self.0.answer)(parent.filter(|parent| parent.is_valid()), trace_id, name)
        }
    }

    fn stranger(text: &'static str, answer: Answer) -> (Alike, Arc<AtomicUsize>) {
        let asked = Arc::<AtomicUsize>::default();
        let stranger = Stranger {
            text,
            answer,
            asked: Arc::clone(&asked),
        };
        (Alike(Arc::new(stranger), [0; REST]), asked)
    }

    fn result(sampled: bool, parent: Option<&SpanContext>) -> SamplingResult {
        SamplingResult {
            decision: match sampled {
                true => SamplingDecision::RecordAndSample,
                false => SamplingDecision::Drop,
            },
            attributes: Vec::new(),
            trace_state: parent
                .map(|it| it.trace_state().clone())
                .unwrap_or_default(),
        }
    }

    fn as_the_parent(parent: Option<&SpanContext>) -> SamplingResult {
        result(parent.is_none_or(SpanContext::is_sampled), parent)
    }

    fn boxed(sampler: impl ShouldSample + 'static) -> Box<dyn ShouldSample> {
        Box::new(sampler)
    }

    #[test]
    fn the_sdks_own_are_known() {
        let based = |root| Sampler::ParentBased(Box::new(root));
        let id = TraceId::from(u128::MAX);
        let decide = |sampler: Sampler, parent: Option<bool>| {
            let strategy = Strategy::of(boxed(sampler.clone()));
            assert_eq!(strategy.known, Strategy::of(sampler).known);
            strategy.decide(parent, id)
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
    fn for_a_root_the_sampler_inside_is_asked() {
        let rules = Sampler::ParentBased(Box::new(crate::sampling::Rules::new()));
        let inside = Strategy::of(rules);
        assert_eq!(inside.decide(None, 1.into()), None);
        assert_eq!(inside.decide(Some(true), 1.into()), Some(true));
    }

    #[test]
    fn who_only_looks_like_the_sdks_is_asked() {
        let answers: [(&str, Answer); 9] = [
            ("AlwaysOn", |parent, _, _| result(false, parent)),
            ("AlwaysOn", |parent, _, _| result(parent.is_some(), parent)),
            ("AlwaysOff", |parent, _, _| {
                result(parent.is_some_and(SpanContext::is_sampled), parent)
            }),
            // Does as the parent did, unless that is the service's own and was not sampled.
            ("ParentBased(AlwaysOn)", |parent, _, _| {
                let is_local = parent.is_some_and(|parent| !parent.is_remote());
                match is_local {
                    true => result(true, parent),
                    false => as_the_parent(parent),
                }
            }),
            ("ParentBased(AlwaysOff)", |parent, _, _| {
                as_the_parent(parent)
            }),
            ("ParentBased(AlwaysOn)", |parent, id, _| match parent {
                Some(_) => as_the_parent(parent),
                None => result(by_ratio(0.8, id), parent),
            }),
            ("ParentBased(AlwaysOn)", |parent, _, name| {
                match name.contains("health") {
                    true => result(false, parent),
                    false => as_the_parent(parent),
                }
            }),
            ("ParentBased(AlwaysOn)", |parent, _, _| SamplingResult {
                attributes: vec![KeyValue::new("sampler", "mine")],
                ..as_the_parent(parent)
            }),
            ("ParentBased(AlwaysOn)", |parent, _, _| SamplingResult {
                trace_state: TraceState::NONE,
                ..as_the_parent(parent)
            }),
        ];
        for (text, answer) in answers {
            let (stranger, asked) = stranger(text, answer);
            assert_eq!(Strategy::of(boxed(stranger.clone())).known, Known::Nothing);
            assert_ne!(asked.swap(0, Ordering::Relaxed), 0, "{text}");
            // By its type it is known not to be.
            assert_eq!(Strategy::of(stranger).known, Known::Nothing);
            assert_eq!(asked.load(Ordering::Relaxed), 0, "{text}");
        }
    }

    #[test]
    fn who_does_not_look_like_the_sdks_is_not_asked_beforehand() {
        let answer: Answer = |parent, _, _| as_the_parent(parent);
        let (mine, asked) = stranger("Mine", answer);
        assert_eq!(Strategy::of(boxed(mine.clone())).known, Known::Nothing);
        // Nor is it for roots, where it is known for the others.
        let based = Strategy::of(Sampler::ParentBased(boxed(mine)));
        assert_eq!(based.known, Known::ParentBased(Root::Unknown));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        let (inside, asked) = stranger("AlwaysOff", answer);
        let based = Strategy::of(Sampler::ParentBased(boxed(inside)));
        assert_eq!(based.known, Known::Nothing);
        assert_ne!(asked.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_ratio_is_that_of_the_sdk() {
        for ratio in [0.0, 0.1, 0.25, 0.999] {
            let strategy = Strategy::of(Sampler::TraceIdRatioBased(ratio));
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
