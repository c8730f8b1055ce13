//! The default headers: those that clients write, and how servers read them.

use ::http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use axum::Router;
use axum::routing::get;
use lianlu::conventions::OptIn;
use lianlu::propagation::{Baggage, TraceContext};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Sampler;
use tower::{Layer, ServiceExt};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::provider::ProviderKind;
use crate::common::seen::Seen;
use crate::common::traces::{self, Traces, assert_child, assert_root, attr, text};
use crate::common::{PARENT_ID, PATIENCE, TRACE_ID, TRACEPARENT, soon};

/// Sends a call with each kind of client behind `layer`. The headers that arrive, without the
/// transport's own.
async fn sent(layer: lianlu::ClientLayer, cx: &Context, extra: &HeaderMap) -> [Vec<String>; 3] {
    let seen = Seen::default();
    let address = seen.serve().await;
    async {
        let mut grpc = echo::connect(layer.clone(), address).await;
        let mut request = tonic::Request::new(message("hello", 0));
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(extra.clone());
        grpc.unary(request).await.unwrap();
        let grpc = propagated(&seen.take());

        let mut request = net::request(Method::GET, address, "/");
        request.headers_mut().extend(extra.clone());
        let client = net::connect(layer.clone(), Version::HTTP_11);
        soon(client.oneshot(request)).await.unwrap();
        let hyper = propagated(&seen.take());

        let url = format!("http://{address}/").parse().unwrap();
        let mut request = reqwest::Request::new(Method::GET, url);
        request.headers_mut().extend(extra.clone());
        soon(net::reqwest(layer.clone()).oneshot(request))
            .await
            .unwrap();
        [grpc, hyper, propagated(&seen.take())]
    }
    .with_context(cx.clone())
    .await
}

/// The headers without the transport's own, as sorted lines.
fn propagated(headers: &HeaderMap) -> Vec<String> {
    let transport = [
        "accept",
        "content-type",
        "grpc-accept-encoding",
        "host",
        "te",
        "user-agent",
    ];
    let mut lines: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !transport.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines
}

fn remote(flags: TraceFlags, state: &str) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from_hex(TRACE_ID).unwrap(),
        SpanId::from_hex(PARENT_ID).unwrap(),
        flags,
        true,
        state.parse::<TraceState>().unwrap(),
    ))
}

fn with_baggage(cx: &Context) -> Context {
    cx.with_baggage([KeyValue::new("tenant", "acme corp")])
}

/// Asserts that the only `traceparent` is the span's.
fn assert_traceparent(lines: &[String], span: &opentelemetry_sdk::trace::SpanData) {
    let expected = format!(
        "traceparent: 00-{}-{}-{:02x}",
        span.span_context.trace_id(),
        span.span_context.span_id(),
        span.span_context.trace_flags()
    );
    let found: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("traceparent"))
        .collect();
    assert_eq!(found, [&expected]);
}

fn without_traceparent(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("traceparent"))
        .collect()
}

#[tokio::test]
async fn clients_send_the_trace_and_no_empty_headers() {
    let traces = Traces::default();
    let sent = sent(traces.client(), &Context::new(), &HeaderMap::new()).await;
    let spans = traces.all(3).await;
    for (lines, span) in sent.iter().zip(&spans) {
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_traceparent(lines, span);
    }
}

/// The trace ids of lianlu are random, also those of calls that are not recorded.
#[tokio::test]
async fn new_traces_have_the_random_flag() {
    let of = |sampler| Traces::of(ProviderKind::Ours, sampler);
    let (on, off) = (of(Sampler::AlwaysOn), of(Sampler::AlwaysOff));
    let sliced = on
        .client()
        .with_stream_end(|_, _| lianlu::StreamEnd::Sliced(PATIENCE));
    for (layer, flags) in [(on.client(), "-03"), (sliced, "-03"), (off.client(), "-02")] {
        for lines in sent(layer, &Context::new(), &HeaderMap::new()).await {
            assert!(lines[0].ends_with(flags), "{lines:?}, not {flags}");
        }
    }
}

