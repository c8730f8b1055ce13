//! Span processors see the spans of layers.

use ::http::{StatusCode, Version};
use lianlu::pipeline::BaggageAttributes;
use lianlu::{Context, KeyValue};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::FutureExt;

use crate::common::echo::{self, message};
use crate::common::http as net;
use crate::common::traces::{Traces, assert_fine, text};

#[tokio::test]
async fn baggage_becomes_attributes_of_calls() {
    let processor = BaggageAttributes::matching(|key| key.as_str() == "tenant");
    let traces = Traces::ours(|builder| builder.with_span_processor(processor));
    let baggage = [
        KeyValue::new("tenant", "acme"),
        KeyValue::new("secret", "x"),
    ];
    let baggage = Context::new().with_baggage(baggage);
    let (mut client, _) = echo::pair(&traces).await;
    let call = client.unary(message("hello", 0));
    call.with_context(baggage.clone()).await.unwrap();
    let address = net::serve_root(traces.server(), async || StatusCode::OK).await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    let call = net::get(&client, address, "/").with_context(baggage);
    net::read(call.await.unwrap()).await.unwrap();
    for span in traces.all(4).await {
        assert_fine(&span);
        assert_eq!(text(&span, "tenant"), Some("acme"), "{span:#?}");
        assert_eq!(text(&span, "secret"), None);
    }
}
