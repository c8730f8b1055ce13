//! The sampler of a provider, as an enum of known types.

use std::fmt;
use std::sync::Arc;

use lianlu_wire::w3c::with_threshold;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{
    ParentBasedSampler, Sampler as SdkSampler, SamplingDecision, SamplingResult, ShouldSample,
};

use super::probability::{ALL, Threshold, of_parent, randomness, threshold};
use super::rate_limited::RateLimited;
use super::rules::Rules;
use super::{parent_state, result, sampling_result};

/// Decides which traces are recorded.
///
/// The variants that decide without a span's name and attributes do so before the span is
/// described, so with them a span that is not sampled costs least. [`Custom`](Self::Custom) takes
/// any sampler that was written for `opentelemetry_sdk`: each span is described before it decides.
///
/// ```
/// use lianlu_sdk::sampling::{RateLimited, Sampler};
///
/// // A tenth of all new traces; spans with a parent do as their parent did.
/// let tenth = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.1)));
/// // At most ten new traces a second.
/// let limited = Sampler::ParentBased(Box::new(RateLimited::new(10.0).into()));
/// # let _ = (tenth, limited);
/// ```
///
/// Follows <https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampling>.
#[derive(Clone)]
#[non_exhaustive]
pub enum Sampler {
    /// Samples every span.
    AlwaysOn,
    /// Samples no span.
    AlwaysOff,
    /// Samples this ratio of traces, from 0 to 1, by trace id, as `opentelemetry_sdk` does.
    /// lianlu's pipelines refuse other numbers; elsewhere a number below 0 counts as 0, one above 1
    /// as 1, and NaN as 0.
    TraceIdRatioBased(f64),
    /// Follows the parent's decision, whether it is remote or local. For a root the inner sampler
    /// decides.
    ParentBased(Box<Sampler>),
    /// Limits the number of spans per second.
    RateLimited(RateLimited),
    /// By rules over kind, name, route, method and other attributes.
    Rules(Rules),
    /// Samples this ratio of traces, from 0 to 1, by the trace's randomness, and says so in
    /// `tracestate`: `ot=th:…`. See [the module](super#probability).
    Probability(f64),
    /// Decides consistently, and describes the decision in `tracestate`; see
    /// [`composite`](Self::composite).
    Composite(Box<Sampler>),
    /// Adds attributes to the spans that it samples; see [`with_attributes`](Self::with_attributes).
    Annotating(Box<Sampler>, Arc<[KeyValue]>),
    /// Records spans that the inner sampler leaves out, for [span
    /// processors](crate::SpanProcessor), without exporting them.
    AlwaysRecord(Box<Sampler>),
    /// A sampler that can often decide before the span is described.
    Early(Arc<dyn EarlySampler>),
    /// Any other sampler for `opentelemetry_sdk`.
    Custom(Box<dyn ShouldSample>),
}

/// A sampler that can often decide before the span is described.
///
/// ```
/// use lianlu_sdk::sampling::{EarlySampler, Sampler};
/// use opentelemetry::{Context, KeyValue, trace::{Link, SpanKind, TraceId}};
/// use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};
///
/// /// Samples traces whose id is even.
/// #[derive(Debug, Clone)]
/// struct Even;
///
/// impl EarlySampler for Even {
///     fn decide_early(&self, _parent: Option<bool>, trace_id: TraceId) -> Option<bool> {
///         Some(trace_id.to_bytes()[15] % 2 == 0)
///     }
/// }
///
/// impl ShouldSample for Even {
///     # fn should_sample(&self, _: Option<&Context>, _: TraceId, _: &str, _: &SpanKind, _: &[KeyValue], _: &[Link])
///     #     -> SamplingResult { unimplemented!() }
///     // … for providers of opentelemetry_sdk
/// }
///
/// let sampler = Sampler::early(Even);
/// # let _ = sampler;
/// ```
pub trait EarlySampler: ShouldSample {
    /// Whether a span is sampled, if its trace and its parent's decision are enough to decide.
    /// `parent` is whether the parent was sampled, and `None` for a root. The span keeps its
    /// parent's trace state, except for its sampling threshold (`ot=th:…`), and gets no attributes
    /// from the sampler. On `None` the span is
    /// described, and [`should_sample`](ShouldSample::should_sample) is called.
    fn decide_early(&self, parent: Option<bool>, trace_id: TraceId) -> Option<bool>;
}

