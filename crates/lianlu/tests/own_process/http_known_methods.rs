//! `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` replaces the list of methods that name a span.
//!
//! A process can't change its environment safely, so the test starts itself again with another one.

use std::convert::Infallible;
use std::process::Command;

use axum::body::Body;
use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};

use crate::common::traces::{Traces, text};

const METHODS: [&str; 4] = ["GET", "PATCH", "QUERY", "BREW"];
const VARIABLE: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";
const STARTED: &str = "LIANLU_TEST_STARTED";

/// Name and `http.request.method` of a call with each method.
async fn names() -> String {
    let mut names = Vec::new();
    for method in METHODS {
        let traces = Traces::default();
        let service = traces.server().layer(service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
        let request = Request::builder().method(method).body(Body::empty());
        service.oneshot(request.unwrap()).await.unwrap();
        let spans = traces.all(1).await;
        let recorded = text(&spans[0], "http.request.method").unwrap();
        names.push(format!("{} {recorded}", spans[0].name));
    }
    names.join(", ")
}

fn started_with(list: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "http_known_methods::the_list_is_replaced",
            "--nocapture",
        ])
        .env(STARTED, "1")
        .env(VARIABLE, list)
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let (_, names) = output.split_once("names: ").unwrap();
    names.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn the_list_is_replaced() {
    if std::env::var_os(STARTED).is_some() {
        println!("names: {}", names().await);
        return;
    }
    let default = "GET GET, PATCH PATCH, QUERY QUERY, HTTP _OTHER";
    assert_eq!(started_with(""), default);
    assert_eq!(
        started_with("GET, BREW"),
        "GET GET, HTTP _OTHER, HTTP _OTHER, BREW BREW"
    );
}
