//! A layer outside of the router learns the route when the response comes.

use std::net::SocketAddr;

use ::http::{Method, Request, Response, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use lianlu::Route;
use opentelemetry_sdk::trace::SpanData;
use tower::ServiceBuilder;

use crate::common::echo::{Echo, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::measured::Measured;
use crate::common::traces::{self, Traces, attr, text};
use crate::common::{echo, listen, soon};

/// Serves `app` with the layer around the whole of it.
async fn serve(layer: lianlu::ServerLayer, app: Router) -> SocketAddr {
    let service = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(layer)
        .service(app);
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let service = axum::ServiceExt::<Request<Body>>::into_make_service(service);
        axum::serve(listener, service).await
    });
    address
}

async fn call(address: SocketAddr, method: Method, path: &str) {
    let request = net::request(method, address, path);
    let response = soon(net::plain(Version::HTTP_11).request(request)).await;
    net::read(response.unwrap()).await.unwrap();
}

/// Name and route of a call's span. The path is in neither.
async fn seen(app: Router, method: Method, path: &str) -> (String, Option<String>) {
    let traces = Traces::default();
    let measured = Measured::default();
    let layer = traces
        .server()
        .with_meter_provider(measured.provider.clone());
    let address = serve(layer, app).await;
    call(address, method, path).await;
    let span = traces::server(&traces.all(1).await);
    assert_eq!(text(&span, "url.path"), Some(path));
    let route = text(&span, "http.route").map(str::to_owned);
    assert!(!span.name.contains("secret") && !format!("{route:?}").contains("secret"));
    assert!(!span.name.contains("private"), "axum's own parameters");
    let series = measured.of("http.server.request.duration", 1).await;
    assert_eq!(series[0].labels.get("http.route"), route.as_ref());
    (span.name.to_string(), route)
}

fn routed(name: &str, route: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(route.to_owned()))
}

#[tokio::test]
async fn with_the_layer_on_the_routes() {
    let app = Router::new()
        .route(
            "/orders/{id}",
            get(async || "an order").post(async || "made"),
        )
        .route("/files/{*path}", get(async || "a file"))
        .route_layer(lianlu::route_layer());
    let orders = "/orders/{id}";
    for (method, path, expected) in [
        (
            Method::GET,
            "/orders/secret",
            routed("GET /orders/{id}", orders),
        ),
        (
            Method::POST,
            "/orders/secret",
            routed("POST /orders/{id}", orders),
        ),
        (
            Method::DELETE,
            "/orders/secret",
            routed("DELETE /orders/{id}", orders),
        ),
        (
            Method::GET,
            "/files/secret/secret",
            routed("GET /files/{*path}", "/files/{*path}"),
        ),
        (Method::GET, "/secret", ("GET".to_owned(), None)),
    ] {
        assert_eq!(seen(app.clone(), method, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn without_it_the_method_alone() {
    let app = Router::new().route("/orders/{id}", get(async || "an order"));
    for path in ["/orders/secret", "/secret"] {
        let found = seen(app.clone(), Method::GET, path).await;
        assert_eq!(found, ("GET".to_owned(), None));
    }
}

#[tokio::test]
async fn nested_routers_and_fallbacks() {
    let inner = Router::new()
        .route("/{id}", get(async || "an order"))
        .fallback(async || "inner");
    let app = Router::new()
        .nest("/api/{version}/orders", inner.clone())
        .nest_service("/service", get(async || "a service"))
        .route("/own", any(async || "own"))
        .fallback(async || "outer");
    for app in [
        app.clone().layer(lianlu::route_layer()),
        // On the inner routes too.
        Router::new()
            .nest("/api/{version}/orders", inner.layer(lianlu::route_layer()))
            .nest_service("/service", get(async || "a service"))
            .route("/own", any(async || "own"))
            .layer(lianlu::route_layer()),
    ] {
        let route = "/api/{version}/orders/{id}";
        let found = seen(app.clone(), Method::GET, "/api/v1/orders/secret").await;
        assert_eq!(found, routed(&format!("GET {route}"), route));
        let found = seen(app.clone(), Method::GET, "/own").await;
        assert_eq!(found, routed("GET /own", "/own"));
        for path in ["/api/v1/orders/secret/secret", "/service/secret", "/secret"] {
            let (name, route) = seen(app.clone(), Method::GET, path).await;
            let expected = match &route {
                Some(route) => format!("GET {route}"),
                None => "GET".to_owned(),
            };
            assert_eq!(name, expected, "{path}");
        }
    }
}

/// What a handler says of its route is closer to the truth than what the router knows.
#[tokio::test]
async fn from_a_handler() {
    let handler = async || {
        let mut response = Response::new(Body::from("a file"));
        let route = Route("/files/{bucket}/{name}".into());
        response.extensions_mut().insert(route);
        response
    };
    let expected = routed("GET /files/{bucket}/{name}", "/files/{bucket}/{name}");
    let app = Router::new().route("/files/{*path}", get(handler));
    let layered = app.clone().route_layer(lianlu::route_layer());
    for app in [app, layered, Router::new().fallback(handler)] {
        let found = seen(app, Method::GET, "/files/secret/secret").await;
        assert_eq!(found, expected);
    }
}

/// An outer layer may know the route before the call.
#[tokio::test]
async fn from_an_outer_layer() {
    let traces = Traces::default();
    let app = Router::new()
        .fallback(async || "hello")
        .layer(traces.server())
        .layer(axum::Extension(Route("/outer/{id}".into())));
    call(net::serve(app).await, Method::GET, "/outer/secret").await;
    let span = traces::server(&traces.all(1).await);
    assert_eq!(span.name, "GET /outer/{id}");
    assert_eq!(text(&span, "http.route"), Some("/outer/{id}"));
}

/// The route is known with the head, whatever becomes of the body.
#[tokio::test]
async fn of_a_call_that_fails_in_its_body() {
    let traces = Traces::default();
    let app = Router::new()
        .route(
            "/stream/{id}",
            get(async || response(None, scripted([Step::Data("a"), Step::Fail]))),
        )
        .route_layer(lianlu::route_layer());
    let address = serve(traces.server(), app).await;
    let request = net::request(Method::GET, address, "/stream/secret");
    let response = soon(net::plain(Version::HTTP_11).request(request)).await;
    // The client may have seen the head or not.
    if let Ok(response) = response {
        net::read(response).await.unwrap_err();
    }
    let span: SpanData = traces::server(&traces.all(1).await);
    assert_eq!(span.name, "GET /stream/{id}");
    traces::assert_error(&span, "Other");
}

/// Methods stay methods on the port that serves both transports.
#[tokio::test]
async fn grpc_keeps_its_name() {
    let traces = Traces::default();
    let service = lianlu_protos::testing::echo_server::EchoServer::new(Echo::new(&traces));
    let app = tonic::service::Routes::new(service)
        .into_axum_router()
        .route("/orders/{id}", get(async || "an order"))
        .layer(lianlu::route_layer());
    let address = serve(traces.server(), app).await;
    let mut client = echo::connect(lianlu::client().with_filter(|_| false), address).await;
    client.unary(message("hello", 0)).await.unwrap();
    call(address, Method::GET, "/orders/secret").await;
    let spans = traces.all(2).await;
    assert_eq!(spans[0].name, "lianlu.testing.Echo/Unary");
    assert_eq!(attr(&spans[0], "http.route"), None);
    assert_eq!(spans[1].name, "GET /orders/{id}");
}
