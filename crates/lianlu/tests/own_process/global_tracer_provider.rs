//! Layers without a provider of their own use the global one of the moment.

use crate::common::echo::{self, Echo, EchoClient, message};
use crate::common::traces::{Traces, client, server};
use crate::own_process::is_alone;

async fn call(client: &mut EchoClient) {
    client.unary(message("hello", 0)).await.unwrap();
}

#[tokio::test]
async fn layers_follow_each_change() {
    if !is_alone(&this_test!()) {
        return;
    }
    // Built and used before a provider is set.
    let address = echo::serve(lianlu::server(), Echo::default()).await;
    let mut old = echo::connect(lianlu::client(), address).await;
    call(&mut old).await;

    let first = Traces::default();
    first.provider.make_global();
    call(&mut old).await;
    let spans = first.all(2).await;
    assert_eq!(
        client(&spans).span_context.trace_id(),
        server(&spans).span_context.trace_id()
    );

    let second = Traces::default();
    let mut open = old.clone();
    let open = open.server_stream(message("wait to end", 1)).await.unwrap();
    second.provider.make_global();
    call(&mut old).await;
    second.all(2).await;
    // Built after it was set.
    let mut new = echo::connect(lianlu::client(), address).await;
    call(&mut new).await;
    second.all(4).await;

    // Spans of the first provider end there.
    assert_eq!((first.started(), first.finished().len()), (4, 2));
    drop(open);
    first.all(4).await;

    // A layer's own provider takes precedence.
    let own = Traces::default();
    let mut own_client = echo::connect(own.client(), address).await;
    call(&mut own_client).await;
    own.all(1).await;
    second.all(5).await;
}
