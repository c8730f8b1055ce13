//! Sampling decisions.

use super::*;

#[test]
fn unsampled_spans_have_only_a_context() {
    let traced = traced_with(|builder| builder.with_sampler(boxed(Sampler::AlwaysOff)));
    let parent = context(7, 8, 3, true, "a=1");
    for parent in [
        Context::new(),
        Context::new().with_remote_span_context(parent),
    ] {
        let mut span = traced.tracer().start_with_context("span", &parent);
        assert!(!span.is_recording());
        span.set_attribute(KeyValue::new("a", 1));
        span.set_status(Status::Ok);
        span.end();
        let own = span.span_context();
        assert!(own.is_valid() && !own.is_sampled() && !own.is_remote());
        let parent = parent.span().span_context().clone();
        if parent.is_valid() {
            assert_eq!(own.trace_id(), parent.trace_id());
            assert_ne!(own.span_id(), parent.span_id());
            assert_eq!(own.trace_state().header(), "a=1");
            // The random flag belongs to the trace.
            assert_eq!(own.trace_flags(), TraceFlags::new(2));
        }
    }
    assert!(traced.all().is_empty());
    assert_eq!(traced.provider.handle().counts().started, 0);
}

#[test]
fn parent_based_sampling() {
    for (root, parent, expected) in [
        (Sampler::AlwaysOn, None, true),
        (Sampler::AlwaysOff, None, false),
        (Sampler::AlwaysOff, Some(1), true),
        (Sampler::AlwaysOn, Some(0), false),
        (Sampler::TraceIdRatioBased(1.0), None, true),
        (Sampler::TraceIdRatioBased(0.0), None, false),
    ] {
        let based = Sampler::ParentBased(Box::new(root.clone()));
        let traced = traced_with(|builder| builder.with_sampler(boxed(based)));
        let parent = match parent {
            Some(flags) => Context::new().with_remote_span_context(context(7, 8, flags, true, "")),
            None => Context::new(),
        };
        let mut span = traced.tracer().start_with_context("span", &parent);
        assert_eq!(span.span_context().is_sampled(), expected, "{root:?}");
        span.end();
        assert_eq!(traced.all().len(), usize::from(expected), "{root:?}");
    }
}

/// Records its calls and returns a fixed decision.
#[derive(Debug, Clone)]
struct FixedDecision {
    decision: SamplingDecision,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ShouldSample for FixedDecision {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent = parent.unwrap().span().span_context().span_id();
        self.asked.lock().unwrap().push(format!(
            "{parent} {trace_id} {name} {kind:?} {:?} {}",
            pairs(attributes),
            links.len()
        ));
        SamplingResult {
            decision: self.decision.clone(),
            attributes: vec![KeyValue::new("sampler", "me"), KeyValue::new("a", 2)],
            trace_state: "sampler=1".parse().unwrap(),
        }
    }
}

#[test]
fn samplers_get_all_inputs_and_their_result_applies() {
    for decision in [
        SamplingDecision::RecordAndSample,
        SamplingDecision::RecordOnly,
        SamplingDecision::Drop,
    ] {
        let sampler = FixedDecision {
            decision: decision.clone(),
            asked: Arc::default(),
        };
        let traced = traced_with(|builder| builder.with_sampler(boxed(sampler.clone())));
        let tracer = traced.tracer();
        let parent = Context::new().with_remote_span_context(context(7, 8, 1, true, "a=1"));
        let mut span = tracer
            .span_builder("span")
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("a", 1)])
            .with_links(vec![Link::with_context(context(9, 10, 1, true, ""))])
            .start_with_context(&tracer, &parent);
        let asked = sampler.asked.lock().unwrap().clone();
        let expected = format!(
            "{} {} span Server [(\"a\", \"1\")] 1",
            SpanId::from(8),
            TraceId::from(7)
        );
        assert_eq!(asked, [expected]);
        let is_sampled = decision == SamplingDecision::RecordAndSample;
        let is_recorded = decision != SamplingDecision::Drop;
        assert_eq!(span.is_recording(), is_recorded);
        assert_eq!(span.span_context().is_sampled(), is_sampled);
        assert_eq!(span.span_context().trace_state().header(), "sampler=1");
        span.set_attribute(KeyValue::new("later", true));
        span.end();
        let spans = traced.all();
        let counts = traced.provider.handle().counts();
        assert_eq!(counts.started, u64::from(is_sampled));
        assert_eq!(counts.open, 0);
        if is_sampled {
            let attributes = pairs(&spans[0].attributes);
            let expected = [("sampler", "me"), ("a", "2"), ("later", "true")];
            let expected = expected.map(|(key, value)| (key, value.to_owned()));
            assert_eq!(attributes, expected);
            assert_eq!(spans[0].span_context.trace_state().header(), "sampler=1");
        } else {
            assert!(spans.is_empty());
        }
    }
}

/// Looks like the SDK's sampler, but treats an unsampled local parent differently.
#[derive(Debug, Clone)]
struct ParentBased(Sampler);

impl ShouldSample for ParentBased {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let is_local = parent.is_some_and(|parent| !parent.span().span_context().is_remote());
        let sampler = match is_local {
            true => Sampler::AlwaysOn,
            false => Sampler::ParentBased(Box::new(self.0.clone())),
        };
        sampler.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

#[test]
fn a_sampler_that_resembles_the_sdks_is_called() {
    let sampler = || ParentBased(Sampler::AlwaysOn);
    for traced in [
        traced_with(|builder| builder.with_sampler(boxed(sampler()))),
        traced_with(|builder| {
            builder.with_sampler(lianlu_sdk::sampling::Sampler::custom(sampler()))
        }),
    ] {
        let is_sampled = |is_remote| {
            let parent = context(7, 8, 0, is_remote, "");
            let parent = Context::new().with_remote_span_context(parent);
            let span = traced.tracer().start_with_context("span", &parent);
            span.span_context().is_sampled()
        };
        assert!(is_sampled(false));
        assert!(!is_sampled(true));
    }
}