impl Sampler {
    /// A sampler that can often decide before the span is described.
    pub fn early(sampler: impl EarlySampler + 'static) -> Self {
        Self::Early(Arc::new(sampler))
    }

    /// Any sampler for `opentelemetry_sdk`.
    pub fn custom(sampler: impl ShouldSample + 'static) -> Self {
        Self::Custom(Box::new(sampler))
    }

    /// Samples consistently by the probabilities of this sampler and those in it, and describes the
    /// decision in `tracestate`. A [`parent_based`](Self::parent_based) sampler in it takes over the
    /// parent's threshold. See [the module](super#probability).
    #[must_use]
    pub fn composite(self) -> Self {
        Self::Composite(Box::new(self))
    }

    /// Adds attributes to the spans that this sampler samples.
    #[must_use]
    pub fn with_attributes(self, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        Self::Annotating(Box::new(self), attributes.into_iter().collect())
    }

    /// Also records the spans that this sampler leaves out, for [span
    /// processors](crate::SpanProcessor). They are not exported, and are propagated as not sampled.
    #[must_use]
    pub fn always_record(self) -> Self {
        Self::AlwaysRecord(Box::new(self))
    }

    /// Applies this sampler only to a trace's first span; a span with a parent follows its parent's
    /// decision.
    #[must_use]
    pub fn parent_based(self) -> Self {
        Self::ParentBased(Box::new(self))
    }

    /// Whether a span is sampled, if its name and attributes are not needed. `parent` is whether
    /// the parent was sampled, and `None` for a root.
    #[inline]
    pub(crate) fn decide_early(&self, parent: Option<bool>, trace_id: TraceId) -> Option<bool> {
        match (self, parent) {
            (Self::ParentBased(_), Some(sampled)) => Some(sampled),
            (Self::AlwaysOn, _) => Some(true),
            (Self::AlwaysOff, _) => Some(false),
            (sampler, _) => sampler.decide_root_early(parent, trace_id),
        }
    }

    fn decide_root_early(&self, parent: Option<bool>, trace_id: TraceId) -> Option<bool> {
        match self {
            Self::AlwaysOn => Some(true),
            Self::AlwaysOff => Some(false),
            Self::TraceIdRatioBased(ratio) => Some(by_ratio(*ratio, trace_id)),
            Self::ParentBased(root) => root.decide_early(parent, trace_id),
            Self::RateLimited(limited) => Some(limited.take()),
            Self::Early(sampler) => sampler.decide_early(parent, trace_id),
            Self::Rules(_)
            | Self::Probability(_)
            | Self::Composite(_)
            | Self::Annotating(..)
            | Self::AlwaysRecord(_)
            | Self::Custom(_) => None,
        }
    }

    /// Whether an early decision about a span with a parent is described by the parent's trace
    /// state.
    #[inline]
    pub(crate) fn follows_parent(&self) -> bool {
        matches!(self, Self::ParentBased(_))
    }

