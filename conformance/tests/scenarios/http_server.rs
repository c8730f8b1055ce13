//! Scenarios of HTTP servers, with clients without a layer.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::any;
use http::{Method, Request, Response, Version};
use http_body_util::BodyExt;
use lianlu_conformance::{Expected, Fact, Group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Scenario;
use crate::common::http::{self as net, Step, VERSIONS, scripted};
use crate::common::{Gate, listen, soon};
use crate::harness::Harness;
use crate::http_calls::{number, server, server_of};

pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    all.extend(methods());
    all.extend(routes());
    all.extend(statuses());
    all.extend(heads());
    all.extend(ends());
    all
}

/// `/never` opens `entered` and does not answer; the body of `/breaks-later` waits for `entered`.
pub fn app(harness: &Harness, entered: Gate) -> Router {
    let items = Router::new().route("/items/{item}", any(async || "an item"));
    let later = entered.clone();
    Router::new()
        .route("/orders/{id}", any(async || "an order"))
        .route("/status/{code}", any(status))
        .route(
            "/panics",
            any(async || -> Response<Body> { panic!("on request") }),
        )
        .route(
            "/breaks",
            any(async || Response::new(scripted([Step::Data("hel"), Step::Fail]))),
        )
        .route(
            "/breaks-later",
            any(async move || {
                let wait = Step::Wait(later);
                Response::new(scripted([Step::Data("hel"), wait, Step::Fail]))
            }),
        )
        .route(
            "/endless",
            any(async || Response::new(scripted([Step::Data("hel"), Step::Hang]))),
        )
        .route(
            "/streams",
            any(async || Response::new(scripted([Step::Data("hel"), Step::Data("lo")]))),
        )
        .route(
            "/never",
            any(async move || {
                entered.open();
                std::future::pending::<Response<Body>>().await
            }),
        )
        .nest("/shops/{shop}", items)
        .layer(harness.server())
}

async fn status(Path(code): Path<u16>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code.try_into().unwrap();
    if code == 101 {
        let headers = response.headers_mut();
        headers.insert("connection", "upgrade".parse().unwrap());
        headers.insert("upgrade", "nothing".parse().unwrap());
    }
    response
}

/// Sends a request, and reads the response if there is one.
async fn ask(address: SocketAddr, method: &str, path: &str, version: Version) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = net::request(method, address, path);
    if let Ok(response) = soon(net::plain(version).request(request)).await {
        let _ = soon(response.into_body().collect()).await;
    }
}

/// Sends `head` unchanged, and reads until the server closes the connection.
async fn send(address: SocketAddr, head: &str) {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    soon(socket.read_to_end(&mut answer)).await.unwrap();
}

fn methods() -> Vec<Scenario> {
    let known = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY",
    ];
    let known = known.map(|method| {
        Scenario::new(
            format!("http server: method {method}"),
            async move |harness| {
                let address = net::serve(app(&harness, Gate::default())).await;
                ask(address, method, "/orders/7", Version::HTTP_11).await;
                let call = server(address, method, "/orders/7", Version::HTTP_11);
                vec![call.route("/orders/{id}").http_status(200)]
            },
        )
    });
    let unknown = ["BREW", "get", "PROPFIND"].map(|method| {
        Scenario::new(
            format!("http server: unknown method {method}"),
            async move |harness| {
                let address = net::serve(app(&harness, Gate::default())).await;
                ask(address, method, "/orders/7", Version::HTTP_11).await;
                let call = Expected::http_unknown(Group::HttpServer, method);
                let call = server_of(call, address, "/orders/7", Version::HTTP_11);
                vec![call.route("/orders/{id}").http_status(200)]
            },
        )
    });
    known.into_iter().chain(unknown).collect()
}

