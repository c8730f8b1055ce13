//! The layers work wherever users place them.

use std::convert::Infallible;
use std::time::Duration;

use ::http::{Method, Request, Response, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu_protos::testing::echo_client::EchoClient;
use lianlu_protos::testing::echo_server::EchoServer;
use opentelemetry::trace::SpanKind;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};

use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net};
use crate::common::traces::{self, Traces, assert_error, assert_fine, named, text};
use crate::common::{listen, soon};

fn assert_kind<T: Clone + Send + Sync + 'static>(_: &T) {}

#[tokio::test]
async fn layers_and_services_are_clone_send_and_sync() {
    let traces = Traces::default();
    assert_kind(&traces.server());
    assert_kind(&traces.client());
    assert_kind(&lianlu::metadata::server());
    assert_kind(&lianlu::metadata::client());

    let service = tower::service_fn(net::answer::<()>);
    assert_kind(&traces.server().layer(service));
    assert_kind(&lianlu::metadata::server().layer(service));

    let channel = echo::channel(crate::common::closed_port().await).connect_lazy();
    assert_kind(&traces.client().layer(channel));
    let http = net::connect(traces.client(), Version::HTTP_11);
    assert_kind(&http);
    assert_kind(&net::reqwest(traces.client()));
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&http.clone().oneshot(net::request(
        Method::GET,
        crate::common::closed_port().await,
        "/",
    )));
}

#[tokio::test]
async fn around_a_plain_tower_service() {
    let traces = Traces::default();
    let mut service = ServiceBuilder::new()
        .layer(traces.client())
        .layer(traces.server())
        .service_fn(async |request: Request<String>| {
            Ok::<_, Infallible>(Response::new(request.into_body()))
        });
    let request = Request::get("http://shop.example/").body("hello".to_owned());
    let service = service.ready().await.unwrap();
    let response = service.call(request.unwrap()).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "hello");
    traces.fine_pair().await;
}

/// Whose error type is a box.
#[tokio::test]
async fn outside_of_a_timeout_that_is_not_reached() {
    let traces = Traces::default();
    let service = ServiceBuilder::new()
        .layer(traces.server())
        .timeout(Duration::from_secs(60))
        .service_fn(async |_: Request<()>| Ok::<_, BoxError>(Response::new(String::new())));
    service.oneshot(Request::new(())).await.unwrap();
    assert_fine(&traces::server(&traces.all(1).await));
}

#[tokio::test]
async fn outside_of_a_timeout_the_timeout_is_an_error() {
    let traces = Traces::default();
    let service = ServiceBuilder::new()
        .layer(traces.client())
        .timeout(Duration::from_millis(1))
        .service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<String>, Infallible>>()
        });
    soon(service.oneshot(Request::new(()))).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert_eq!(assert_error(&span, "timeout"), "request timed out");
}

#[tokio::test]
async fn inside_of_a_timeout_the_call_is_cancelled() {
    let traces = Traces::default();
    let service = ServiceBuilder::new()
        .timeout(Duration::from_millis(1))
        .layer(traces.server())
        .service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<String>, Infallible>>()
        });
    soon(service.oneshot(Request::new(()))).await.unwrap_err();
    traces::assert_cancelled(&traces::server(&traces.all(1).await));
}

#[tokio::test]
async fn a_timeout_inside_of_a_client_layer_is_an_error() {
    let traces = Traces::default();
    let address = echo::serve(traces.server(), Echo::new(&traces)).await;
    let channel = echo::channel(address).connect().await.unwrap();
    let channel = ServiceBuilder::new()
        .layer(traces.client())
        .timeout(Duration::from_millis(20))
        .service(channel);
    let mut client = EchoClient::new(channel);
    soon(client.unary(message("hang", 0))).await.unwrap_err();
    let (client, server) = traces.pair().await;
    assert_error(&client, "timeout");
    traces::assert_cancelled(&server);
}

#[tokio::test]
async fn as_route_layer_other_routes_are_not_traced() {
    let traces = Traces::default();
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route_layer(traces.server())
        .route("/untraced", get(async || "nothing"));
    let address = net::serve(app).await;
    for path in ["/orders/7", "/untraced", "/nowhere"] {
        let request = net::request(Method::GET, address, path);
        net::send(Version::HTTP_11, request).await;
    }
    named(&traces.all(1).await, "GET /orders/{id}");
}

#[tokio::test]
async fn around_one_method_router() {
    let traces = Traces::default();
    let app = Router::new().route(
        "/orders/{id}",
        get(async || "an order").layer::<_, Infallible>(traces.server()),
    );
    let address = net::serve(app).await;
    let request = net::request(Method::GET, address, "/orders/7");
    net::send(Version::HTTP_11, request).await;
    named(&traces.all(1).await, "GET /orders/{id}");
}