    /// The sampler's part in a consistent decision.
    fn intent(&self, span: &Described<'_>) -> Intent {
        match self {
            Self::AlwaysOn => Intent::reliable(Some(ALL)),
            Self::AlwaysOff => Intent::reliable(None),
            Self::Probability(probability) => Intent::reliable(threshold(*probability)),
            Self::ParentBased(root) => match span.parent.filter(|it| it.has_active_span()) {
                Some(parent) => {
                    let (threshold, is_reliable) = of_parent(parent.span().span_context());
                    Intent {
                        threshold,
                        is_reliable,
                        attributes: Vec::new(),
                    }
                }
                None => root.intent(span),
            },
            Self::Rules(rules) => {
                let sampler = rules.sampler_of(span.name, span.kind, span.attributes);
                sampler.intent(span)
            }
            Self::Composite(inner) => inner.intent(span),
            Self::Annotating(inner, attributes) => {
                let mut intent = inner.intent(span);
                intent.attributes.extend_from_slice(attributes);
                intent
            }
            // These decide without a probability that could be told.
            Self::TraceIdRatioBased(_)
            | Self::RateLimited(_)
            | Self::AlwaysRecord(_)
            | Self::Early(_)
            | Self::Custom(_) => {
                let result = span.ask(self);
                let sampled = result.decision == SamplingDecision::RecordAndSample;
                Intent {
                    threshold: sampled.then_some(ALL),
                    is_reliable: false,
                    attributes: result.attributes,
                }
            }
        }
    }

    fn sample_consistently(&self, span: &Described<'_>) -> SamplingResult {
        let intent = self.intent(span);
        let state = parent_state(span.parent);
        let randomness = randomness(&state, span.trace_id);
        let threshold = intent.threshold.filter(|it| *it <= randomness);
        let told = threshold.filter(|_| intent.is_reliable);
        SamplingResult {
            attributes: intent.attributes,
            ..result(threshold.is_some(), with_threshold(state, told))
        }
    }

    /// A ratio outside of 0 to 1 in this sampler or in a nested one.
    #[doc(hidden)]
    #[must_use]
    pub fn invalid_ratio(&self) -> Option<f64> {
        match self {
            Self::TraceIdRatioBased(ratio) | Self::Probability(ratio) => {
                Some(*ratio).filter(|it| !(0.0..=1.0).contains(it))
            }
            Self::ParentBased(inner)
            | Self::Composite(inner)
            | Self::Annotating(inner, _)
            | Self::AlwaysRecord(inner) => inner.invalid_ratio(),
            Self::Rules(rules) => rules.samplers().find_map(Self::invalid_ratio),
            _ => None,
        }
    }
}

/// A span that a sampler decides about.
struct Described<'a> {
    parent: Option<&'a Context>,
    trace_id: TraceId,
    name: &'a str,
    kind: &'a SpanKind,
    attributes: &'a [KeyValue],
    links: &'a [Link],
}

impl Described<'_> {
    fn ask(&self, sampler: &dyn ShouldSample) -> SamplingResult {
        sampler.should_sample(
            self.parent,
            self.trace_id,
            self.name,
            self.kind,
            self.attributes,
            self.links,
        )
    }
}

/// A sampler's part in a consistent decision.
struct Intent {
    /// `None` samples nothing.
    threshold: Option<Threshold>,
    /// Whether the threshold is the probability with which the span was sampled.
    is_reliable: bool,
    attributes: Vec<KeyValue>,
}

impl Intent {
    fn reliable(threshold: Option<Threshold>) -> Self {
        Self {
            threshold,
            is_reliable: true,
            attributes: Vec::new(),
        }
    }
}

