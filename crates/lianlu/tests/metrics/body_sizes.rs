//! Body sizes are the transferred bytes, on metrics and on spans.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{any, get, post};
use http::{Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use lianlu::{
    ServerLayer, StreamEnd, TraceLayer,
    conventions::{Generation, OptIn},
    layer::Side,
};
use tower::{Layer, ServiceExt, service_fn};

use crate::common::http::{self as net, HttpClient, Step, VERSIONS, response, scripted};
use crate::common::metrics::{Telemetry, Values};
use crate::common::traces::{Traces, int};
use crate::common::{Gate, soon};

/// The expected sizes of one side: request and response.
type Sizes = (Option<u64>, Option<u64>);

/// The layer with body sizes on both signals.
fn sized<K: Side>(layer: TraceLayer<K>) -> TraceLayer<K> {
    layer
        .with_metrics(|metrics| metrics.body_sizes())
        .with_conventions(|conventions| conventions.opt_in(OptIn::BodySize))
}

fn connect(telemetry: &Telemetry, version: Version) -> HttpClient {
    net::connect(sized(telemetry.client()), version)
}

/// Waits for the end of the call, and asserts both signals.
async fn assert_sizes(telemetry: &Telemetry, server: Sizes, client: Sizes) {
    let (client_span, server_span) = telemetry.traces.pair().await;
    for (side, span, sizes) in [
        ("server", server_span, server),
        ("client", client_span, client),
    ] {
        let duration = format!("http.{side}.request.duration");
        let labels = telemetry.metrics.counted(&duration, 1).await[0].line();
        for (what, size) in [("request", sizes.0), ("response", sizes.1)] {
            let key = format!("http.{what}.body.size");
            let expected = size.map(|size| i64::try_from(size).unwrap());
            assert_eq!(int(&span, &key), expected, "{side} {what}");
            let name = format!("http.{side}.{what}.body.size");
            if size.is_some() {
                telemetry.metrics.counted(&name, 1).await;
            }
            let series = telemetry.metrics.of(&name);
            let found = series.first().map(|series| series.sum);
            assert_eq!(found, size.map(|size| size as f64), "{name}");
            for series in series {
                assert_eq!(series.unit, "By");
                assert_eq!(series.line(), labels);
            }
        }
    }
}

/// `hello, hello, hello!`, as gzip.
const GZIP: [u8; 34] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7,
    0x51, 0xc8, 0x40, 0x27, 0x14, 0x01, 0x00, 0x7d, 0x3f, 0xf2, 0x10, 0x14, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00,
];

async fn serve(layer: ServerLayer) -> SocketAddr {
    let app = Router::new()
        .route(
            "/chunks",
            get(async || {
                let steps = [Step::Data("hel"), Step::Data("lo, "), Step::Data("you")];
                response(None, scripted(steps))
            }),
        )
        .route("/whole", get(async || "twelve bytes"))
        .route("/swallow", post(async |body: Bytes| body.len().to_string()))
        .route("/ignore", post(async || "no"))
        .route("/no-content", any(async || StatusCode::NO_CONTENT))
        .route("/gzip", get(async || Body::from(GZIP.as_slice())))
        .route(
            "/endless",
            get(async || response(None, scripted([Step::Data("hello"), Step::Hang]))),
        )
        .layer(layer);
    net::serve(app).await
}

async fn exchange(client: &HttpClient, request: Request<Body>) -> String {
    let response = soon(client.clone().oneshot(request)).await.unwrap();
    net::read(response).await.unwrap()
}

#[tokio::test]
async fn responses_are_counted_with_and_without_a_content_length() {
    for version in VERSIONS {
        for (method, path, size) in [
            (Method::GET, "/chunks", 10),
            (Method::GET, "/whole", 12),
            (Method::HEAD, "/whole", 0),
            (Method::GET, "/no-content", 0),
        ] {
            let telemetry = Telemetry::default();
            let address = serve(sized(telemetry.server())).await;
            let client = connect(&telemetry, version);
            exchange(&client, net::request(method, address, path)).await;
            let sizes = (Some(0), Some(size));
            assert_sizes(&telemetry, sizes, sizes).await;
        }
    }
}

