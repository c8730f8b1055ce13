//! Runs a sequence over one of the providers.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use axum::body::Body as RequestBody;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use lianlu::Sampler;
use lianlu::propagation::{Baggage, HeaderExtractor, ServiceName, TraceContext};
use lianlu::{
    KeyValue, TraceLayer, TraceOptions,
    layer::{Side, UrlTemplate},
};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry_sdk::logs::{InMemoryLogExporter, SdkLoggerProvider};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample, SpanData};
use tower::{BoxError, Layer, Service, service_fn};

use crate::call::{Call, Field, SPANS, TRACES};
use crate::common::metrics::Values;
use crate::common::plain::Plain;
use crate::common::provider::ProviderKind;
use crate::common::traces::Traces;
use crate::handler::{World, handle, poll, poll_frame, say_current, say_headers};
use crate::layers;
use crate::reply::Reply;
use crate::sequence::Sequence;

/// Looks at what calls are, so that they have to be described first.
#[derive(Debug, Clone)]
struct Curious;

impl ShouldSample for Curious {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        attributes: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let state = match parent {
            Some(parent) => parent.span().span_context().trace_state().clone(),
            None => TraceState::NONE,
        };
        SamplingResult {
            decision: if name.ends_with("Put") {
                SamplingDecision::Drop
            } else {
                SamplingDecision::RecordAndSample
            },
            attributes: vec![KeyValue::new("seen", attributes.len() as i64)],
            trace_state: state.insert("mine", "1").unwrap(),
        }
    }
}

/// How calls are described, and by whose provider their spans are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By lianlu's provider, from templates where calls are alike.
    Templates,
    /// By lianlu's provider, each call anew.
    Anew,
    /// By `opentelemetry_sdk`'s provider.
    Sdk,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Templates, Self::Anew, Self::Sdk];

    fn layer<K: Side>(self, layer: TraceLayer<K>) -> TraceLayer<K> {
        match self {
            Self::Anew => layer.without_templates(),
            _ => layer,
        }
    }
}

fn traces(way: Way, sampler: u8) -> Traces {
    let whose = match way {
        Way::Sdk => ProviderKind::Sdk,
        _ => ProviderKind::Ours,
    };
    match sampler {
        0 => Traces::of(whose, Sampler::ParentBased(Box::new(Sampler::AlwaysOn))),
        1 => Traces::of(whose, Sampler::AlwaysOn),
        2 => Traces::of(whose, Sampler::AlwaysOff),
        3 => Traces::of(whose, Sampler::TraceIdRatioBased(0.3)),
        4 => Traces::of(whose, Sampler::custom(Curious)),
        5 => Traces::of(whose, Sampler::ParentBased(Box::new(Sampler::AlwaysOff))),
        _ => Traces::of(whose, Sampler::custom(Curious).parent_based()),
    }
}

/// The body of a response that its caller has not read yet.
type Held = (Pin<Box<AnyBody>>, Context);

type AnyBody = dyn Body<Data = <Reply as Body>::Data, Error = <Reply as Body>::Error> + Send;

/// What there is to see of a sequence: what services and callers saw, spans and measurements.
pub fn seen(way: Way, sequence: &Sequence) -> Vec<String> {
    // What a thread remembers is not another sequence's.
    let ran = std::thread::scope(|scope| scope.spawn(|| run(way, sequence)).join());
    ran.unwrap_or_else(|panic| vec![format!("{way:?}: {:?}", text(&*panic))])
}

/// What a panic says.
fn text(panic: &dyn std::any::Any) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let constant = || Some((*panic.downcast_ref::<&str>()?).to_owned());
    text.or_else(constant).unwrap_or_default()
}

