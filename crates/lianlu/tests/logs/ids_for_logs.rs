//! `trace_id()`, `span_id()` and `trace_attrs()` return the ids of the current span.

use opentelemetry_sdk::trace::SpanData;

use crate::common::echo::{self, message};
use crate::common::http as net;
use crate::common::traces::{Traces, server};

fn ids(span: &SpanData) -> String {
    format!(
        "{} {}",
        span.span_context.trace_id(),
        span.span_context.span_id()
    )
}

#[tokio::test]
async fn ids_in_a_grpc_handler() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let reply = client.unary(message("ids", 0)).await.unwrap();
    let (_, server) = traces.pair().await;
    assert_eq!(reply.get_ref().text, ids(&server));
    assert_eq!(reply.get_ref().text.len(), 32 + 1 + 16);
}

#[tokio::test]
async fn ids_in_an_http_handler() {
    let traces = Traces::default();
    let address = net::serve_root(traces.server(), async || {
        tokio::task::yield_now().await;
        let attributes = lianlu::trace_attrs();
        let keys = attributes
            .each_ref()
            .map(|attribute| attribute.key.as_str());
        assert_eq!(keys, ["trace_id", "span_id"]);
        let [trace_id, span_id] = attributes.map(|attribute| attribute.value.to_string());
        assert_eq!(
            (&trace_id, &span_id),
            (&lianlu::trace_id(), &lianlu::span_id())
        );
        format!("{trace_id} {span_id}")
    })
    .await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_2);
    let text = net::fetch(&client, address, "/").await;
    assert_eq!(text, ids(&server(&traces.all(2).await)));
}

#[tokio::test]
async fn ids_outside_of_a_call_are_empty() {
    assert_eq!(lianlu::trace_id(), "");
    assert_eq!(lianlu::span_id(), "");
    let values = lianlu::trace_attrs().map(|attribute| attribute.value.to_string());
    assert_eq!(values, ["", ""]);
}