#[tokio::test]
async fn streamed_requests_are_counted() {
    for version in VERSIONS {
        let telemetry = Telemetry::default();
        let address = serve(sized(telemetry.server())).await;
        let client = connect(&telemetry, version);
        let mut request = net::request(Method::POST, address, "/swallow");
        let steps = [Step::Data("hel"), Step::Data("lo, "), Step::Data("you")];
        *request.body_mut() = scripted(steps);
        assert_eq!(exchange(&client, request).await, "10");
        let sizes = (Some(10), Some(2));
        assert_sizes(&telemetry, sizes, sizes).await;
    }
}

/// Compressed inside of the layer.
#[tokio::test]
async fn compressed_bodies_have_their_compressed_sizes() {
    let telemetry = Telemetry::default();
    let compress = tower::util::MapResponseLayer::new(|mut response: Response<Body>| {
        let encoding = "gzip".parse().unwrap();
        response.headers_mut().insert("content-encoding", encoding);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.map(|_| Body::from(GZIP.as_slice()))
    });
    let app = Router::new()
        .route("/", get(async || "hello, hello, hello!"))
        .layer(compress)
        .layer(sized(telemetry.server()));
    let address = net::serve(app).await;
    let client = connect(&telemetry, Version::HTTP_11);
    let response = net::get(&client, address, "/").await.unwrap();
    soon(response.into_body().collect()).await.unwrap();
    let sizes = (Some(0), Some(GZIP.len() as u64));
    assert_sizes(&telemetry, sizes, sizes).await;
}

#[tokio::test]
async fn reqwest_requests_are_counted_or_have_their_content_length() {
    for (streams, has_length) in [(false, false), (true, false), (true, true)] {
        let telemetry = Telemetry::default();
        let address = serve(sized(telemetry.server())).await;
        let url = format!("http://{address}/swallow").parse().unwrap();
        let mut request = reqwest::Request::new(Method::POST, url);
        *request.body_mut() = Some(match streams {
            false => "hello, you".into(),
            true => reqwest::Body::wrap_stream(
                scripted([Step::Data("hello, "), Step::Data("you")]).into_data_stream(),
            ),
        });
        if has_length {
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_LENGTH, 10.into());
        }
        let client = net::reqwest(sized(telemetry.client()));
        let response = soon(client.oneshot(request)).await.unwrap();
        assert_eq!(soon(response.text()).await.unwrap(), "10");
        // A reqwest stream is not wrapped, and has no size hint.
        let client = (!streams || has_length).then_some(10);
        assert_sizes(&telemetry, (Some(10), Some(2)), (client, Some(2))).await;
    }
}