fn run(way: Way, sequence: &Sequence) -> Vec<String> {
    let traces = traces(way, sequence.sampler);
    let values = Values::default();
    let exporter = InMemoryLogExporter::default();
    let logs = SdkLoggerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let world = Arc::new(World {
        client: way.layer(
            traces
                .client()
                .with_metrics(|metrics| metrics.provider(values.clone())),
        ),
        server: way.layer(traces.server()),
        traces: traces.clone(),
        log: Mutex::default(),
        kept: Mutex::default(),
    });
    if sequence.is_client {
        let layers = sequence.layers.map(|told| {
            let layer = way.layer(
                traces
                    .client()
                    .with_metrics(|metrics| metrics.provider(values.clone())),
            );
            told.iter().fold(layer, |layer, what| match *what {
                layers::LOGS => layer.with_errors(|errors| errors.logger_provider(logs.clone())),
                what => layers::client(layer, what),
            })
        });
        send_all(&layers, sequence, &world);
    } else {
        let layers = sequence.layers.map(|told| {
            let layer = way.layer(
                traces
                    .server()
                    .with_metrics(|metrics| metrics.provider(values.clone())),
            );
            told.iter().fold(layer, |layer, what| match *what {
                layers::LOGS => layer.with_errors(|errors| errors.logger_provider(logs.clone())),
                what => layers::server(layer, what),
            })
        });
        send_all(&layers, sequence, &world);
    }
    world.kept.lock().unwrap().clear();
    let mut lines = std::mem::take(&mut *world.log.lock().unwrap());
    drop(world);
    let mut spans = traces.finished();
    // In the order in which services saw them, as clocks may be off by a little.
    let place = |span: &SpanData| {
        let id = span.span_context.span_id().to_string();
        let seen = lines.iter().position(|line| line.contains(&id));
        (seen.unwrap_or(usize::MAX), span.start_time)
    };
    spans.sort_by_cached_key(place);
    lines.push(format!("{} open", traces.open()));
    lines.extend(spans.iter().map(say));
    lines.extend(values.all().into_iter().map(|value| {
        let number = if value.name.contains("duration") {
            0.0
        } else {
            value.value
        };
        let span = &value.span;
        let ids = format!("{} {}", span.trace_id(), span.span_id());
        format!("{} {number} {:?} {ids}", value.name, value.labels)
    }));
    lines.extend(exporter.get_emitted_logs().unwrap().iter().map(|log| {
        let trace = log.record.trace_context().unwrap();
        let ids = format!("{} {}", trace.trace_id, trace.span_id);
        let attributes: Vec<_> = log.record.attributes_iter().collect();
        format!("{:?} {attributes:?} {ids}", log.record.event_name())
    }));
    without_ids(&lines)
}

fn say(span: &SpanData) -> String {
    // Which the comparison of others leaves out.
    let ports: BTreeMap<_, _> = span
        .attributes
        .iter()
        .filter(|it| it.key.as_str().ends_with(".port"))
        .map(|it| (it.key.as_str(), format!("{:?}", it.value)))
        .collect();
    let context = &span.span_context;
    let ids = format!("{} {}", context.trace_id(), context.span_id());
    let mut plain = Plain::of(span, &[]);
    // Only our provider can have bytes.
    plain
        .attributes
        .retain(|_, value| !value.contains("bytes ["));
    if !TRACES.contains(&context.trace_id().to_string().as_str()) {
        // Of our provider alone it is known that its ids are random.
        plain.context = plain.context.replace("TraceFlags(3)", "TraceFlags(1)");
    }
    // The order of attributes is a provider's own, and compared between versions alone.
    let order = match std::env::var_os("LIANLU_TEST_RECORD_ORDER") {
        Some(_) => {
            let keys: Vec<_> = span.attributes.iter().map(|it| it.key.as_str()).collect();
            format!(" {keys:?}")
        }
        None => String::new(),
    };
    format!("{ids} {ports:#?} {plain:#?}{order}")
}

/// Puts numbers in the place of ids that each run has its own of.
fn without_ids(lines: &[String]) -> Vec<String> {
    let mut known: HashMap<String, String> = HashMap::new();
    for id in TRACES.into_iter().chain(SPANS) {
        known.insert(id.to_owned(), id.to_owned());
    }
    let is_hex = |it: char| matches!(it, '0'..='9' | 'a'..='f');
    let mut told = Vec::new();
    for line in lines {
        let mut text = String::new();
        let mut rest = line.as_str();
        while let Some(at) = rest.find(is_hex) {
            let (before, after) = rest.split_at(at);
            let end = after.find(|it| !is_hex(it)).unwrap_or(after.len());
            let (id, behind) = after.split_at(end);
            text.push_str(before);
            if matches!(id.len(), 16 | 32) && !id.trim_matches('0').is_empty() {
                let next = format!("<id {}>", known.len());
                text.push_str(known.entry(id.to_owned()).or_insert(next));
            } else {
                text.push_str(id);
            }
            rest = behind;
        }
        text.push_str(rest);
        if text.contains("00-<id ") {
            text = text.replace("-03", "-01").replace("-02", "-00");
        }
        told.push(text);
    }
    told
}

fn send_all<K: Side>(layers: &[TraceLayer<K>; 3], sequence: &Sequence, world: &Arc<World>) {
    let mut held = Vec::new();
    for (at, call) in sequence.calls.iter().enumerate() {
        world.say(format!("call {at}"));
        let open = std::mem::take(&mut held);
        let service = service(*call, world);
        let first = call.at(Field::Layer, 3);
        let service = layers[first].layer(service);
        match call.at(Field::Outer, 4) {
            0 | 1 => send(*call, service, world, &mut held),
            outer => {
                let service = layers[(first + outer) % 3].layer(service);
                send(*call, service, world, &mut held);
            }
        }
        // They go on after others have begun.
        for (body, context) in open {
            finish(body, &context, false, usize::MAX, world);
        }
    }
    for (body, context) in held {
        finish(body, &context, false, usize::MAX, world);
    }
}