fn routes() -> Vec<Scenario> {
    let mut all = Vec::new();
    for version in VERSIONS {
        for (name, path, route, status) in [
            ("a route", "/orders/7", Some("/orders/{id}"), 200),
            ("a query", "/orders/7?x=1&y", Some("/orders/{id}"), 200),
            ("an empty query", "/orders/7?", Some("/orders/{id}"), 200),
            (
                "a nested route",
                "/shops/1/items/2",
                Some("/shops/{shop}/items/{item}"),
                200,
            ),
            ("no route", "/nowhere/7", None, 404),
            ("no route and a query", "/nowhere/7?x=1", None, 404),
        ] {
            let name = format!("http server: {name} over {}", number(version));
            all.push(Scenario::new(name, async move |harness| {
                let address = net::serve(app(&harness, Gate::default())).await;
                ask(address, "GET", path, version).await;
                let call = server(address, "GET", path, version).http_status(status);
                vec![match route {
                    Some(route) => call.route(route),
                    None => call,
                }]
            }));
        }
    }
    all.push(Scenario::new(
        "http server: a signed query",
        async |harness| {
            let address = net::serve(app(&harness, Gate::default())).await;
            ask(address, "GET", "/orders/7?a=1&sig=secret", Version::HTTP_11).await;
            let path = "/orders/7?a=1&sig=REDACTED";
            let call = server(address, "GET", path, Version::HTTP_11);
            vec![call.route("/orders/{id}").http_status(200)]
        },
    ));
    all
}

fn statuses() -> Vec<Scenario> {
    let codes = [
        101, 200, 201, 204, 226, 301, 304, 399, 400, 404, 418, 429, 499, 500, 501, 503, 599,
    ];
    let codes = codes.map(|code| {
        Scenario::new(
            format!("http server: status {code}"),
            async move |harness| {
                let address = net::serve(app(&harness, Gate::default())).await;
                let path = format!("/status/{code}");
                ask(address, "GET", &path, Version::HTTP_11).await;
                let call = server(address, "GET", &path, Version::HTTP_11);
                vec![call.route("/status/{code}").http_status(code)]
            },
        )
    });
    codes.into()
}

/// Request heads that clients do not send.
fn heads() -> Vec<Scenario> {
    let with_host = |name: &str, head: &'static str, host: &'static str, port: Option<i64>| {
        Scenario::new(format!("http server: {name}"), async move |harness| {
            let address = net::serve(app(&harness, Gate::default())).await;
            send(address, head).await;
            let call = Expected::http(Group::HttpServer, "GET")
                .facts([Fact::PeerKnown, Fact::VersionKnown, Fact::AuthorityKnown])
                .value("server.address", host)
                .route("/orders/{id}")
                .http_status(200);
            vec![match port {
                Some(port) => call.fact(Fact::PortKnown).value("server.port", port),
                None => call,
            }]
        })
    };
    vec![
        with_host(
            "a host with a port",
            "GET /orders/7 HTTP/1.1\r\nhost: shop.example:81\r\nconnection: close\r\n\r\n",
            "shop.example",
            Some(81),
        ),
        with_host(
            "a host without a port",
            "GET /orders/7 HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n",
            "shop.example",
            None,
        ),
        with_host(
            "a host that is an IPv6 address",
            "GET /orders/7 HTTP/1.1\r\nhost: [::1]:81\r\nconnection: close\r\n\r\n",
            "::1",
            Some(81),
        ),
        with_host(
            "an absolute target",
            "GET http://shop.example:81/orders/7 HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n",
            "shop.example",
            Some(81),
        ),
        Scenario::new("http server: HTTP/1.0 without a host", async |harness| {
            let address = net::serve(app(&harness, Gate::default())).await;
            send(address, "GET /orders/7 HTTP/1.0\r\nuser-agent: old\r\n\r\n").await;
            vec![
                Expected::http(Group::HttpServer, "GET")
                    .facts([Fact::PeerKnown, Fact::VersionKnown, Fact::HasUserAgent])
                    .value("network.protocol.version", "1.0")
                    .value("user_agent.original", "old")
                    .value("url.path", "/orders/7")
                    .route("/orders/{id}")
                    .http_status(200),
            ]
        }),
        Scenario::new("http server: outside of the router", async |harness| {
            use tower::{ServiceBuilder, service_fn};
            let service = service_fn(async |_: Request<Body>| {
                Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
            });
            let service = ServiceBuilder::new()
                .map_response(|response: Response<lianlu::layer::ResponseBody<Body>>| {
                    response.map(Body::new)
                })
                .layer(harness.server())
                .service(service);
            let app = Router::new().fallback_service(service);
            let address = net::serve(app).await;
            ask(address, "GET", "/orders/7", Version::HTTP_11).await;
            let call = server(address, "GET", "/orders/7", Version::HTTP_11);
            vec![call.http_status(200)]
        }),
    ]
}

