//! The call's span is current when its metrics are recorded, for providers with exemplars. (The SDK
//! has none, so a provider of these tests looks.)

use axum::Router;
use axum::routing::{get, post};
use http::Version;
use http_body_util::BodyExt;
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, TraceContextExt};
use opentelemetry_sdk::trace::{Sampler, SpanData};

use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::metrics::{Measured, Values};
use crate::common::soon;
use crate::common::traces::Traces;

const DURATIONS: [&str; 2] = [
    "http.server.request.duration",
    "http.client.request.duration",
];
const CALLS: [&str; 2] = ["rpc.server.call.duration", "rpc.client.call.duration"];

/// Waits for the value: a client has its answer before the server has recorded.
async fn measured(values: &Values, name: &str) -> Measured {
    let found = soon(async {
        loop {
            match &values.of(name)[..] {
                [] => tokio::time::sleep(std::time::Duration::from_millis(1)).await,
                [one] => return one.clone(),
                more => panic!("{more:#?}"),
            }
        }
    });
    found.await
}

async fn assert_bridged(values: &Values, names: [&str; 2], traces: &Traces) {
    let (client, server): (SpanData, SpanData) = traces.pair().await;
    for (name, span) in names.into_iter().zip([server, client]) {
        let measured = measured(values, name).await;
        assert_eq!(measured.span, span.span_context, "{measured:#?}");
        assert!(measured.span.is_valid() && measured.span.is_sampled());
    }
}

async fn http(values: &Values, traces: &Traces) -> (net::HttpClient, std::net::SocketAddr) {
    let app = Router::new()
        .route("/", get(async || "hello"))
        .route("/echo", post(async |body: String| body))
        .route(
            "/endless",
            get(async || response(None, scripted([Step::Data("hel"), Step::Hang]))),
        )
        .layer(
            values
                .on(traces.server())
                .with_metrics(|metrics| metrics.body_sizes()),
        );
    let address = net::serve(app).await;
    let client = values.on(traces.client());
    (
        net::connect(
            client.with_metrics(|metrics| metrics.body_sizes()),
            Version::HTTP_2,
        ),
        address,
    )
}

#[tokio::test]
async fn the_span_is_current_for_http_metrics() {
    let (traces, values) = (Traces::default(), Values::default());
    let (client, address) = http(&values, &traces).await;
    net::fetch(&client, address, "/").await;
    assert_bridged(&values, DURATIONS, &traces).await;
    for name in [
        "http.server.response.body.size",
        "http.client.response.body.size",
    ] {
        let size = measured(&values, name).await;
        assert!(size.span.is_valid(), "{size:#?}");
    }
}

#[tokio::test]
async fn the_span_is_current_when_the_body_is_dropped_in_another_context() {
    let (traces, values) = (Traces::default(), Values::default());
    let (client, address) = http(&values, &traces).await;
    let mut response = net::get(&client, address, "/endless").await.unwrap();
    soon(response.body_mut().frame()).await.unwrap().unwrap();
    let other = Traces::default().root("other");
    async move { drop(response) }.with_context(other).await;
    assert_bridged(&values, DURATIONS, &traces).await;
    // The context is restored afterwards.
    assert!(!Context::current().has_active_span());
}

#[tokio::test]
async fn the_span_is_current_for_grpc_metrics() {
    let (traces, values) = (Traces::default(), Values::default());
    let server = values.on(traces.server());
    let address = echo::serve(server, Echo::new(&traces)).await;
    let client = values.on(traces.client());
    let mut client = echo::connect(client, address).await;
    let replies = client.server_stream(message("fail 13 oh", 2)).await;
    let mut replies = replies.unwrap().into_inner();
    while let Ok(Some(_)) = soon(replies.message()).await {}
    assert_bridged(&values, CALLS, &traces).await;
}

#[tokio::test]
async fn the_span_context_of_an_unsampled_call_is_current() {
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let values = Values::default();
    let (client, address) = http(&values, &traces).await;
    net::fetch(&client, address, "/").await;
    let [server, client] = DURATIONS.map(|name| measured(&values, name));
    let (server, client) = (server.await.span, client.await.span);
    assert_eq!(server.trace_id(), client.trace_id());
    assert_ne!(server.span_id(), client.span_id());
    assert!(server.is_valid() && !server.is_sampled() && !client.is_sampled());
}
