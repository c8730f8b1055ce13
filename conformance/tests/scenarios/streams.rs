//! Scenarios of sliced streams, and of spans that end with the head.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{Response, Version};
use http_body_util::BodyExt;
use lianlu::StreamEnd;
use tower::ServiceExt;

use crate::Scenario;
use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, Step, VERSIONS, scripted};
use crate::common::{Gate, soon};
use crate::grpc;
use crate::harness::Harness;
use crate::http_calls::{answered, client, number, server};

/// The shortest possible slices.
const SLICED: StreamEnd = StreamEnd::Sliced(Duration::from_millis(10));

pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for version in VERSIONS {
        all.push(http_server(version));
        all.push(http_client(version));
        all.push(headers(version));
    }
    all.push(late_route());
    for text in [
        "wait hello",
        "wait fail 13 on request",
        "wait fail 5 on request",
    ] {
        all.push(grpc_server(text));
        all.push(grpc_client(text));
    }
    all
}

/// Sends a part of the body, and the rest when the gate opens.
fn app(gate: Gate) -> Router {
    Router::new().route(
        "/events/{topic}",
        any(async move || {
            Response::new(scripted([
                Step::Data("hel"),
                Step::Wait(gate),
                Step::Data("lo"),
            ]))
        }),
    )
}

const PATH: &str = "/events/7";

/// Reads a stream of `app`, whose gate opens when two slices have ended and a third has started.
async fn read(
    layer: lianlu::ClientLayer,
    harness: &Harness,
    gate: Gate,
    app: Router,
    version: Version,
) -> std::net::SocketAddr {
    let address = net::serve(app).await;
    let request = net::request(http::Method::GET, address, PATH);
    let response = soon(net::connect(layer, version).oneshot(request));
    let body = tokio::spawn(response.await.unwrap().into_body().collect());
    soon(harness.started(3)).await;
    gate.open();
    soon(body).await.unwrap().unwrap();
    address
}

fn client_without_spans() -> lianlu::ClientLayer {
    lianlu::client().with_filter(|_| false)
}

fn http_server(version: Version) -> Scenario {
    let name = format!("http server: a sliced stream over {}", number(version));
    Scenario::new(name, async move |harness| {
        let gate = Gate::default();
        let app = app(gate.clone()).layer(harness.server().with_stream_end(|_, _| SLICED));
        let address = read(client_without_spans(), &harness, gate, app, version).await;
        let call = server(address, "GET", PATH, version).route("/events/{topic}");
        vec![call.http_status(200).sliced()]
    })
}

fn http_client(version: Version) -> Scenario {
    let name = format!("http client: a sliced stream over {}", number(version));
    Scenario::new(name, async move |harness| {
        let gate = Gate::default();
        let layer = harness.client().with_stream_end(|_, _| SLICED);
        let address = read(layer, &harness, gate.clone(), app(gate), version).await;
        let call = client(address, "GET", PATH);
        vec![answered(call, address, 200, version).sliced()]
    })
}

/// The first slice gets its route at its end; later ones start with it.
fn late_route() -> Scenario {
    Scenario::new(
        "http server: a sliced stream with a late route",
        async |harness| {
            let gate = Gate::default();
            let routes = app(gate.clone()).route_layer(lianlu::route_layer());
            let service = tower::ServiceBuilder::new()
                .map_response(|response: Response<lianlu::layer::ResponseBody<Body>>| {
                    response.map(Body::new)
                })
                .layer(harness.server().with_stream_end(|_, _| SLICED))
                .service(routes);
            let app = Router::new().fallback_service(service);
            let version = Version::HTTP_11;
            let address = read(client_without_spans(), &harness, gate, app, version).await;
            let call = server(address, "GET", PATH, version).route("/events/{topic}");
            vec![call.http_status(200).sliced()]
        },
    )
}

/// The spans end with the head, so that a failing body does not matter.
fn headers(version: Version) -> Scenario {
    let name = format!(
        "http: spans that end with the head over {}",
        number(version)
    );
    Scenario::new(name, async move |harness| {
        let gate = Gate::default();
        let app = Router::new()
            .route(
                "/breaks",
                any({
                    let gate = gate.clone();
                    async move || {
                        let wait = Step::Wait(gate);
                        Response::new(scripted([Step::Data("hel"), wait, Step::Fail]))
                    }
                }),
            )
            .layer(harness.server().with_stream_end(|_, _| StreamEnd::Headers));
        let address = net::serve(app).await;
        let layer = harness.client().with_stream_end(|_, _| StreamEnd::Headers);
        let service = net::connect(layer, version);
        let response = net::get(&service, address, "/breaks").await.unwrap();
        gate.open();
        net::read(response).await.unwrap_err();
        vec![
            answered(client(address, "GET", "/breaks"), address, 200, version),
            server(address, "GET", "/breaks", version)
                .route("/breaks")
                .http_status(200),
        ]
    })
}

fn code(text: &str) -> &'static str {
    match text {
        "wait fail 13 on request" => "INTERNAL",
        "wait fail 5 on request" => "NOT_FOUND",
        _ => "OK",
    }
}

/// Reads a stream of one message with the end that `text` asks for.
async fn call(
    harness: &Harness,
    layers: (lianlu::ServerLayer, lianlu::ClientLayer),
    text: &str,
) -> std::net::SocketAddr {
    let echo = Echo::default();
    let gate = echo.gate.clone();
    let address = echo::serve(layers.0, echo).await;
    let layer = layers.1.with_target(address.to_string());
    let mut client = echo::connect(layer, address).await;
    let reply = soon(client.server_stream(message(text, 1))).await.unwrap();
    let mut replies = reply.into_inner();
    soon(replies.message()).await.unwrap().unwrap();
    let rest = tokio::spawn(async move { while let Ok(Some(_)) = replies.message().await {} });
    soon(harness.started(3)).await;
    gate.open();
    soon(rest).await.unwrap();
    address
}

fn grpc_server(text: &'static str) -> Scenario {
    let code = code(text);
    let name = format!("grpc server: a sliced stream, {code}");
    Scenario::new(name, async move |harness| {
        let layer = harness.server().with_stream_end(|_, _| SLICED);
        let address = call(&harness, (layer, client_without_spans()), text).await;
        vec![
            grpc::server(address, "ServerStream")
                .rpc_status(code)
                .sliced(),
        ]
    })
}

fn grpc_client(text: &'static str) -> Scenario {
    let code = code(text);
    let name = format!("grpc client: a sliced stream, {code}");
    Scenario::new(name, async move |harness| {
        let layer = harness.client().with_stream_end(|_, _| SLICED);
        let address = call(&harness, (grpc::without_spans(), layer), text).await;
        vec![
            grpc::client(address, "ServerStream")
                .rpc_status(code)
                .sliced(),
        ]
    })
}
