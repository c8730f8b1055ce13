//! `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` replaces the list of known methods.

use axum::body::Body;
use http::Request;
use tower::{Layer, ServiceExt, service_fn};

use crate::common::http as net;
use crate::common::traces::{Traces, text};
use crate::own_process::{child, role, run};

const METHODS: [&str; 4] = ["GET", "PATCH", "QUERY", "BREW"];
const VARIABLE: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";

/// The span's name and `http.request.method`, for each of the methods.
async fn names() -> String {
    let mut names = Vec::new();
    for method in METHODS {
        let traces = Traces::default();
        let service = traces.server().layer(service_fn(net::answer));
        let request = Request::builder().method(method).body(Body::empty());
        service.oneshot(request.unwrap()).await.unwrap();
        let spans = traces.all(1).await;
        let recorded = text(&spans[0], "http.request.method").unwrap();
        names.push(format!("{} {recorded}", spans[0].name));
    }
    names.join(", ")
}

#[tokio::test]
async fn the_variable_replaces_the_list() {
    if role().is_some() {
        println!("names: {}", names().await);
        return;
    }
    for (list, names) in [
        ("", "GET GET, PATCH PATCH, QUERY QUERY, HTTP _OTHER"),
        ("GET, BREW", "GET GET, HTTP _OTHER, HTTP _OTHER, BREW BREW"),
    ] {
        let printed = run(child(&this_test!(), "").env(VARIABLE, list));
        assert_eq!(printed.marked("names: "), [names]);
    }
}