/// Decides as the SDK does, so that services of both kinds agree.
fn by_ratio(ratio: f64, trace_id: TraceId) -> bool {
    let sampler = SdkSampler::TraceIdRatioBased(ratio);
    let result = sampler.should_sample(None, trace_id, "", &SpanKind::Internal, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

impl ShouldSample for Sampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let span = Described {
            parent,
            trace_id,
            name,
            kind,
            attributes,
            links,
        };
        let by = |sampler: &dyn ShouldSample| span.ask(sampler);
        match self {
            Self::AlwaysOn => sampling_result(true, parent),
            Self::AlwaysOff => sampling_result(false, parent),
            Self::TraceIdRatioBased(ratio) => sampling_result(by_ratio(*ratio, trace_id), parent),
            // A span without ids counts as a parent that was not sampled, as in the SDK.
            Self::ParentBased(root) => match parent.filter(|parent| parent.has_active_span()) {
                Some(context) => {
                    let sampled = context.span().span_context().is_sampled();
                    result(sampled, parent_state(parent))
                }
                None => by(&**root),
            },
            Self::RateLimited(limited) => by(limited),
            Self::Rules(rules) => by(rules),
            Self::Probability(_) | Self::Composite(_) => self.sample_consistently(&span),
            Self::Annotating(inner, annotations) => {
                let mut result = by(&**inner);
                if result.decision == SamplingDecision::RecordAndSample {
                    result.attributes.extend_from_slice(annotations);
                }
                result
            }
            Self::AlwaysRecord(inner) => {
                let mut result = by(&**inner);
                if result.decision == SamplingDecision::Drop {
                    result.decision = SamplingDecision::RecordOnly;
                }
                result
            }
            Self::Early(sampler) => {
                sampler.should_sample(parent, trace_id, name, kind, attributes, links)
            }
            Self::Custom(sampler) => by(&**sampler),
        }
    }
}

impl From<SdkSampler> for Sampler {
    fn from(sampler: SdkSampler) -> Self {
        match sampler {
            SdkSampler::AlwaysOn => Self::AlwaysOn,
            SdkSampler::AlwaysOff => Self::AlwaysOff,
            SdkSampler::TraceIdRatioBased(ratio) => Self::TraceIdRatioBased(ratio),
            SdkSampler::ParentBased(root) => Self::Custom(root).parent_based(),
            other => Self::custom(other),
        }
    }
}

impl From<ParentBasedSampler> for Sampler {
    fn from(sampler: ParentBasedSampler) -> Self {
        Self::custom(sampler)
    }
}

impl From<Box<dyn ShouldSample>> for Sampler {
    fn from(sampler: Box<dyn ShouldSample>) -> Self {
        Self::Custom(sampler)
    }
}

impl From<RateLimited> for Sampler {
    fn from(sampler: RateLimited) -> Self {
        Self::RateLimited(sampler)
    }
}

impl From<Rules> for Sampler {
    fn from(sampler: Rules) -> Self {
        Self::Rules(sampler)
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlwaysOn => f.write_str("AlwaysOn"),
            Self::AlwaysOff => f.write_str("AlwaysOff"),
            Self::TraceIdRatioBased(ratio) => {
                f.debug_tuple("TraceIdRatioBased").field(ratio).finish()
            }
            Self::ParentBased(root) => f.debug_tuple("ParentBased").field(root).finish(),
            Self::RateLimited(limited) => limited.fmt(f),
            Self::Rules(rules) => rules.fmt(f),
            Self::Probability(ratio) => f.debug_tuple("Probability").field(ratio).finish(),
            Self::Composite(inner) => f.debug_tuple("Composite").field(inner).finish(),
            Self::Annotating(inner, attributes) => {
                let mut annotating = f.debug_tuple("Annotating");
                annotating.field(inner).field(attributes).finish()
            }
            Self::AlwaysRecord(inner) => f.debug_tuple("AlwaysRecord").field(inner).finish(),
            Self::Early(sampler) => sampler.fmt(f),
            Self::Custom(sampler) => sampler.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};

    use super::super::spans::Spans;
    use super::*;

    fn parent(sampled: bool) -> Context {
        let flags = TraceFlags::default().with_sampled(sampled);
        let state = TraceState::from_key_value([("a", "b")]).unwrap();
        let span = SpanContext::new(TraceId::from(7), SpanId::from(1), flags, true, state);
        Context::new().with_remote_span_context(span)
    }

    fn decide(sampler: &Sampler, parent: Option<bool>) -> Option<bool> {
        sampler.decide_early(parent, TraceId::from(u128::MAX))
    }