/// A body type that is neither axum's nor tonic's.
#[tokio::test]
async fn other_body_types_have_their_content_length_or_no_size() {
    for length in [Some(5), None] {
        let telemetry = Telemetry::default();
        let handler = async |_: Request<Full<Bytes>>| {
            Ok::<_, std::convert::Infallible>(Response::new(Body::from("twelve bytes")))
        };
        let service = sized(telemetry.server()).layer(service_fn(handler));
        let service = sized(telemetry.client()).layer(service);
        let mut request = Request::post("/").body(Full::from("hello")).unwrap();
        if let Some(length) = length {
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        net::read(service.oneshot(request).await.unwrap())
            .await
            .unwrap();
        let sizes = (length, Some(12));
        assert_sizes(&telemetry, sizes, sizes).await;
    }
}

#[tokio::test]
async fn dropped_responses_have_the_bytes_so_far() {
    for version in VERSIONS {
        let telemetry = Telemetry::default();
        let address = serve(sized(telemetry.server())).await;
        let client = connect(&telemetry, version);
        let mut response = net::get(&client, address, "/endless").await.unwrap();
        soon(response.body_mut().frame()).await.unwrap().unwrap();
        drop(response);
        let sizes = (Some(0), Some(5));
        assert_sizes(&telemetry, sizes, sizes).await;
    }
}

#[tokio::test]
async fn dropped_requests_have_the_bytes_so_far() {
    let telemetry = Telemetry::default();
    let received = Gate::default();
    let inside = received.clone();
    let address = net::serve_root(
        sized(telemetry.server()),
        async move |mut request: Request<Body>| {
            request.body_mut().frame().await.unwrap().unwrap();
            inside.open();
            std::future::pending::<()>().await;
        },
    )
    .await;
    let mut request = net::request(Method::POST, address, "/");
    *request.body_mut() = scripted([Step::Data("hello"), Step::Hang]);
    let client = connect(&telemetry, Version::HTTP_2);
    let call = tokio::spawn(client.oneshot(request));
    soon(received.pass()).await;
    call.abort();
    // There was no response.
    let sizes = (Some(5), None);
    assert_sizes(&telemetry, sizes, sizes).await;
}

#[tokio::test]
async fn unread_requests_have_size_0() {
    let telemetry = Telemetry::default();
    let handler =
        async |_: Request<Body>| Ok::<_, std::convert::Infallible>(Response::new(Body::from("no")));
    let service = sized(telemetry.server()).layer(service_fn(handler));
    let service = sized(telemetry.client()).layer(service);
    let request = Request::post("/").body(Body::from("hello")).unwrap();
    net::read(service.oneshot(request).await.unwrap())
        .await
        .unwrap();
    let sizes = (Some(0), Some(2));
    assert_sizes(&telemetry, sizes, sizes).await;
}

#[tokio::test]
async fn spans_that_end_with_the_head_have_the_content_length_or_no_size() {
    for (path, size) in [
        ("/whole", Some(12)),
        ("/chunks", None),
        ("/no-content", Some(0)),
    ] {
        let telemetry = Telemetry::default();
        let address =
            serve(sized(telemetry.server()).with_stream_end(|_, _| StreamEnd::Headers)).await;
        let layer = sized(telemetry.client()).with_stream_end(|_, _| StreamEnd::Headers);
        let client = net::connect(layer, Version::HTTP_2);
        exchange(&client, net::request(Method::GET, address, path)).await;
        let sizes = (Some(0), size);
        assert_sizes(&telemetry, sizes, sizes).await;
    }
}

#[tokio::test]
async fn metrics_and_attributes_are_separate_options() {
    for (sizes, opt_in) in [(false, false), (true, false), (false, true)] {
        let (traces, values) = (Traces::default(), Values::default());
        let mut layer = values.on(traces.server());
        if sizes {
            layer = layer.with_metrics(|metrics| metrics.body_sizes());
        }
        if opt_in {
            layer = layer.with_conventions(|conventions| conventions.opt_in(OptIn::BodySize));
        }
        let handler = async |request: Request<Body>| {
            Ok::<_, std::convert::Infallible>(Response::new(request.into_body()))
        };
        let request = Request::post("/").body(Body::from("hello")).unwrap();
        let response = layer.layer(service_fn(handler)).oneshot(request).await;
        net::read(response.unwrap()).await.unwrap();
        let span = &traces.finished()[0];
        let five = opt_in.then_some(5);
        assert_eq!(int(span, "http.request.body.size"), five);
        assert_eq!(int(span, "http.response.body.size"), five);
        assert_eq!(values.all().len(), if sizes { 3 } else { 1 });
    }
}

#[tokio::test]
async fn the_old_conventions_have_no_body_sizes() {
    let (traces, values) = (Traces::default(), Values::default());
    let layer = values.on(traces.server());
    let layer = layer
        .with_metrics(|metrics| metrics.body_sizes().active_requests())
        .with_conventions(|conventions| conventions.http(Generation::Old));
    let handler = async |request: Request<Body>| {
        Ok::<_, std::convert::Infallible>(Response::new(request.into_body()))
    };
    let request = Request::post("/").body(Body::from("hello")).unwrap();
    let response = layer.layer(service_fn(handler)).oneshot(request).await;
    net::read(response.unwrap()).await.unwrap();
    let names: Vec<_> = values.all().into_iter().map(|value| value.name).collect();
    assert_eq!(names, ["http.server.duration"]);
}
