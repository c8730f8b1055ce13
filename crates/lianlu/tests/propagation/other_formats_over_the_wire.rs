//! B3, Jaeger and X-Ray headers between services, over gRPC and HTTP, and malformed ones.

use ::http::{HeaderValue, Method, Version};
use axum::Router;
use lianlu::propagation::from_names;

use crate::common::echo::{self, Echo, message};
use crate::common::traces::{self, Traces, assert_child, assert_root};
use crate::common::{PARENT_ID, TRACE_ID, TRACEPARENT, http as net, soon};

#[tokio::test]
async fn each_format_carries_the_trace_over_two_hops() {
    for name in ["b3", "b3multi", "jaeger", "xray"] {
        let propagator = || from_names([name]).unwrap();
        let traces = Traces::default();
        let grpc = echo::serve(
            traces.server().with_propagator(propagator()),
            Echo::default(),
        )
        .await;
        let grpc = echo::connect(traces.client().with_propagator(propagator()), grpc).await;
        let http = net::serve_root(
            traces.server().with_propagator(propagator()),
            async move || {
                grpc.clone()
                    .unary(message("hello", 0))
                    .await
                    .unwrap()
                    .into_inner()
                    .text
            },
        )
        .await;
        let client = net::connect(
            traces.client().with_propagator(propagator()),
            Version::HTTP_11,
        );
        assert_eq!(net::fetch(&client, http, "/").await, "hello");
        let spans = traces.all(4).await;
        let (grpc, http): (Vec<_>, Vec<_>) = spans
            .into_iter()
            .partition(|span| traces::attr(span, "rpc.method").is_some());
        assert_child(&traces::server(&grpc), &traces::client(&grpc));
        assert_child(&traces::client(&grpc), &traces::server(&http));
        assert_child(&traces::server(&http), &traces::client(&http));
        assert_root(&traces::client(&http));
    }
}

#[tokio::test]
async fn a_malformed_header_does_not_affect_a_valid_one() {
    let traces = Traces::default();
    let every = from_names([
        "tracecontext",
        "baggage",
        "b3",
        "b3multi",
        "jaeger",
        "xray",
        "servicename",
    ]);
    let app = Router::new()
        .fallback(async || "hello")
        .layer(traces.server().with_propagator(every.unwrap()));
    let address = net::serve(app).await;
    let client = net::plain(Version::HTTP_11);
    let good = [
        ("traceparent", TRACEPARENT.to_owned()),
        ("b3", format!("{TRACE_ID}-{PARENT_ID}-1")),
        ("uber-trace-id", format!("{TRACE_ID}:{PARENT_ID}:0:1")),
        (
            "x-amzn-trace-id",
            format!(
                "Root=1-{}-{};Parent={PARENT_ID};Sampled=1",
                &TRACE_ID[..8],
                &TRACE_ID[8..]
            ),
        ),
    ];
    let names = [
        "traceparent",
        "b3",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-sampled",
        "x-b3-flags",
        "uber-trace-id",
        "uberctx-a",
        "x-amzn-trace-id",
        "x-md-service-name",
        "baggage",
    ];
    let long = vec![b'0'; 10_000];
    let values: [&[u8]; 6] = [b"", b"%", b"\xff\xfe", b"\t", b"0", &long];
    let mut sent = 0;
    for (good, value) in &good {
        for bad in names.iter().filter(|bad| *bad != good) {
            for garbage in values {
                let mut request = net::request(Method::GET, address, "/");
                request.headers_mut().insert(*good, value.parse().unwrap());
                request
                    .headers_mut()
                    .insert(*bad, HeaderValue::from_bytes(garbage).unwrap());
                let response = soon(client.request(request)).await.unwrap();
                assert_eq!(net::read(response).await.unwrap(), "hello");
                sent += 1;
            }
        }
    }
    for span in traces.all(sent).await {
        assert_eq!(span.span_context.trace_id().to_string(), TRACE_ID);
        assert_eq!(span.parent_span_id.to_string(), PARENT_ID);
    }
}
