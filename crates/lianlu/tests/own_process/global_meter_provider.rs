//! Layers without a meter provider of their own use the global one of the moment.

use std::sync::LazyLock;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{Meter, MeterProvider};

use crate::common::echo::{self, Echo, message};
use crate::common::metrics::{Metrics, Values};
use crate::common::traces::Traces;
use crate::own_process::is_alone;

const SERVER: &str = "rpc.server.call.duration";
const CLIENT: &str = "rpc.client.call.duration";

static VALUES: LazyLock<Values> = LazyLock::new(Values::default);

/// A zero-sized provider, like the no-op one.
struct InStatics;

impl MeterProvider for InStatics {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        VALUES.meter_with_scope(scope)
    }
}

#[tokio::test]
async fn layers_follow_each_change() {
    if !is_alone(&this_test!()) {
        return;
    }
    let traces = Traces::default();
    let call = async |client: &mut echo::EchoClient| {
        client.unary(message("hello", 0)).await.unwrap();
    };
    // Built and used before a provider is set.
    let address = echo::serve(traces.server(), Echo::default()).await;
    let mut old = echo::connect(traces.client(), address).await;
    call(&mut old).await;

    // Through OpenTelemetry's own function only layers without calls so far notice the change.
    let first = Metrics::default();
    opentelemetry::global::set_meter_provider(first.provider.clone());
    let mut fresh = echo::connect(traces.client(), address).await;
    call(&mut old).await;
    call(&mut fresh).await;
    first.counted(CLIENT, 1).await;
    assert!(first.of(SERVER).is_empty());

    let second = Metrics::default();
    let open = old.server_stream(message("wait to end", 1)).await.unwrap();
    lianlu::set_meter_provider(second.provider.clone());
    call(&mut old).await;
    call(&mut fresh).await;
    second.counted(CLIENT, 2).await;
    second.counted(SERVER, 2).await;
    // A call that began without a provider stays unmeasured.
    drop(open);
    traces.all(12).await;
    first.counted(CLIENT, 1).await;
    second.counted(CLIENT, 2).await;

    // A zero-sized provider must not be taken for the no-op one.
    lianlu::set_meter_provider(InStatics);
    call(&mut old).await;
    assert_eq!(VALUES.of(CLIENT).len(), 1);
    lianlu::set_meter_provider(second.provider.clone());

    // Layers without metrics, or with a provider of their own, ignore the global one.
    let own = Metrics::default();
    let layer = own.on(traces.client());
    let mut own_client = echo::connect(layer, address).await;
    let mut off = echo::connect(
        traces.client().with_metrics(|metrics| metrics.off()),
        address,
    )
    .await;
    call(&mut own_client).await;
    call(&mut off).await;
    own.counted(CLIENT, 1).await;
    second.counted(SERVER, 4).await;
    second.counted(CLIENT, 2).await;
}