#[tokio::test]
async fn clients_send_trace_state_baggage_and_service_name() {
    let traces = Traces::default();
    let layer = traces
        .client()
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("shop"));
    let cx = with_baggage(&remote(TraceFlags::SAMPLED, "a=1,b=2"));
    let sent = sent(layer, &cx, &HeaderMap::new()).await;
    let spans = traces.all(3).await;
    for (lines, span) in sent.iter().zip(&spans) {
        assert_traceparent(lines, span);
        assert_eq!(span.span_context.trace_id().to_string(), TRACE_ID);
        assert_eq!(span.parent_span_id.to_string(), PARENT_ID);
        assert_eq!(
            without_traceparent(lines),
            [
                "baggage: tenant=acme%20corp",
                "tracestate: a=1,b=2",
                "x-md-service-name: shop"
            ]
        );
    }
}

/// Unlike Kratos, which adds a second value.
#[tokio::test]
async fn clients_replace_headers_that_users_have_set() {
    let traces = Traces::default();
    let layer = traces
        .client()
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("shop"));
    let mut stale = HeaderMap::new();
    for (name, value) in [
        ("traceparent", TRACEPARENT),
        ("tracestate", "stale=1"),
        ("baggage", "stale=1"),
        ("x-md-service-name", "stale"),
    ] {
        stale.append(name, HeaderValue::from_static(value));
        stale.append(name, HeaderValue::from_static(value));
    }
    let sent = sent(layer, &with_baggage(&Context::new()), &stale).await;
    let spans = traces.all(3).await;
    for (lines, span) in sent.iter().zip(&spans) {
        assert_traceparent(lines, span);
        assert_eq!(
            without_traceparent(lines),
            ["baggage: tenant=acme%20corp", "x-md-service-name: shop"],
            "the new trace has no state, so none is left"
        );
    }
}

#[tokio::test]
async fn an_unsampled_trace_is_propagated_as_unsampled() {
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let traces = Traces::with_sampler(sampler);
    let cx = remote(TraceFlags::default(), "a=1");
    for lines in sent(traces.client(), &cx, &HeaderMap::new()).await {
        let [traceparent, tracestate] = &lines[..] else {
            panic!("{lines:?}")
        };
        let start = format!("traceparent: 00-{TRACE_ID}-");
        assert!(
            traceparent.starts_with(&start) && traceparent.ends_with("-00"),
            "{traceparent}"
        );
        assert!(
            !traceparent.contains(PARENT_ID),
            "it has a span id of its own"
        );
        assert_eq!(tracestate, "tracestate: a=1");
    }
    assert_eq!(traces.started(), 0);
}

#[tokio::test]
async fn with_propagator_replaces_the_default_headers() {
    let traces = Traces::default();
    let layer = traces
        .client()
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("shop"))
        .with_propagator(Baggage::new());
    let cx = with_baggage(&remote(TraceFlags::SAMPLED, ""));
    for lines in sent(layer, &cx, &HeaderMap::new()).await {
        assert_eq!(lines, ["baggage: tenant=acme%20corp"]);
    }

    // And on a server.
    let server = traces.server().with_propagator(Baggage::new());
    let service = server.layer(tower::service_fn(handler));
    let request = Request::get("/")
        .header("traceparent", TRACEPARENT)
        .header("baggage", "tenant=acme");
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "acme");
    assert_root(&traces::server(&traces.all(4).await));
}

/// Answers with the baggage's tenant.
async fn handler(_: Request<()>) -> Result<Response<String>, std::convert::Infallible> {
    let tenant = Context::map_current(|cx| {
        cx.baggage()
            .get("tenant")
            .map(ToString::to_string)
            .unwrap_or_default()
    });
    Ok(Response::new(tenant))
}

#[tokio::test]
async fn servers_continue_the_callers_trace() {
    for name in ["application/grpc", "text/plain"] {
        let traces = Traces::default();
        let server = traces
            .server()
            .with_conventions(|conventions| conventions.opt_in(OptIn::ServicePeerName));
        let service = server.layer(tower::service_fn(handler));
        let request = Request::post("/a.B/C")
            .header("content-type", name)
            .header("traceparent", TRACEPARENT)
            .header("tracestate", "a=1")
            .header("tracestate", "b=2")
            .header("baggage", "tenant=acme%20corp")
            .header("x-md-service-name", "till");
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(net::read(response).await.unwrap(), "acme corp");
        let span = traces::server(&traces.all(1).await);
        assert_eq!(span.span_context.trace_id().to_string(), TRACE_ID);
        assert_eq!(span.span_context.trace_state().header(), "a=1,b=2");
        assert_eq!(span.parent_span_id.to_string(), PARENT_ID);
        assert!(span.parent_span_is_remote);
        assert_eq!(text(&span, "service.peer.name"), Some("till"));
    }
}