/// Calls that fail, are dropped, or end after a stream.
fn ends() -> Vec<Scenario> {
    let mut all = Vec::new();
    for version in VERSIONS {
        let over = number(version);
        for (path, what) in [("/panics", "panics"), ("/breaks", "fails in its body")] {
            let name = format!("http server: a handler that {what} over {over}");
            all.push(Scenario::new(name, async move |harness| {
                let address = net::serve(app(&harness, Gate::default())).await;
                ask(address, "GET", path, version).await;
                let call = server(address, "GET", path, version).route(path);
                vec![match path {
                    "/panics" => call.failed(Some("panic")),
                    _ => call.http_status(200).failed(Some("Other")),
                }]
            }));
        }
        let name = format!("http server: the client leaves before the head over {over}");
        all.push(Scenario::new(name, async move |harness| {
            let entered = Gate::default();
            let address = net::serve(app(&harness, entered.clone())).await;
            let call = tokio::spawn(ask(address, "GET", "/never", version));
            soon(entered.pass()).await;
            call.abort();
            vec![
                server(address, "GET", "/never", version)
                    .route("/never")
                    .cancelled(),
            ]
        }));
        let name = format!("http server: the client leaves in the body over {over}");
        all.push(Scenario::new(name, async move |harness| {
            let address = net::serve(app(&harness, Gate::default())).await;
            let request = net::request(Method::GET, address, "/endless");
            let client = net::plain(version);
            let mut response = soon(client.request(request)).await.unwrap();
            soon(response.body_mut().frame()).await.unwrap().unwrap();
            drop((response, client));
            let call = server(address, "GET", "/endless", version);
            vec![call.route("/endless").http_status(200).cancelled()]
        }));
        let name = format!("http server: a body of two parts over {over}");
        all.push(Scenario::new(name, async move |harness| {
            let address = net::serve(app(&harness, Gate::default())).await;
            ask(address, "GET", "/streams", version).await;
            let call = server(address, "GET", "/streams", version);
            vec![call.route("/streams").http_status(200)]
        }));
    }
    all.extend(timeouts());
    all
}

/// Time-outs of a middleware, inside and outside of the layer.
fn timeouts() -> Vec<Scenario> {
    async fn limit(request: Request<Body>, next: axum::middleware::Next) -> Response<Body> {
        let limit = std::time::Duration::from_millis(20);
        let answer = tokio::time::timeout(limit, next.run(request)).await;
        answer.unwrap_or_else(|_| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::GATEWAY_TIMEOUT;
            response
        })
    }
    async fn never() {
        std::future::pending().await
    }
    let version = Version::HTTP_11;
    vec![
        Scenario::new(
            "http server: a time-out inside of the layer",
            async move |harness| {
                let app = Router::new()
                    .route("/never", any(never))
                    .layer(axum::middleware::from_fn(limit))
                    .layer(harness.server());
                let address = net::serve(app).await;
                ask(address, "GET", "/never", version).await;
                let call = server(address, "GET", "/never", version).route("/never");
                vec![call.http_status(504)]
            },
        ),
        Scenario::new(
            "http server: a time-out outside of the layer",
            async move |harness| {
                let app = Router::new()
                    .route("/never", any(never))
                    .layer(harness.server())
                    .layer(axum::middleware::from_fn(limit));
                let address = net::serve(app).await;
                ask(address, "GET", "/never", version).await;
                let call = server(address, "GET", "/never", version).route("/never");
                vec![call.cancelled()]
            },
        ),
    ]
}

/// A server that answers each connection with `bytes` and closes it.
pub async fn answer(bytes: &'static str) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(bytes.as_bytes()).await;
        }
    });
    address
}
