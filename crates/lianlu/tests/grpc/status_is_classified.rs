//! Each gRPC status on the two spans, wherever in the response it is sent.

use opentelemetry::trace::Status;
use tonic::Code;

use crate::common::echo::{self, message};
use crate::common::traces::{Traces, assert_error, assert_fine, attr, int, rpc_status};

/// Number, name, and whether a server counts it as an error.
const CODES: [(i32, &str, bool); 17] = [
    (0, "OK", false),
    (1, "CANCELLED", false),
    (2, "UNKNOWN", true),
    (3, "INVALID_ARGUMENT", false),
    (4, "DEADLINE_EXCEEDED", true),
    (5, "NOT_FOUND", false),
    (6, "ALREADY_EXISTS", false),
    (7, "PERMISSION_DENIED", false),
    (8, "RESOURCE_EXHAUSTED", false),
    (9, "FAILED_PRECONDITION", false),
    (10, "ABORTED", false),
    (11, "OUT_OF_RANGE", false),
    (12, "UNIMPLEMENTED", true),
    (13, "INTERNAL", true),
    (14, "UNAVAILABLE", true),
    (15, "DATA_LOSS", true),
    (16, "UNAUTHENTICATED", false),
];

async fn check(traces: &Traces, name: &str, server_error: bool, sent: i64) {
    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_eq!(rpc_status(span), Some(name));
        assert_eq!(int(span, "lianlu.rpc.response.messages"), Some(sent));
    }
    if name == "OK" {
        assert_fine(&client);
    } else {
        assert_eq!(assert_error(&client, name), "it is 100% this: ä");
    }
    if server_error {
        assert_eq!(assert_error(&server, name), "it is 100% this: ä");
    } else {
        assert_fine(&server);
    }
}

#[tokio::test]
async fn in_a_trailers_only_response() {
    for (code, name, server_error) in CODES.into_iter().skip(1) {
        let traces = Traces::default();
        let (mut client, _) = echo::pair(&traces).await;
        let status = client
            .unary(message(&format!("fail {code} it is 100% this: ä"), 0))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::from_i32(code));
        check(&traces, name, server_error, 0).await;
    }
}

#[tokio::test]
async fn in_trailers_after_messages() {
    for (code, name, server_error) in CODES {
        let traces = Traces::default();
        let (mut client, _) = echo::pair(&traces).await;
        let text = match code {
            0 => "all is well".to_owned(),
            _ => format!("fail {code} it is 100% this: ä"),
        };
        let reply = client.server_stream(message(&text, 2)).await.unwrap();
        let mut replies = reply.into_inner();
        for _ in 0..2 {
            replies.message().await.unwrap().unwrap();
        }
        match replies.message().await {
            Ok(end) => assert_eq!((code, end), (0, None)),
            Err(status) => assert_eq!(status.code(), Code::from_i32(code)),
        }
        check(&traces, name, server_error, 2).await;
    }
}

/// The response head has been sent separately.
#[tokio::test]
async fn in_trailers_of_an_empty_stream() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let reply = client.server_stream(message("fail 13 it is 100% this: ä", 0));
    let mut replies = reply.await.unwrap().into_inner();
    assert_eq!(replies.message().await.unwrap_err().code(), Code::Internal);
    check(&traces, "INTERNAL", true, 0).await;
}

#[tokio::test]
async fn a_status_without_a_message_has_no_description() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    client.unary(message("fail 13 ", 0)).await.unwrap_err();
    let (client, server) = traces.pair().await;
    assert_eq!(client.status, Status::error(""));
    assert_eq!(server.status, Status::error(""));
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented_on_both_sides() {
    use lianlu_protos::shop::GetItemRequest;
    use lianlu_protos::shop::catalog_client::CatalogClient;
    use tower::ServiceBuilder;

    let traces = Traces::default();
    let address = echo::serve(traces.server(), echo::Echo::new(&traces)).await;
    let channel = echo::channel(address).connect().await.unwrap();
    let channel = ServiceBuilder::new()
        .layer(traces.client())
        .service(channel);
    let request = GetItemRequest::default();
    let status = CatalogClient::new(channel)
        .get_item(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);

    let (client, server) = traces.pair().await;
    for span in [client, server] {
        assert_eq!(rpc_status(&span), Some("UNIMPLEMENTED"));
        assert_error(&span, "UNIMPLEMENTED");
        assert_eq!(attr(&span, "http.response.status_code"), None);
    }
}
