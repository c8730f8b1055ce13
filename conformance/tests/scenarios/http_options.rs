//! Scenarios of options for HTTP, on both sides.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use lianlu::{
    ClientLayer, ServerLayer, conventions::OptIn, layer::UrlTemplate, net::HeaderCapture,
};
use lianlu_conformance::{Expected, Fact, Group};
use tower::ServiceExt;

use crate::Scenario;
use crate::common::http::{self as net, VERSIONS};
use crate::common::soon;
use crate::http_calls::{answered, client, client_of, number, server, server_of};

const ROUTE: &str = "/orders/{id}";
const PATH: &str = "/orders/7";

pub fn scenarios() -> Vec<Scenario> {
    let mut all = vec![
        opt_ins_of_a_server(),
        opt_ins_of_a_client(),
        known_methods(),
        late_route(),
        public_endpoint(),
        redacted_keys(),
        contents(),
    ];
    all.extend(headers());
    all.extend(templates());
    all.extend(errors());
    all
}

/// Answers with the header `x-answer`, and with the status of the request's `x-status`.
async fn serve(layer: ServerLayer) -> SocketAddr {
    let app = Router::new()
        .route(
            ROUTE,
            any(async |headers: HeaderMap, body: Body| {
                // Read, so that its size is counted.
                body.collect().await.unwrap();
                let status = headers.get("x-status").map(|code| code.as_bytes());
                let status = status.map(|code| StatusCode::from_bytes(code).unwrap());
                let mut response = Response::new(Body::from("an order"));
                *response.status_mut() = status.unwrap_or_default();
                response
                    .headers_mut()
                    .insert("x-answer", "yes".parse().unwrap());
                response
            }),
        )
        .layer(layer);
    net::serve(app).await
}

/// A server without spans.
async fn serve_plain() -> SocketAddr {
    serve(lianlu::server().with_filter(|_| false)).await
}

fn no_client() -> ClientLayer {
    lianlu::client().with_filter(|_| false)
}

async fn send(layer: ClientLayer, version: Version, request: Request<Body>) {
    let client = net::connect(layer, version);
    let response = soon(client.oneshot(request)).await.unwrap();
    soon(response.into_body().collect()).await.unwrap();
}