#[tokio::test]
async fn around_a_whole_router() {
    let traces = Traces::default();
    let app = Router::new().route("/orders/{id}", get(async || "an order"));
    // axum serves responses with its own body type only.
    let service = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(traces.server())
        .service(app);
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let service = axum::ServiceExt::<Request<Body>>::into_make_service(service);
        axum::serve(listener, service).await
    });
    let client = net::connect(traces.client(), Version::HTTP_11);
    assert_eq!(net::fetch(&client, address, "/orders/7").await, "an order");
    let (_, server) = traces.pair().await;
    assert_eq!(
        server.name, "GET",
        "the route is not known outside of the router"
    );
    assert_eq!(text(&server, "url.path"), Some("/orders/7"));
}

#[tokio::test]
async fn around_axum_and_tonic_on_one_port() {
    let traces = Traces::default();
    let app = tonic::service::Routes::new(EchoServer::new(Echo::new(&traces)))
        .into_axum_router()
        .route("/orders/{id}", get(async || "an order"))
        .layer(traces.server());
    let address = net::serve(app).await;
    let mut grpc = echo::connect(traces.client(), address).await;
    let reply = grpc.unary(message("hello", 0)).await.unwrap();
    assert_eq!(reply.get_ref().text, "hello");
    let http = net::connect(traces.client(), Version::HTTP_11);
    assert_eq!(net::fetch(&http, address, "/orders/7").await, "an order");

    let spans = traces.all(4).await;
    let servers = traces::of_kind(&spans, &SpanKind::Server);
    assert_eq!(servers.len(), 2);
    let rpc = named(&servers, "lianlu.testing.Echo/Unary");
    assert_eq!(text(&rpc, "rpc.system.name"), Some("grpc"));
    assert_eq!(text(&rpc, "http.request.method"), None);
    let page = named(&servers, "GET /orders/{id}");
    assert_eq!(text(&page, "http.request.method"), Some("GET"));
    assert_eq!(text(&page, "rpc.system.name"), None);
}

#[tokio::test]
async fn beside_other_layers_of_tonic() {
    let traces = Traces::default();
    let (listener, address) = listen().await;
    let layers = ServiceBuilder::new()
        .layer(traces.server())
        .layer(lianlu::metadata::server())
        .timeout(Duration::from_secs(60));
    let server = tonic::transport::Server::builder()
        .layer(layers)
        .concurrency_limit_per_connection(8)
        .timeout(Duration::from_secs(60))
        .add_service(EchoServer::new(Echo::new(&traces)));
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(server.serve_with_incoming(incoming));
    let channel = echo::channel(address).connect().await.unwrap();
    let channel = ServiceBuilder::new()
        .layer(traces.client())
        .layer(lianlu::metadata::client())
        .service(channel);
    let interceptor = |request: tonic::Request<()>| Ok(request);
    let mut client = EchoClient::with_interceptor(channel, interceptor);
    client.unary(message("hello", 0)).await.unwrap();
    traces.fine_pair().await;
}

#[tokio::test]
async fn reqwests_response_is_passed_on_unchanged() {
    let traces = Traces::default();
    let app = Router::new()
        .route(
            "/old",
            get(async || axum::response::Redirect::to("/new?a=1")),
        )
        .route("/new", get(async || ([("x-kind", "new")], "hello")));
    let address = net::serve(app).await;
    let mut client = net::reqwest(traces.client());
    let request = reqwest::Client::new().get(format!("http://{address}/old"));
    let request = request.build().unwrap();
    let response = client.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.url().as_str(), format!("http://{address}/new?a=1"));
    assert_eq!(response.remote_addr(), Some(address));
    assert_eq!(response.status(), 200);
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(response.headers()["x-kind"], "new");
    assert_eq!(response.content_length(), Some(5));
    let response = response.error_for_status().unwrap();
    assert_eq!(soon(response.text()).await.unwrap(), "hello");

    // A redirect is part of the call.
    let span = traces::client(&traces.all(1).await);
    assert_fine(&span);
    assert_eq!(
        text(&span, "url.full"),
        Some(format!("http://{address}/old").as_str())
    );
}

#[tokio::test]
async fn reqwests_status_errors_are_passed_on() {
    let traces = Traces::default();
    let address = net::serve(Router::new()).await;
    let request = net::reqwest_get(&format!("http://{address}/nowhere?q=1"));
    let response = net::reqwest(traces.client())
        .oneshot(request)
        .await
        .unwrap();
    let error = response.error_for_status_ref().unwrap_err();
    assert_eq!(error.status().unwrap(), 404);
    assert_eq!(error.url().unwrap().path(), "/nowhere");
    drop(response);
    assert_error(&traces::client(&traces.all(1).await), "404");
}
