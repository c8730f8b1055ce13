//! `StreamEnd`: a long stream is exported in slices while it is open, or its span ends with the
//! head.

use std::collections::HashMap;
use std::future::Future as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

use ::http::{Request, Response, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http_body::Body as _;
use http_body_util::BodyExt;
use lianlu::{
    KeyValue, StreamEnd, TraceLayer, TraceOptions, conventions::OptIn, layer::Side,
    net::HeaderCapture,
};
use opentelemetry::trace::{SpanKind, Status, TraceId};
use opentelemetry_sdk::trace::{SamplingDecision, SpanData};
use tokio::sync::mpsc::channel;
use tokio_stream::wrappers::ReceiverStream;

use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::metrics::Metrics;
use crate::common::sampler::RecordingSampler;
use crate::common::traces::{
    self, Traces, assert_cancelled, assert_error, attr, http_status, int, named, rpc_status, text,
};
use crate::common::{Gate, PARENT_ID, PATIENCE, TRACEPARENT, soon};

const SLICE: &str = "lianlu.stream.slice";

fn sliced<K: Side>(layer: TraceLayer<K>) -> TraceLayer<K> {
    layer.with_stream_end(|_, _| StreamEnd::Sliced(Duration::from_millis(15)))
}

/// The ended slices of one side.
fn slices(traces: &Traces, kind: &SpanKind) -> Vec<SpanData> {
    let mut slices = traces.finished();
    slices.retain(|span| span.span_kind == *kind);
    slices
}

/// Waits until `count` slices of one side have ended.
async fn ended(traces: &Traces, kind: SpanKind, count: usize) -> Vec<SpanData> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let slices = slices(traces, &kind);
        if slices.len() >= count {
            return slices;
        }
        assert!(Instant::now() < give_up, "waited for {count}: {slices:#?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until all spans have ended. Returns those of one side.
async fn all_ended(traces: &Traces, kind: SpanKind) -> Vec<SpanData> {
    let give_up = Instant::now() + PATIENCE;
    while traces.open() > 0 {
        assert!(Instant::now() < give_up, "{:#?}", traces.finished());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    slices(traces, &kind)
}

/// Asserts what holds for the slices of any stream. `is_root`: whether the first one has no parent
/// of its own trace.
#[track_caller]
fn assert_chain(slices: &[SpanData], is_root: bool) {
    assert!(slices.len() > 1, "{slices:#?}");
    for (at, slice) in slices.iter().enumerate() {
        assert_eq!(int(slice, SLICE), Some(i64::try_from(at).unwrap()));
        assert_eq!(slice.name, slices[0].name);
        assert_eq!(slice.span_kind, slices[0].span_kind);
        assert_eq!(
            slice.span_context.trace_id(),
            slices[0].span_context.trace_id()
        );
        let Some(before) = at.checked_sub(1).map(|at| &slices[at]) else {
            continue;
        };
        let [link] = &slice.links.links[..] else {
            panic!("{slice:#?}")
        };
        assert_eq!(link.span_context, before.span_context);
        assert_eq!(slice.start_time, before.end_time);
        let parent = if is_root {
            slices[0].span_context.span_id()
        } else {
            slices[0].parent_span_id
        };
        assert_eq!(slice.parent_span_id, parent);
        assert_eq!(before.status, Status::Unset);
        assert_eq!(attr(before, "error.type"), None);
        assert_eq!(attr(before, "lianlu.cancelled"), None);
        assert_eq!(attr(before, "rpc.response.status_code"), None);
    }
}

async fn open(
    address: SocketAddr,
    path: &str,
    traceparent: bool,
) -> Response<hyper::body::Incoming> {
    let mut request = Request::get(format!("http://{address}{path}"));
    if traceparent {
        request = request.header("traceparent", TRACEPARENT);
    }
    let request = request.body(Body::empty()).unwrap();
    let call = net::plain(Version::HTTP_11).request(request);
    soon(call).await.unwrap()
}

fn app(steps: impl Fn() -> Body + Clone + Send + Sync + 'static) -> Router {
    let events = move || {
        let body = steps();
        async { ([("content-type", "text/event-stream")], body) }
    };
    Router::new().route("/events", get(events))
}

/// Sends one event, and stays open.
fn quiet() -> Body {
    scripted([Step::Data("data: a\n\n"), Step::Hang])
}

#[tokio::test]
async fn a_quiet_stream_is_sliced_while_it_is_open() {
    let traces = Traces::default();
    let address = net::serve(app(quiet).layer(sliced(traces.server()))).await;
    let response = open(address, "/events", false).await;
    ended(&traces, SpanKind::Server, 3).await;
    assert_eq!(traces.open(), 1, "the stream is open");
    drop(response);
    let slices = all_ended(&traces, SpanKind::Server).await;
    assert_chain(&slices, true);
    traces::assert_root(&slices[0]);
    assert_cancelled(slices.last().unwrap());
    for slice in &slices {
        assert_eq!(slice.name, "GET /events");
        assert_eq!(text(slice, "url.path"), Some("/events"));
        assert_eq!(http_status(slice), Some(200));
    }
}

/// A waker that sends a message.
struct Bell(mpsc::Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// The library's own thread wakes the task.
#[test]
fn slicing_needs_no_runtime() {
    let traces = Traces::default();
    let service = tower::service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(response(None, quiet())))
    });
    let mut service = tower::Layer::layer(&sliced(traces.server()), service);
    let (sender, rung) = mpsc::channel();
    let waker = Waker::from(Arc::new(Bell(sender)));
    let mut cx = std::task::Context::from_waker(&waker);

    let mut call = Box::pin(tower::Service::call(&mut service, Request::new(())));
    let Poll::Ready(Ok(response)) = call.as_mut().poll(&mut cx) else {
        panic!("the service is always ready")
    };
    let mut body = response.into_body();
    let mut body = Pin::new(&mut body);
    assert!(body.as_mut().poll_frame(&mut cx).is_ready());
    for number in 1..4 {
        while slices(&traces, &SpanKind::Server).len() < number {
            assert!(body.as_mut().poll_frame(&mut cx).is_pending());
            if slices(&traces, &SpanKind::Server).len() < number {
                rung.recv_timeout(PATIENCE).expect("woken");
            }
        }
    }
}

#[tokio::test]
async fn slices_share_the_remote_parent_and_are_measured_once() {
    let traces = Traces::default();
    let metrics = Metrics::default();
    let (go_on, end) = (Gate::default(), Gate::default());
    let steps = {
        let (traces, go_on, end) = (traces.clone(), go_on.clone(), end.clone());
        move || {
            let traces = traces.clone();
            scripted([
                Step::Data("a"),
                Step::Wait(go_on.clone()),
                Step::Run(Box::new(move || traces.child("later"))),
                Step::Data("b"),
                Step::Wait(end.clone()),
            ])
        }
    };
    let layer = sliced(traces.server()).with_metrics(|it| it.provider(metrics.provider.clone()));
    let address = net::serve(app(steps).layer(layer)).await;
    let response = open(address, "/events", true).await;
    let before = ended(&traces, SpanKind::Server, 1).await.len();
    go_on.open();
    ended(&traces, SpanKind::Internal, 1).await;
    let now = slices(&traces, &SpanKind::Server).len();
    ended(&traces, SpanKind::Server, now + 1).await;
    assert!(
        metrics.of("http.server.request.duration").is_empty(),
        "the call has not ended"
    );
    end.open();
    assert_eq!(net::read(response).await.unwrap(), "ab");

    let slices = all_ended(&traces, SpanKind::Server).await;
    assert_chain(&slices, false);
    assert_eq!(slices[0].parent_span_id.to_string(), PARENT_ID);
    let later = named(&traces.finished(), "later");
    let parent = slices
        .iter()
        .position(|slice| slice.span_context.span_id() == later.parent_span_id);
    assert!(parent.unwrap() >= before, "the child is in an ended slice");
    traces::assert_fine(slices.last().unwrap());

    let series = metrics.counted("http.server.request.duration", 1).await;
    let first = slices[0].start_time;
    let whole = slices
        .last()
        .unwrap()
        .end_time
        .duration_since(first)
        .unwrap();
    assert!((series[0].sum - whole.as_secs_f64()).abs() < 1e-6);
    assert_eq!(series[0].label("http.response.status_code"), Some("200"));
}

#[tokio::test]
async fn a_short_stream_is_not_sliced() {
    let traces = Traces::default();
    let layer = traces
        .server()
        .with_stream_end(|_, _| StreamEnd::Sliced(Duration::from_secs(3600)));
    let body = || scripted([Step::Data("a"), Step::Data("b")]);
    let address = net::serve(app(body).layer(layer)).await;
    net::read(open(address, "/events", false).await)
        .await
        .unwrap();
    let span = traces::server(&traces.all(1).await);
    assert_eq!(attr(&span, SLICE), None);
    traces::assert_fine(&span);
}

fn total(slices: &[SpanData], key: &str) -> i64 {
    slices.iter().map(|slice| int(slice, key).unwrap()).sum()
}

/// Asserts the sums of the slices' messages and bytes, in both directions.
fn assert_counts(slices: &[SpanData], messages: i64, bytes: i64) {
    for direction in ["request", "response"] {
        let count = total(slices, &format!("lianlu.rpc.{direction}.messages"));
        let size = total(slices, &format!("lianlu.rpc.{direction}.bytes"));
        assert_eq!((count, size), (messages, bytes), "{slices:#?}");
    }
}

#[tokio::test]
async fn both_sides_of_a_grpc_stream_are_sliced() {
    let traces = Traces::default();
    let metrics = Metrics::default();
    let layer = sliced(traces.server()).with_metrics(|it| it.provider(metrics.provider.clone()));
    let address = echo::serve(layer, Echo::new(&traces)).await;
    let mut client = echo::connect(sliced(traces.client()), address).await;
    let (send, requests) = channel(1);
    let mut replies = client
        .bidi(ReceiverStream::new(requests))
        .await
        .unwrap()
        .into_inner();
    let (sender, mut received) = channel(8);
    // The body is polled all the time.
    let reader = tokio::spawn(async move {
        while let Ok(Some(reply)) = replies.message().await {
            sender.send(reply.text).await.unwrap();
        }
    });
    let mut bytes = 0;
    for text in ["a", "bc", "child", "def"] {
        for kind in [SpanKind::Client, SpanKind::Server] {
            let so_far = slices(&traces, &kind).len();
            ended(&traces, kind, so_far + 1).await;
        }
        send.send(message(text, 0)).await.unwrap();
        assert_eq!(soon(received.recv()).await.unwrap(), text);
        bytes += echo::size(text, 0);
    }
    drop(send);
    soon(reader).await.unwrap();

    let servers = all_ended(&traces, SpanKind::Server).await;
    let clients = slices(&traces, &SpanKind::Client);
    assert_chain(&clients, true);
    assert_chain(&servers, false);
    assert_eq!(servers[0].parent_span_id, clients[0].span_context.span_id());
    for slices in [&clients, &servers] {
        assert_counts(slices, 4, bytes);
        let last = slices.last().unwrap();
        assert_eq!(rpc_status(last), Some("OK"));
        assert_eq!(slices[0].name, "lianlu.testing.Echo/Bidi");
    }
    let child = named(&traces.finished(), "after await");
    let parent = servers.iter().map(|slice| slice.span_context.span_id());
    let parent = parent.skip(1).find(|id| *id == child.parent_span_id);
    assert!(parent.is_some(), "{child:#?}");
    let series = metrics.counted("rpc.server.call.duration", 1).await;
    assert_eq!(series[0].label("rpc.response.status_code"), Some("OK"));
}

#[tokio::test]
async fn an_error_is_on_the_last_slice() {
    let traces = Traces::default();
    let echo = Echo::new(&traces);
    let address = echo::serve(sliced(traces.server()), echo.clone()).await;
    let mut client = echo::connect(sliced(traces.client()), address).await;
    let request = message("wait fail 13 broken", 2);
    let mut replies = client.server_stream(request).await.unwrap().into_inner();
    let reader = tokio::spawn(async move { while let Ok(Some(_)) = replies.message().await {} });
    ended(&traces, SpanKind::Server, 2).await;
    ended(&traces, SpanKind::Client, 2).await;
    echo.gate.open();
    soon(reader).await.unwrap();
    let servers = all_ended(&traces, SpanKind::Server).await;
    let clients = slices(&traces, &SpanKind::Client);
    assert_chain(&clients, true);
    assert_chain(&servers, false);
    for slices in [&clients, &servers] {
        assert_eq!(total(slices, "lianlu.rpc.response.messages"), 2);
        let last = slices.last().unwrap();
        assert_eq!(rpc_status(last), Some("INTERNAL"));
        assert_eq!(assert_error(last, "INTERNAL"), "broken");
    }
}

#[tokio::test]
async fn an_unsampled_stream_is_not_sliced() {
    let never = RecordingSampler::new(SamplingDecision::Drop);
    let layer = sliced(Traces::with_sampler(lianlu::Sampler::custom(never.clone())).server());
    let unsampled = net::serve(app(quiet).layer(layer)).await;
    let traces = Traces::default();
    let sampled = net::serve(app(quiet).layer(sliced(traces.server()))).await;
    let _one = open(unsampled, "/events", false).await;
    let _other = open(sampled, "/events", false).await;
    // A sampled stream that began later is sliced meanwhile.
    ended(&traces, SpanKind::Server, 3).await;
    assert_eq!(never.take().len(), 1);
}

/// Its route, name, attributes and captured headers.
#[tokio::test]
async fn all_slices_have_what_came_with_the_response() {
    let traces = Traces::default();
    let answer = |options: Option<TraceOptions>| {
        move || async move {
            let mut response = response(None, quiet());
            let header = ::http::HeaderValue::from_static("acme");
            response.headers_mut().insert("x-tenant", header);
            if let Some(options) = options {
                response.extensions_mut().insert(options);
            }
            response
        }
    };
    let options = TraceOptions::new()
        .with_name("named")
        .with_attribute(KeyValue::new("reason", "test"));
    let app = Router::new()
        .route("/events/{id}", get(answer(None)))
        .route("/named", get(answer(Some(options))))
        .route_layer(lianlu::route_layer());
    let layer = sliced(traces.server())
        .with_capture(|capture| capture.response_headers(HeaderCapture::new().allow("x-tenant")));
    let app = Router::new().fallback_service(app).layer(layer);
    let address = net::serve(app).await;

    for (path, name, route, reason) in [
        ("/events/7", "GET /events/{id}", "/events/{id}", None),
        ("/named", "named", "/named", Some("test")),
    ] {
        let before = slices(&traces, &SpanKind::Server).len();
        let response = open(address, path, false).await;
        ended(&traces, SpanKind::Server, before + 3).await;
        drop(response);
        let slices = all_ended(&traces, SpanKind::Server).await.split_off(before);
        assert_chain(&slices, true);
        for slice in &slices {
            assert_eq!(slice.name, name);
            assert_eq!(text(slice, "http.route"), Some(route));
            assert_eq!(text(slice, "reason"), reason);
            let tenant = attr(slice, "http.response.header.x-tenant").unwrap();
            assert_eq!(tenant.to_string(), "[\"acme\"]");
        }
    }
}

#[tokio::test]
async fn slices_of_a_public_endpoint_are_in_a_new_trace() {
    let traces = Traces::default();
    let layer = sliced(traces.server()).with_public_endpoint(|_| true);
    let address = net::serve(app(quiet).layer(layer)).await;
    let response = open(address, "/events", true).await;
    ended(&traces, SpanKind::Server, 2).await;
    drop(response);
    let slices = all_ended(&traces, SpanKind::Server).await;
    assert_chain(&slices, true);
    traces::assert_root(&slices[0]);
    let caller = &slices[0].links.links[0].span_context;
    assert_eq!(caller.span_id().to_string(), PARENT_ID);
    assert_ne!(caller.trace_id(), slices[0].span_context.trace_id());
}

#[tokio::test]
async fn slices_in_kratos_mode_have_no_other_keys() {
    let traces = Traces::default();
    let layer = sliced(traces.server()).kratos();
    let address = net::serve(app(quiet).layer(layer)).await;
    let response = open(address, "/events", true).await;
    ended(&traces, SpanKind::Server, 2).await;
    drop(response);
    let slices = all_ended(&traces, SpanKind::Server).await;
    assert_chain(&slices, false);
    for slice in &slices {
        assert_eq!(
            attr(slice, "http.response.status_code"),
            None,
            "not a key of Kratos"
        );
    }
}

#[tokio::test]
async fn a_span_can_end_with_the_head_without_the_bodys_outcome() {
    let traces = Traces::default();
    let gate = Gate::default();
    let steps = {
        let gate = gate.clone();
        move || scripted([Step::Data("a"), Step::Wait(gate.clone()), Step::Fail])
    };
    let layer = traces
        .server()
        .with_conventions(|conventions| conventions.opt_in(OptIn::BodySize))
        .with_stream_end(|_, _| StreamEnd::Headers);
    let address = net::serve(app(steps).layer(layer.clone())).await;
    let response = open(address, "/events", false).await;
    let span = traces::server(&traces.all(1).await);
    traces::assert_fine(&span);
    assert_eq!(http_status(&span), Some(200));
    assert_eq!(
        attr(&span, "http.response.body.size"),
        None,
        "the size is not known yet"
    );
    gate.open();
    net::read(response).await.unwrap_err();
    traces.all(1).await;

    let echo = Echo::new(&traces);
    let address = echo::serve(layer, echo.clone()).await;
    let client = traces.client().with_stream_end(|_, _| StreamEnd::Headers);
    let mut client = echo::connect(client, address).await;
    let request = message("wait fail 13 broken", 1);
    let mut replies = client.server_stream(request).await.unwrap().into_inner();
    for span in &traces.all(3).await[1..] {
        traces::assert_fine(span);
        assert_eq!(
            attr(span, "rpc.response.status_code"),
            None,
            "the status is not known yet"
        );
    }
    echo.gate.open();
    replies.message().await.unwrap().unwrap();
    replies.message().await.unwrap_err();
    // A trailers-only response has the status in its head.
    client
        .unary(message("fail 13 broken", 0))
        .await
        .unwrap_err();
    for span in &traces.all(5).await[3..] {
        assert_eq!(assert_error(span, "INTERNAL"), "broken");
    }
}

#[tokio::test]
async fn the_stream_end_can_depend_on_the_route() {
    let traces = Traces::default();
    let layer = traces.server().with_stream_end(|head, route| {
        assert_eq!(head.method(), ::http::Method::GET);
        match route {
            Some("/sliced/{id}") => StreamEnd::Sliced(Duration::from_millis(15)),
            Some("/head") => StreamEnd::Headers,
            other => {
                assert_eq!(other, Some("/whole"));
                StreamEnd::Body
            }
        }
    });
    let body = || async { response(None, quiet()) };
    let app = Router::new()
        .route("/whole", get(body))
        .route("/head", get(body))
        .route("/sliced/{id}", get(body))
        .layer(layer);
    let address = net::serve(app).await;
    let whole = open(address, "/whole", false).await;
    let head = open(address, "/head", false).await;
    let sliced = open(address, "/sliced/7", false).await;
    let spans = ended(&traces, SpanKind::Server, 3).await;
    assert_eq!(attr(&named(&spans, "GET /head"), SLICE), None);
    assert!(spans.iter().all(|span| span.name != "GET /whole"));
    drop((whole, head, sliced));
    all_ended(&traces, SpanKind::Server).await;
    let span = named(&traces.finished(), "GET /whole");
    assert_eq!(attr(&span, SLICE), None);
}

/// They share one thread for their wake-ups.
#[tokio::test]
async fn concurrent_streams_have_their_own_slices() {
    let traces = Traces::default();
    let address = net::serve(app(quiet).layer(sliced(traces.server()))).await;
    let mut open_streams = Vec::new();
    for _ in 0..20 {
        open_streams.push(open(address, "/events", false).await);
    }
    let give_up = Instant::now() + PATIENCE;
    loop {
        let by_trace = by_trace(slices(&traces, &SpanKind::Server));
        if by_trace.len() == 20 && by_trace.values().all(|slices| slices.len() > 2) {
            break;
        }
        assert!(Instant::now() < give_up, "{by_trace:#?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for stream in open_streams {
        drop(stream.into_body().into_data_stream());
    }
    let by_trace = by_trace(all_ended(&traces, SpanKind::Server).await);
    assert_eq!(by_trace.len(), 20);
    by_trace
        .values()
        .for_each(|slices| assert_chain(slices, true));
}

fn by_trace(slices: Vec<SpanData>) -> HashMap<TraceId, Vec<SpanData>> {
    let mut by_trace = HashMap::<_, Vec<_>>::new();
    for slice in slices {
        let stream = by_trace.entry(slice.span_context.trace_id());
        stream.or_default().push(slice);
    }
    by_trace
}