    #[test]
    fn decides_early_if_no_description_is_needed() {
        let rules = || Sampler::from(Rules::new());
        let custom = || Sampler::custom(SdkSampler::AlwaysOn);
        let cases = [
            (Sampler::AlwaysOn, [Some(true); 3]),
            (Sampler::AlwaysOff, [Some(false); 3]),
            (Sampler::TraceIdRatioBased(0.5), [Some(false); 3]),
            (Sampler::TraceIdRatioBased(1.0), [Some(true); 3]),
            (
                Sampler::AlwaysOn.parent_based(),
                [Some(true), Some(true), Some(false)],
            ),
            (
                Sampler::AlwaysOff.parent_based(),
                [Some(false), Some(true), Some(false)],
            ),
            (rules(), [None; 3]),
            (rules().parent_based(), [None, Some(true), Some(false)]),
            (custom(), [None; 3]),
            (custom().parent_based(), [None, Some(true), Some(false)]),
        ];
        for (sampler, [root, of_sampled, of_unsampled]) in cases {
            assert_eq!(decide(&sampler, None), root, "{sampler:?}");
            assert_eq!(decide(&sampler, Some(true)), of_sampled, "{sampler:?}");
            assert_eq!(decide(&sampler, Some(false)), of_unsampled, "{sampler:?}");
        }
    }

    #[test]
    fn takes_one_token_for_each_decision() {
        let limited = RateLimited::new(1.0).with_burst(2);
        let sampler = Sampler::from(limited).parent_based();
        assert_eq!(decide(&sampler, None), Some(true));
        assert_eq!(decide(&sampler, Some(true)), Some(true));
        assert_eq!(decide(&sampler, None), Some(true));
        assert_eq!(decide(&sampler, None), Some(false));
    }

    /// The early decision, the late one and the SDK's own are equal.
    #[test]
    fn agrees_with_the_sdk() {
        let samplers = [
            SdkSampler::AlwaysOn,
            SdkSampler::AlwaysOff,
            SdkSampler::TraceIdRatioBased(0.0),
            SdkSampler::TraceIdRatioBased(0.25),
            SdkSampler::TraceIdRatioBased(0.999),
            SdkSampler::ParentBased(Box::new(SdkSampler::AlwaysOn)),
            SdkSampler::ParentBased(Box::new(SdkSampler::TraceIdRatioBased(0.5))),
        ];
        for sdk in samplers {
            let ours = Sampler::from(sdk.clone());
            for context in [None, Some(parent(true)), Some(parent(false))] {
                for id in 0..200_u128 {
                    let id = id.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834);
                    let id = TraceId::from(id);
                    let ask = |sampler: &dyn ShouldSample| {
                        let kind = SpanKind::Server;
                        let result =
                            sampler.should_sample(context.as_ref(), id, "", &kind, &[], &[]);
                        let sampled = result.decision == SamplingDecision::RecordAndSample;
                        (sampled, result.trace_state)
                    };
                    assert_eq!(ask(&ours), ask(&sdk), "{sdk:?}");
                    let sampled = context
                        .as_ref()
                        .map(|it| it.span().span_context().is_sampled());
                    if let Some(early) = ours.decide_early(sampled, id) {
                        assert_eq!(early, ask(&sdk).0, "{sdk:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn finds_invalid_ratios() {
        for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let by_ratio = || Sampler::TraceIdRatioBased(ratio);
            let rules = Rules::new().sampler(Spans::any(), by_ratio().parent_based());
            let otherwise = Rules::new().otherwise(by_ratio());
            for sampler in [
                by_ratio(),
                by_ratio().parent_based(),
                rules.into(),
                Sampler::from(otherwise).parent_based(),
            ] {
                assert!(sampler.invalid_ratio().is_some(), "{sampler:?}");
            }
        }
        for ratio in [0.0, 0.5, 1.0] {
            let rules = Rules::new().ratio(Spans::any(), ratio).parent_based();
            assert_eq!(rules.invalid_ratio(), None);
        }
    }
}
