//! Scenarios of HTTP clients, of hyper-util and reqwest. If the server has a layer too, of both
//! sides.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, Version};
use http_body_util::BodyExt;
use lianlu_conformance::{Expected, Fact, Group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::Scenario;
use crate::common::http::{self as net, VERSIONS};
use crate::common::{Gate, closed_port, listen, soon};
use crate::harness::Harness;
use crate::http_calls::{answered, client, client_of, number, server};
use crate::http_server::{answer, app};

pub fn scenarios() -> Vec<Scenario> {
    let mut all = both_sides();
    all.extend(statuses());
    all.extend(methods());
    all.extend(failures());
    all.extend(reqwests());
    all
}

/// Sends a request with hyper-util's client, and reads the response.
async fn ask(harness: &Harness, address: SocketAddr, method: &str, path: &str, version: Version) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = net::request(method, address, path);
    let client = net::connect(harness.client(), version);
    if let Ok(response) = soon(client.oneshot(request)).await {
        let _ = soon(response.into_body().collect()).await;
    }
}

/// Sends a request with reqwest, and reads the response.
async fn ask_reqwest(harness: &Harness, url: &str, client: reqwest::Client) {
    let request = reqwest::Request::new(Method::GET, url.parse().unwrap());
    let client = tower::Layer::layer(&harness.client(), client);
    if let Ok(response) = soon(client.oneshot(request)).await {
        let _ = soon(response.bytes()).await;
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

fn both_sides() -> Vec<Scenario> {
    let mut all = Vec::new();
    for version in VERSIONS {
        for (path, route, status) in [
            ("/orders/7", Some("/orders/{id}"), 200),
            ("/orders/7?x=1", Some("/orders/{id}"), 200),
            ("/nowhere", None, 404),
            ("/status/503", Some("/status/{code}"), 503),
        ] {
            let name = format!("http: both sides of {path} over {}", number(version));
            all.push(Scenario::new(name, async move |harness| {
                let address = net::serve(app(&harness, Gate::default())).await;
                ask(&harness, address, "GET", path, version).await;
                let of_server = server(address, "GET", path, version).http_status(status);
                vec![
                    answered(client(address, "GET", path), address, status, version),
                    match route {
                        Some(route) => of_server.route(route),
                        None => of_server,
                    },
                ]
            }));
        }
        let name = format!(
            "http: both sides, dropped before the head over {}",
            number(version)
        );
        all.push(Scenario::new(name, async move |harness| {
            let entered = Gate::default();
            let address = net::serve(app(&harness, entered.clone())).await;
            let of_call = harness.clone();
            let call = tokio::spawn(async move {
                ask(&of_call, address, "GET", "/never", version).await;
            });
            soon(entered.pass()).await;
            call.abort();
            let _ = call.await;
            vec![
                client(address, "GET", "/never").cancelled(),
                server(address, "GET", "/never", version)
                    .route("/never")
                    .cancelled(),
            ]
        }));
        let name = format!(
            "http: both sides, dropped in the body over {}",
            number(version)
        );
        all.push(Scenario::new(name, async move |harness| {
            let address = net::serve(app(&harness, Gate::default())).await;
            let client_service = net::connect(harness.client(), version);
            let mut response = net::get(&client_service, address, "/endless")
                .await
                .unwrap();
            soon(response.body_mut().frame()).await.unwrap().unwrap();
            drop((response, client_service));
            let of_client = client(address, "GET", "/endless");
            vec![
                answered(of_client, address, 200, version).cancelled(),
                server(address, "GET", "/endless", version)
                    .route("/endless")
                    .http_status(200)
                    .cancelled(),
            ]
        }));
        let name = format!(
            "http: both sides of a body that fails over {}",
            number(version)
        );
        all.push(Scenario::new(name, async move |harness| {
            let received = Gate::default();
            let address = net::serve(app(&harness, received.clone())).await;
            let service = net::connect(harness.client(), version);
            let path = "/breaks-later";
            let mut response = net::get(&service, address, path).await.unwrap();
            soon(response.body_mut().frame()).await.unwrap().unwrap();
            received.open();
            net::read(response).await.unwrap_err();
            vec![
                answered(client(address, "GET", path), address, 200, version).failed(None),
                server(address, "GET", path, version)
                    .route(path)
                    .http_status(200)
                    .failed(Some("Other")),
            ]
        }));
        let name = format!("http: both sides of a panic over {}", number(version));
        all.push(Scenario::new(name, async move |harness| {
            let address = net::serve(app(&harness, Gate::default())).await;
            ask(&harness, address, "GET", "/panics", version).await;
            vec![
                client(address, "GET", "/panics").failed(None),
                server(address, "GET", "/panics", version)
                    .route("/panics")
                    .failed(Some("panic")),
            ]
        }));
    }
    all
}

fn statuses() -> Vec<Scenario> {
    let codes = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
        ("HTTP/1.1 204 None\r\n\r\n", 204),
        (
            "HTTP/1.1 301 Moved\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
            301,
        ),
        ("HTTP/1.1 304 Same\r\n\r\n", 304),
        (
            "HTTP/1.1 103 Hints\r\nlink: a\r\n\r\nHTTP/1.1 201 Made\r\ncontent-length: 0\r\n\r\n",
            201,
        ),
        ("HTTP/1.1 399 Odd\r\ncontent-length: 0\r\n\r\n", 399),
        ("HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n", 400),
        ("HTTP/1.1 404 Not\r\ncontent-length: 0\r\n\r\n", 404),
        ("HTTP/1.1 500 Error\r\ncontent-length: 0\r\n\r\n", 500),
        ("HTTP/1.1 599 Error\r\ncontent-length: 0\r\n\r\n", 599),
    ];
    let mut all: Vec<_> = codes
        .into_iter()
        .map(|(bytes, code)| {
            Scenario::new(
                format!("http client: status {code}"),
                async move |harness| {
                    let address = answer(bytes).await;
                    ask(&harness, address, "GET", "/", Version::HTTP_11).await;
                    let call = client(address, "GET", "/");
                    vec![answered(call, address, code, Version::HTTP_11)]
                },
            )
        })
        .collect();
    all.push(Scenario::new(
        "http client: a server of HTTP/1.0",
        async |harness| {
            let address = answer("HTTP/1.0 200 OK\r\n\r\nhello").await;
            ask(&harness, address, "GET", "/", Version::HTTP_11).await;
            let call = client(address, "GET", "/");
            vec![answered(call, address, 200, Version::HTTP_10)]
        },
    ));
    all
}

fn methods() -> Vec<Scenario> {
    let known = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY",
    ];
    let known = known.map(|method| {
        Scenario::new(
            format!("http client: method {method}"),
            async move |harness| {
                let address = answer("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                ask(&harness, address, method, "/", Version::HTTP_11).await;
                let call = client(address, method, "/");
                vec![answered(call, address, 200, Version::HTTP_11)]
            },
        )
    });
    let unknown = ["BREW", "get"].map(|method| {
        Scenario::new(
            format!("http client: unknown method {method}"),
            async move |harness| {
                let address = answer("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                ask(&harness, address, method, "/", Version::HTTP_11).await;
                let call = Expected::http_unknown(Group::HttpClient, method);
                let call = client_of(call, address, "/");
                vec![answered(call, address, 200, Version::HTTP_11)]
            },
        )
    });
    known.into_iter().chain(unknown).collect()
}

fn failures() -> Vec<Scenario> {
    let mut all = Vec::new();
    for version in VERSIONS {
        let name = format!("http client: a refused connection over {}", number(version));
        all.push(Scenario::new(name, async move |harness| {
            let address = closed_port().await;
            ask(&harness, address, "GET", "/", version).await;
            vec![client(address, "GET", "/").failed(Some("ConnectionRefused"))]
        }));
    }
    all.push(Scenario::new(
        "http client: the connection closes before the head",
        async |harness| {
            let address = answer("").await;
            ask(&harness, address, "GET", "/", Version::HTTP_11).await;
            vec![client(address, "GET", "/").failed(Some("UnexpectedEof"))]
        },
    ));
    all.push(Scenario::new(
        "http client: the connection closes in the body",
        async |harness| {
            let address = answer("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
            ask(&harness, address, "GET", "/", Version::HTTP_11).await;
            let call = answered(client(address, "GET", "/"), address, 200, Version::HTTP_11);
            vec![call.failed(Some("UnexpectedEof"))]
        },
    ));
    all.push(Scenario::new(
        "http client: the connection closes in an error's body",
        async |harness| {
            let address = answer("HTTP/1.1 500 Oh\r\ncontent-length: 10\r\n\r\nhello").await;
            ask(&harness, address, "GET", "/", Version::HTTP_11).await;
            let call = answered(client(address, "GET", "/"), address, 500, Version::HTTP_11);
            vec![call.failed(None)]
        },
    ));
    all.push(Scenario::new(
        "http client: an answer without HTTP",
        async |harness| {
            let address = answer("220 smtp.example ESMTP\r\n").await;
            ask(&harness, address, "GET", "/", Version::HTTP_11).await;
            vec![client(address, "GET", "/").failed(Some("InvalidData"))]
        },
    ));
    all
}

fn reqwests() -> Vec<Scenario> {
    vec![
        Scenario::new("reqwest: both sides", async |harness| {
            let address = net::serve(app(&harness, Gate::default())).await;
            let url = format!("http://{address}/orders/7?x=1");
            ask_reqwest(
                &harness,
                &url,
                builder().user_agent("me/1").build().unwrap(),
            )
            .await;
            let (path, version) = ("/orders/7?x=1", Version::HTTP_11);
            vec![
                answered(client(address, "GET", path), address, 200, version),
                server(address, "GET", path, version)
                    .fact(Fact::HasUserAgent)
                    .value("user_agent.original", "me/1")
                    .route("/orders/{id}")
                    .http_status(200),
            ]
        }),
        Scenario::new("reqwest: credentials and a signature", async |harness| {
            let address = answer("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let url = format!("http://ann:secret@{address}/?sig=secret&a=1");
            ask_reqwest(&harness, &url, builder().build().unwrap()).await;
            let url = format!("http://REDACTED:REDACTED@{address}/?sig=REDACTED&a=1");
            let call = Expected::http(Group::HttpClient, "GET")
                .value("server.address", "127.0.0.1")
                .value("server.port", i64::from(address.port()))
                .value("url.full", url);
            vec![answered(call, address, 200, Version::HTTP_11)]
        }),
        Scenario::new("reqwest: a refused connection", async |harness| {
            let address = closed_port().await;
            let client_service = builder().build().unwrap();
            ask_reqwest(&harness, &format!("http://{address}/"), client_service).await;
            vec![client(address, "GET", "/").failed(Some("ConnectionRefused"))]
        }),
        Scenario::new("reqwest: a time-out before the head", async |harness| {
            // Without a server layer, which might not notice the end in time.
            let app = axum::Router::new().fallback(std::future::pending::<()>);
            let address = net::serve(app).await;
            let client_service = builder()
                .timeout(Duration::from_millis(50))
                .build()
                .unwrap();
            ask_reqwest(&harness, &format!("http://{address}/never"), client_service).await;
            vec![client(address, "GET", "/never").failed(Some("timeout"))]
        }),
        Scenario::new("reqwest: a time-out in the body", async |harness| {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
            let address = stall(head).await;
            // Long enough for the head on a busy machine.
            let timeout = Duration::from_secs(2);
            let client_service = builder().timeout(timeout).build().unwrap();
            ask_reqwest(&harness, &format!("http://{address}/"), client_service).await;
            let call = answered(client(address, "GET", "/"), address, 200, Version::HTTP_11);
            vec![call.failed(Some("timeout"))]
        }),
        Scenario::new("hyper: a host that does not exist", async |harness| {
            let request = http::Request::get("http://nowhere.invalid/");
            let request = request.body(axum::body::Body::empty()).unwrap();
            let service = net::connect(harness.client(), Version::HTTP_11);
            soon(service.oneshot(request)).await.unwrap_err();
            vec![
                Expected::http(Group::HttpClient, "GET")
                    .value("server.address", "nowhere.invalid")
                    .value("server.port", 80)
                    .value("url.full", "http://nowhere.invalid/")
                    .failed(Some("name_resolution_error")),
            ]
        }),
        Scenario::new("reqwest: a host that does not exist", async |harness| {
            let client_service = builder().build().unwrap();
            ask_reqwest(&harness, "http://nowhere.invalid/", client_service).await;
            vec![
                Expected::http(Group::HttpClient, "GET")
                    .value("server.address", "nowhere.invalid")
                    .value("server.port", 80)
                    .value("url.full", "http://nowhere.invalid/")
                    .failed(Some("name_resolution_error")),
            ]
        }),
    ]
}

/// A server that sends `bytes`, and keeps the connection open.
async fn stall(bytes: &'static str) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = socket.read(&mut request).await.unwrap();
        socket.write_all(bytes.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    address
}
