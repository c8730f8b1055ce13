//! Scenarios of HTTP calls that become tunnels: `CONNECT` and upgrades.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode, Version, header};
use lianlu_conformance::{Expected, Group};
use tower::ServiceExt;

use crate::Scenario;
use crate::common::http::{self as net, VERSIONS};
use crate::common::soon;
use crate::http_calls::{answered, client, client_of, number, server, server_of};

pub fn scenarios() -> Vec<Scenario> {
    let mut all: Vec<_> = VERSIONS.map(connect).into();
    all.push(upgrade());
    all
}

async fn app(harness: &crate::harness::Harness) -> std::net::SocketAddr {
    let app = Router::new()
        .fallback(async |request: Request<Body>| match request.method() {
            &Method::CONNECT => Response::new(Body::empty()),
            _ => Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(header::CONNECTION, "upgrade")
                .header(header::UPGRADE, "echo")
                .body(Body::empty())
                .unwrap(),
        })
        .layer(harness.server());
    net::serve(app).await
}

fn connect(version: Version) -> Scenario {
    let name = format!("http: CONNECT over {}", number(version));
    Scenario::new(name, async move |harness| {
        let address = app(&harness).await;
        let request = net::request(Method::CONNECT, address, "/");
        let service = net::connect(harness.client(), version);
        soon(service.oneshot(request)).await.unwrap();
        let of_client = Expected::http(Group::HttpClient, "CONNECT");
        let of_client = client_of(of_client, address, "/");
        let of_server = Expected::http(Group::HttpServer, "CONNECT");
        let of_server = server_of(of_server, address, "", version);
        vec![
            answered(of_client, address, 200, version),
            of_server.http_status(200),
        ]
    })
}

fn upgrade() -> Scenario {
    Scenario::new("http: an upgrade", async |harness| {
        let address = app(&harness).await;
        let mut request = net::request(Method::GET, address, "/");
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, "upgrade".parse().unwrap());
        headers.insert(header::UPGRADE, "echo".parse().unwrap());
        let version = Version::HTTP_11;
        let service = net::connect(harness.client(), version);
        soon(service.oneshot(request)).await.unwrap();
        vec![
            answered(client(address, "GET", "/"), address, 101, version),
            server(address, "GET", "/", version).http_status(101),
        ]
    })
}
