//! A layer outside of the router gets the route with the response.

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
use crate::common::metrics::Metrics;
use crate::common::traces::{self, Traces, attr, text};
use crate::common::{echo, listen, soon};

/// Serves `app` with the layer around the whole router.
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
    let response = net::send(Version::HTTP_11, request).await;
    net::read(response).await.unwrap();
}

/// The name and the route of a call's span. Neither contains the path.
async fn name_and_route(app: Router, method: Method, path: &str) -> (String, Option<String>) {
    let traces = Traces::default();
    let metrics = Metrics::default();
    let layer = metrics.on(traces.server());
    let address = serve(layer, app).await;
    call(address, method, path).await;
    let span = traces::server(&traces.all(1).await);
    assert_eq!(text(&span, "url.path"), Some(path));
    let route = text(&span, "http.route").map(str::to_owned);
    assert!(!span.name.contains("secret") && !format!("{route:?}").contains("secret"));
    assert!(!span.name.contains("private"), "axum's own parameters");
    let series = metrics.counted("http.server.request.duration", 1).await;
    assert_eq!(series[0].label("http.route"), route.as_deref());
    (span.name.to_string(), route)
}

fn routed(name: &str, route: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(route.to_owned()))
}

#[tokio::test]
async fn route_layer_gives_the_route() {
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
        assert_eq!(
            name_and_route(app.clone(), method, path).await,
            expected,
            "{path}"
        );
    }
}

#[tokio::test]
async fn without_route_layer_there_is_no_route() {
    let app = Router::new().route("/orders/{id}", get(async || "an order"));
    for path in ["/orders/secret", "/secret"] {
        let found = name_and_route(app.clone(), Method::GET, path).await;
        assert_eq!(found, ("GET".to_owned(), None));
    }
}

#[tokio::test]
async fn nested_routers_and_fallbacks_give_their_routes() {
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
        let found = name_and_route(app.clone(), Method::GET, "/api/v1/orders/secret").await;
        assert_eq!(found, routed(&format!("GET {route}"), route));
        let found = name_and_route(app.clone(), Method::GET, "/own").await;
        assert_eq!(found, routed("GET /own", "/own"));
        for path in ["/api/v1/orders/secret/secret", "/service/secret", "/secret"] {
            let (name, route) = name_and_route(app.clone(), Method::GET, path).await;
            let expected = match &route {
                Some(route) => format!("GET {route}"),
                None => "GET".to_owned(),
            };
            assert_eq!(name, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn a_handlers_route_takes_precedence() {
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
        let found = name_and_route(app, Method::GET, "/files/secret/secret").await;
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn an_outer_layer_can_give_the_route() {
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

#[tokio::test]
async fn a_call_that_fails_in_its_body_has_a_route() {
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
    // The error may overtake the head.
    if let Ok(response) = response {
        net::read(response).await.unwrap_err();
    }
    let span: SpanData = traces::server(&traces.all(1).await);
    assert_eq!(span.name, "GET /stream/{id}");
    traces::assert_error(&span, "Other");
}

/// On a router that serves HTTP and gRPC.
#[tokio::test]
async fn grpc_methods_are_not_routes() {
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