fn request(
    method: &str,
    address: SocketAddr,
    headers: &[(&'static str, &'static str)],
) -> Request<Body> {
    let method = method.parse().unwrap();
    let mut request = net::request(method, address, PATH);
    for (name, value) in headers {
        let value = value.parse().unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A header with two values, one that matches a pattern, and one that is not captured.
fn headers() -> Vec<Scenario> {
    let with_version = |version| {
        let name = format!("http: captured headers over {}", number(version));
        Scenario::new(name, async move |harness| {
            let sent = HeaderCapture::new()
                .allow("X-Request-Id")
                .allow("x-tenant-*");
            let got = HeaderCapture::new().allow("x-answer").allow("x-none");
            let address = serve(harness.server().with_capture(|capture| {
                capture
                    .request_headers(sent.clone())
                    .response_headers(got.clone())
            }))
            .await;
            let layer = harness
                .client()
                .with_capture(|capture| capture.request_headers(sent).response_headers(got));
            let headers = [
                ("x-request-id", "7"),
                ("x-request-id", "8"),
                ("x-tenant-name", "ann"),
                ("x-other", "no"),
            ];
            send(layer, version, request("GET", address, &headers)).await;
            let with_headers = |call: Expected| {
                call.requires("http.request.header.x-request-id")
                    .value("http.request.header.x-request-id", texts(&["7", "8"]))
                    .requires("http.request.header.x-tenant-name")
                    .value("http.request.header.x-tenant-name", texts(&["ann"]))
                    .requires("http.response.header.x-answer")
                    .value("http.response.header.x-answer", texts(&["yes"]))
            };
            let of_client = client(address, "GET", PATH);
            vec![
                with_headers(answered(of_client, address, 200, version)),
                with_headers(server(address, "GET", PATH, version))
                    .route(ROUTE)
                    .http_status(200),
            ]
        })
    };
    VERSIONS.map(with_version).into()
}

fn templates() -> Vec<Scenario> {
    let mut all = Vec::new();
    for on_metrics in [false, true] {
        let name = match on_metrics {
            true => "http client: a template, also on metrics",
            false => "http client: a template",
        };
        all.push(Scenario::new(name, async move |harness| {
            let address = serve_plain().await;
            let mut layer = harness.client();
            if on_metrics {
                layer = layer.with_conventions(|conventions| {
                    conventions.opt_in(OptIn::UrlTemplateOnMetrics)
                });
            }
            let mut request = request("GET", address, &[]);
            request.extensions_mut().insert(UrlTemplate(ROUTE.into()));
            send(layer, Version::HTTP_11, request).await;
            let call = client(address, "GET", PATH).template(ROUTE);
            let call = answered(call, address, 200, Version::HTTP_11);
            vec![match on_metrics {
                true => call.requires("url.template@metric"),
                false => call,
            }]
        }));
    }
    all
}

const AGENT: &str = "shop-crawler/1";

fn opt_ins_of_a_server() -> Scenario {
    Scenario::new("http server: every opt-in", async |harness| {
        let layer = harness.server().with_conventions(|conventions| {
            conventions
                .opt_in(OptIn::ClientPort)
                .opt_in(OptIn::NetworkLocal)
                .opt_in(OptIn::NetworkTransport)
                .opt_in(OptIn::SyntheticUserAgent)
                .opt_in(OptIn::BodySize)
                .opt_in(OptIn::ServerAddressOnMetrics)
        });
        let address = serve(layer).await;
        let mut request = request("POST", address, &[("user-agent", AGENT)]);
        *request.body_mut() = Body::from("hello");
        let version = Version::HTTP_11;
        send(no_client(), version, request).await;
        vec![
            server(address, "POST", PATH, version)
                .fact(Fact::HasUserAgent)
                .value("user_agent.original", AGENT)
                .requires("user_agent.synthetic.type")
                .value("user_agent.synthetic.type", "bot")
                .requires("client.port@span")
                .requires("network.transport@span")
                .value("network.transport", "tcp")
                .requires("http.request.body.size@span")
                .value("http.request.body.size", 5)
                .requires("http.response.body.size@span")
                .value("http.response.body.size", 8)
                .requires("server.address@metric")
                .requires("server.port@metric")
                .route(ROUTE)
                .http_status(200),
        ]
    })
}

fn opt_ins_of_a_client() -> Scenario {
    Scenario::new("http client: every opt-in", async |harness| {
        let layer = harness.client().with_conventions(|conventions| {
            conventions
                .opt_in(OptIn::NetworkTransport)
                .opt_in(OptIn::UrlScheme)
                .opt_in(OptIn::UserAgent)
                .opt_in(OptIn::SyntheticUserAgent)
                .opt_in(OptIn::BodySize)
        });
        let address = serve_plain().await;
        let headers = [("user-agent", AGENT), ("content-length", "5")];
        let mut request = request("POST", address, &headers);
        *request.body_mut() = Body::from("hello");
        let version = Version::HTTP_11;
        send(layer, version, request).await;
        let call = client(address, "POST", PATH)
            .fact(Fact::HasUserAgent)
            .requires("url.scheme")
            .value("url.scheme", "http")
            .requires("user_agent.original@span")
            .value("user_agent.original", AGENT)
            .requires("user_agent.synthetic.type@span")
            .value("user_agent.synthetic.type", "bot")
            .requires("http.request.body.size@span")
            .value("http.request.body.size", 5)
            .requires("http.response.body.size@span")
            .value("http.response.body.size", 8);
        vec![answered(call, address, 200, version)]
    })
}

fn known_methods() -> Scenario {
    Scenario::new("http: a list of methods", async |harness| {
        let list = ["GET", "PROPFIND"];
        let address = serve(
            harness
                .server()
                .with_conventions(|conventions| conventions.http_methods(list)),
        )
        .await;
        let version = Version::HTTP_11;
        let mut calls = Vec::new();
        for method in ["PROPFIND", "POST"] {
            let layer = harness
                .client()
                .with_conventions(|conventions| conventions.http_methods(list));
            send(layer, version, request(method, address, &[])).await;
            let call = |group| match method {
                "POST" => Expected::http_unknown(group, method),
                _ => Expected::http(group, method).own_methods(),
            };
            let of_client = client_of(call(Group::HttpClient), address, PATH);
            calls.push(answered(of_client, address, 200, version));
            let of_server = server_of(call(Group::HttpServer), address, PATH, version);
            calls.push(of_server.route(ROUTE).http_status(200));
        }
        calls
    })
}

/// The layer is outside of the router, and gets the route with the response.
fn late_route() -> Scenario {
    Scenario::new("http server: a late route", async |harness| {
        let routes = Router::<()>::new()
            .route(ROUTE, any(async || "an order"))
            .route_layer(lianlu::route_layer());
        let service = tower::ServiceBuilder::new()
            .map_response(|response: Response<lianlu::layer::ResponseBody<Body>>| {
                response.map(Body::new)
            })
            .layer(harness.server())
            .service(routes);
        let address = net::serve(Router::new().fallback_service(service)).await;
        let version = Version::HTTP_11;
        send(no_client(), version, request("GET", address, &[])).await;
        let call = server(address, "GET", PATH, version);
        vec![call.route(ROUTE).http_status(200)]
    })
}

/// The caller's trace is not the parent; the new root has the sampling-relevant attributes.
fn public_endpoint() -> Scenario {
    Scenario::new("http server: a public endpoint", async |harness| {
        let address = serve(harness.server().with_public_endpoint(|_| true)).await;
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        let version = Version::HTTP_11;
        let request = request("GET", address, &[("traceparent", parent)]);
        let plain = net::plain(version);
        soon(plain.request(request)).await.unwrap();
        let call = server(address, "GET", PATH, version);
        vec![call.route(ROUTE).http_status(200)]
    })
}

fn redacted_keys() -> Scenario {
    Scenario::new("http: redacted query keys", async |harness| {
        let keys = ["token"];
        let address = serve(
            harness
                .server()
                .with_capture(|capture| capture.redacted_query_keys(keys)),
        )
        .await;
        let path = "/orders/7?token=secret&sig=shown";
        let request = net::request(http::Method::GET, address, path);
        let version = Version::HTTP_11;
        send(
            harness
                .client()
                .with_capture(|capture| capture.redacted_query_keys(keys)),
            version,
            request,
        )
        .await;
        let path = "/orders/7?token=REDACTED&sig=shown";
        let call = server(address, "GET", path, version);
        vec![
            answered(client(address, "GET", path), address, 200, version),
            call.route(ROUTE).http_status(200),
        ]
    })
}

fn contents() -> Scenario {
    Scenario::new("http server: the contents of bodies", async |harness| {
        let layer = harness
            .server()
            .with_capture(|capture| capture.request_body(4).response_body(100));
        let address = serve(layer).await;
        let mut request = request("POST", address, &[]);
        *request.body_mut() = Body::from("hello");
        let version = Version::HTTP_11;
        send(no_client(), version, request).await;
        vec![
            server(address, "POST", PATH, version)
                .requires("http.request.body.content@span")
                .value("http.request.body.content", "hell")
                .requires("http.response.body.content@span")
                .value("http.response.body.content", "an order")
                .route(ROUTE)
                .http_status(200),
        ]
    })
}

/// A user's error classifier and error types.
fn errors() -> Vec<Scenario> {
    let classified = Scenario::new("http: a user's error classifier", async |harness| {
        let of_server = harness.server().with_errors(|errors| {
            errors.classifier(|outcome| outcome.http_status() == Some(StatusCode::NOT_FOUND))
        });
        let of_client = harness
            .client()
            .with_errors(|errors| errors.classifier(|_| false));
        let address = serve(of_server).await;
        let version = Version::HTTP_11;
        let mut calls = Vec::new();
        for (status, is_error) in [(404, true), (503, false)] {
            let code = if is_error { "404" } else { "503" };
            let request = request("GET", address, &[("x-status", code)]);
            send(of_client.clone(), version, request).await;
            let call = client(address, "GET", PATH);
            calls.push(answered(call, address, status, version).classified(false));
            let call = server(address, "GET", PATH, version).route(ROUTE);
            calls.push(call.http_status(status).classified(is_error));
        }
        calls
    });
    let named = Scenario::new("http server: a user's error type", async |harness| {
        let layer = harness
            .server()
            .with_errors(|errors| errors.error_type(|_| Some("maintenance".into())));
        let address = serve(layer).await;
        let version = Version::HTTP_11;
        let request = request("GET", address, &[("x-status", "503")]);
        send(no_client(), version, request).await;
        let call = server(address, "GET", PATH, version).route(ROUTE);
        vec![call.http_status(503).failed(Some("maintenance"))]
    });
    vec![classified, named]
}