/// What is current where the call is made.
fn around(call: Call, world: &World) -> Context {
    let received = |lines: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, value.parse().unwrap());
        }
        TextMapCompositePropagator::new(vec![
            Box::new(ServiceName::new("")),
            Box::new(Baggage::new()),
            Box::new(TraceContext::new()),
        ])
        .extract_with_context(&Context::new(), &HeaderExtractor::new(&headers))
    };
    const SAMPLED: (&str, &str) = (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    const UNSAMPLED: (&str, &str) = (
        "traceparent",
        "00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-02",
    );
    match call.at(Field::Around, 14) {
        1 => received(&[SAMPLED]),
        2 => received(&[UNSAMPLED]),
        3 => received(&[SAMPLED, ("tracestate", "congo=t61"), ("baggage", "a=1")]),
        4 => received(&[SAMPLED, ("tracestate", "a@b@c=1,d=2")]),
        5 => received(&[("x-md-service-name", "cart")]),
        6 => world.traces.root("around"),
        7 => Context::new().with_telemetry_suppressed(),
        8 => world.traces.root("around").with_telemetry_suppressed(),
        9 => Context::new().with_remote_span_context(SpanContext::empty_context()),
        10 => Context::new().with_value(TraceOptions::new().with_name("around")),
        11 => Context::new().with_value(UrlTemplate("/around/{id}".into())),
        12 => Context::new().with_baggage([KeyValue::new("user", "7")]),
        _ => Context::new(),
    }
}

fn on_a_thread<T: Send>(is_wanted: bool, run: impl FnOnce() -> T + Send) -> T {
    if !is_wanted {
        return run();
    }
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

type Answer = Result<Response<Reply>, BoxError>;

fn service(
    call: Call,
    world: &Arc<World>,
) -> impl Service<
    Request<RequestBody>,
    Response = Response<Reply>,
    Error = BoxError,
    Future = Pin<Box<dyn Future<Output = Answer> + Send>>,
> {
    let world = Arc::clone(world);
    service_fn(move |request: Request<RequestBody>| {
        let world = Arc::clone(&world);
        world.say(format!("called: {}", say_current()));
        world.say(format!("headers: {}", say_headers(request.headers())));
        assert!(call.at(Field::Handler, 27) != 22, "told to panic");
        Box::pin(handle(call, world, request)) as Pin<Box<dyn Future<Output = Answer> + Send>>
    })
}

fn send<S, B>(call: Call, mut service: S, world: &Arc<World>, held: &mut Vec<Held>)
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = BoxError>,
    S::Future: Send,
    B: Body<Data = <Reply as Body>::Data, Error = <Reply as Body>::Error> + Send + 'static,
{
    let context = around(call, world);
    let of_body = Arc::clone(world);
    let body = call.request_body(move || of_body.say(format!("request: {}", say_current())));
    let request = call.request(body);
    let reads = call.at(Field::Reads, 8);
    let thread = call.at(Field::Thread, 4);
    let future = {
        let _current = context.clone().attach();
        caught(|| service.call(request))
    };
    let Some(future) = future else {
        return world.say("the call panicked".into());
    };
    let mut future = Box::pin(future);
    if reads == 4 {
        caught(|| drop(future));
        return;
    }
    let mut answer = None;
    for _ in 0..3 {
        let polled = on_a_thread(thread & 1 != 0, || {
            let _current = context.clone().attach();
            caught(|| poll(future.as_mut()))
        });
        match polled {
            None => {
                world.say("the future panicked".into());
                break;
            }
            Some(Poll::Pending) if reads == 5 => break,
            Some(Poll::Pending) => {}
            Some(Poll::Ready(Err(error))) => {
                world.say(format!("error: {error}"));
                break;
            }
            Some(Poll::Ready(Ok(response))) => {
                answer = Some(response);
                break;
            }
        }
    }
    caught(|| drop(future));
    let Some(response) = answer else { return };
    let (head, body) = response.into_parts();
    let headers = say_headers(&head.headers);
    world.say(format!("answer: {} {headers}", head.status));
    let body: Pin<Box<AnyBody>> = Box::pin(body);
    let frames = match reads {
        1 => 0,
        2 => 1,
        3 => 2,
        6 => return held.push((body, context)),
        _ => usize::MAX,
    };
    finish(body, &context, thread & 2 != 0, frames, world);
}

fn finish(
    mut body: Pin<Box<AnyBody>>,
    context: &Context,
    is_elsewhere: bool,
    frames: usize,
    world: &World,
) {
    for _ in 0..frames.min(12) {
        let (frame, goes_on) = on_a_thread(is_elsewhere, || {
            let _current = context.clone().attach();
            caught(|| poll_frame(&mut body)).unwrap_or(("panic".into(), false))
        });
        world.say(frame);
        if !goes_on {
            break;
        }
    }
    caught(|| drop(body));
}