#[tokio::test]
async fn filtered_calls_propagate_the_trace() {
    let traces = Traces::default();
    let filtered = Traces::default();
    let seen = Seen::default();
    let last = seen.serve().await;

    // The service in the middle has filters on both of its layers.
    let client = net::connect(
        filtered
            .client()
            .with_propagator(lianlu::propagation::default_propagator().with_caller_name("middle"))
            .with_filter(|head| head.path() != "/"),
        Version::HTTP_11,
    );
    let app = Router::new()
        .route(
            "/pass",
            get(async move || net::fetch(&client, last, "/").await),
        )
        .route("/seen", get(async || "seen"))
        .layer(filtered.server().with_filter(|head| {
            assert_eq!(head.method(), Method::GET);
            assert!(head.headers().contains_key("traceparent"));
            head.path() == "/seen"
        }));
    let middle = net::serve(app).await;

    let first = net::connect(traces.client(), Version::HTTP_11);
    let cx = with_baggage(&Context::new());
    let response = net::get(&first, middle, "/pass").with_context(cx).await;
    assert_eq!(net::read(response.unwrap()).await.unwrap(), "hello");
    let lines = propagated(&seen.take());
    let span = traces::client(&traces.all(1).await);
    assert_traceparent(&lines, &span);
    assert_eq!(
        without_traceparent(&lines),
        ["baggage: tenant=acme%20corp", "x-md-service-name: middle"]
    );
    assert_eq!(filtered.started(), 0);

    net::get(&first, middle, "/seen").await.unwrap();
    let server = traces::server(&filtered.all(1).await);
    let client = traces.all(2).await.pop().unwrap();
    assert_child(&server, &client);
}

/// By the current context, over HTTP and gRPC.
#[tokio::test]
async fn a_trace_crosses_two_hops() {
    let traces = Traces::default();
    let (grpc, _) = echo::pair(&traces).await;
    let address = net::serve_root(traces.server(), async move || {
        let mut grpc = grpc.clone();
        let reply = grpc.unary(message("hello", 0)).await.unwrap();
        reply.into_inner().text
    })
    .await;
    let client = net::connect(traces.client(), Version::HTTP_2);
    assert_eq!(net::fetch(&client, address, "/").await, "hello");
    let spans = traces.all(4).await;
    let (grpc, http): (Vec<_>, Vec<_>) = spans
        .into_iter()
        .partition(|span| attr(span, "rpc.method").is_some());
    assert_child(&traces::server(&grpc), &traces::client(&grpc));
    assert_child(&traces::client(&grpc), &traces::server(&http));
    assert_child(&traces::server(&http), &traces::client(&http));
    assert_root(&traces::client(&http));
}

/// Over HTTP as UTF-8, over gRPC percent-encoded. Opt-in: any caller can send any name.
#[tokio::test]
async fn the_callers_service_name_is_on_the_server_span_if_enabled() {
    for is_enabled in [false, true] {
        for name in ["till", "链路"] {
            let traces = Traces::default();
            let mut server = traces.server();
            if is_enabled {
                server = server
                    .with_conventions(|conventions| conventions.opt_in(OptIn::ServicePeerName));
            }
            let layer = traces
                .client()
                .with_propagator(lianlu::propagation::default_propagator().with_caller_name(name));
            let address = echo::serve(server.clone(), Echo::new(&traces)).await;
            let mut client = echo::connect(layer.clone(), address).await;
            client.unary(message("hello", 0)).await.unwrap();
            let address = net::serve_root(server, async || "hello").await;
            let client = net::connect(layer, Version::HTTP_11);
            net::fetch(&client, address, "/").await;
            for span in traces.all(4).await {
                let is_server = span.span_kind == SpanKind::Server;
                let expected = (is_server && is_enabled).then_some(name);
                assert_eq!(text(&span, "service.peer.name"), expected, "{span:#?}");
            }
        }
    }
}

#[tokio::test]
async fn with_caller_name_after_with_propagator_restores_the_default_headers() {
    let traces = Traces::default();
    let cx = with_baggage(&Context::new());
    let layer = traces
        .client()
        .with_propagator(TraceContext::new())
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("till"));
    for lines in sent(layer, &cx, &HeaderMap::new()).await {
        assert_eq!(
            without_traceparent(&lines),
            ["baggage: tenant=acme%20corp", "x-md-service-name: till"]
        );
    }
}
