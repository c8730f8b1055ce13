//! An HTTP span is open until the end of the body, and not longer.

use ::http::Version;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::traces::Traces;
use crate::common::{Gate, soon};

/// Serves a body of two pieces: `hel`, and `lo` when the gate opens.
async fn serve(traces: &Traces, length: Option<u64>) -> (std::net::SocketAddr, Gate) {
    let gate = Gate::default();
    let handler = {
        let gate = gate.clone();
        get(async move || -> Response {
            response(
                length,
                scripted([Step::Data("hel"), Step::Wait(gate), Step::Data("lo")]),
            )
        })
    };
    let app = Router::new().route("/", handler).layer(traces.server());
    (net::serve(app).await, gate)
}

#[tokio::test]
async fn both_spans_are_open_until_the_body_ends() {
    for version in VERSIONS {
        for length in [None, Some(5)] {
            let traces = Traces::default();
            let (address, gate) = serve(&traces, length).await;
            let client = net::connect(traces.client(), version);
            let mut response = net::get(&client, address, "/").await.unwrap();
            let piece = soon(response.body_mut().frame()).await.unwrap().unwrap();
            assert_eq!(piece.into_data().unwrap(), "hel");
            assert_eq!(
                (traces.started(), traces.finished().len()),
                (2, 0),
                "half of the body is still to come"
            );
            gate.open();
            assert_eq!(net::read(response).await.unwrap(), "lo");
            traces.fine_pair().await;
        }
    }
}

#[tokio::test]
async fn reqwest_spans_are_open_until_the_body_ends() {
    let traces = Traces::default();
    let (address, gate) = serve(&traces, None).await;
    let request = net::reqwest_get(&format!("http://{address}/"));
    let response = soon(net::reqwest(traces.client()).oneshot(request)).await;
    let mut response = response.unwrap();
    assert_eq!(soon(response.chunk()).await.unwrap().unwrap(), "hel");
    assert_eq!((traces.started(), traces.finished().len()), (2, 0));
    gate.open();
    assert_eq!(soon(response.text()).await.unwrap(), "lo");
    traces.fine_pair().await;
}

/// Also when the end of the body is never polled.
#[tokio::test]
async fn spans_end_with_the_last_byte_of_the_content_length() {
    let traces = Traces::default();
    let (address, gate) = serve(&traces, Some(5)).await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    let mut response = net::get(&client, address, "/").await.unwrap();
    gate.open();
    let mut received = 0;
    while received < 5 {
        let piece = soon(response.body_mut().frame()).await.unwrap().unwrap();
        received += piece.into_data().unwrap().len();
    }
    // The response has not been dropped yet.
    traces.fine_pair().await;
    drop(response);
}
