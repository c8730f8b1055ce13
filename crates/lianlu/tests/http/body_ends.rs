//! The regular ends of an HTTP response body, over HTTP/1.1 and HTTP/2, on both sides.

use ::http::{Method, StatusCode, Version};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tower::ServiceExt;

use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::soon;
use crate::common::traces::{Traces, http_status};

type Answer = fn() -> Response;

fn two_pieces() -> Body {
    scripted([Step::Data("hel"), Step::Data("lo")])
}

/// Calls a server that answers so, and asserts that both spans are fine.
async fn check(method: Method, answer: Answer, status: u16, expected: &str) {
    for version in VERSIONS {
        let traces = Traces::default();
        let address = net::serve_root(traces.server(), async move || answer()).await;
        let client = net::connect(traces.client(), version);
        let request = net::request(method.clone(), address, "/");
        let response = soon(client.oneshot(request)).await.unwrap();
        assert_eq!(response.version(), version);
        assert_eq!(net::read(response).await.unwrap(), expected);

        let (client, server) = traces.fine_pair().await;
        for span in [client, server] {
            assert_eq!(http_status(&span), Some(status.into()), "{version:?}");
        }
    }
}

/// The same with reqwest.
async fn check_reqwest(method: Method, app: Router<()>, traces: Traces, expected: &str) {
    let address = net::serve(app.layer(traces.server())).await;
    let request = reqwest::Request::new(method, format!("http://{address}/").parse().unwrap());
    let response = soon(net::reqwest(traces.client()).oneshot(request)).await;
    assert_eq!(soon(response.unwrap().text()).await.unwrap(), expected);
    traces.fine_pair().await;
}

#[tokio::test]
async fn every_regular_end_is_fine_on_both_sides() {
    let cases: [(Method, Answer, u16, &str); 9] = [
        // With a content length, chunked, chunked without a chunk.
        (
            Method::GET,
            || Body::from("hello").into_response(),
            200,
            "hello",
        ),
        (Method::GET, || two_pieces().into_response(), 200, "hello"),
        (Method::GET, || scripted([]).into_response(), 200, ""),
        // hyper does not poll a body beyond its content length, and these do not know their end.
        (
            Method::GET,
            || response(Some(5), two_pieces()),
            200,
            "hello",
        ),
        (Method::GET, || response(Some(0), scripted([])), 200, ""),
        // Without a body.
        (Method::GET, || Body::empty().into_response(), 200, ""),
        (
            Method::GET,
            || StatusCode::NO_CONTENT.into_response(),
            204,
            "",
        ),
        (
            Method::GET,
            || StatusCode::NOT_MODIFIED.into_response(),
            304,
            "",
        ),
        // The length of a body that is not sent.
        (
            Method::HEAD,
            || response(Some(5), Body::from("hello")),
            200,
            "",
        ),
    ];
    for (method, answer, status, expected) in cases {
        check(method, answer, status, expected).await;
    }
}

/// hyper drops the body of a 204.
#[tokio::test]
async fn a_body_that_is_not_sent_is_not_waited_for() {
    let traces = Traces::default();
    let address = net::serve_root(traces.server(), || async {
        let mut response = Response::new(scripted([Step::Hang]));
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    })
    .await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    assert_eq!(net::fetch(&client, address, "/").await, "");
    traces.fine_pair().await;
}

#[tokio::test]
async fn an_upgrade_ends_both_spans() {
    let traces = Traces::default();
    let address = net::serve_root(traces.server(), || async {
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("connection", "upgrade")
            .header("upgrade", "chat")
            .body(Body::empty())
            .unwrap()
    })
    .await;
    let mut request = net::request(Method::GET, address, "/");
    request.headers_mut().extend([
        ("connection".parse().unwrap(), "upgrade".parse().unwrap()),
        (
            "upgrade".parse::<::http::HeaderName>().unwrap(),
            "chat".parse().unwrap(),
        ),
    ]);
    let client = net::connect(traces.client(), Version::HTTP_11);
    let response = soon(client.oneshot(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    soon(hyper::upgrade::on(response)).await.unwrap();
    traces.fine_pair().await;
}

#[tokio::test]
async fn trailers_are_passed_on() {
    for version in VERSIONS {
        let traces = Traces::default();
        let address = net::serve_root(traces.server(), || async {
            let trailers = ::http::HeaderMap::from_iter([(
                "checksum".parse::<::http::HeaderName>().unwrap(),
                "1".parse().unwrap(),
            )]);
            let body = http_body_util::BodyExt::with_trailers(
                scripted([Step::Data("hello")]),
                std::future::ready(Some(Ok(trailers))),
            );
            Response::builder()
                .header("trailer", "checksum")
                .body(Body::new(body))
                .unwrap()
        })
        .await;
        let client = net::connect(traces.client(), version);
        let mut request = net::request(Method::GET, address, "/");
        if version == Version::HTTP_11 {
            request
                .headers_mut()
                .insert("te", "trailers".parse().unwrap());
        }
        let response = soon(client.oneshot(request)).await.unwrap();
        let body = soon(http_body_util::BodyExt::collect(response.into_body())).await;
        let body = body.unwrap();
        assert_eq!(body.trailers().unwrap()["checksum"], "1");
        traces.fine_pair().await;
    }
}

#[tokio::test]
async fn every_regular_end_is_fine_with_reqwest() {
    let answers: [(Method, Answer, &str); 6] = [
        (Method::GET, || Response::new(Body::from("hello")), "hello"),
        (
            Method::GET,
            || Response::new(scripted([Step::Data("hello")])),
            "hello",
        ),
        (
            Method::GET,
            || response(Some(5), scripted([Step::Data("hello"), Step::Hang])),
            "hello",
        ),
        (Method::GET, || Response::new(Body::empty()), ""),
        (
            Method::DELETE,
            || StatusCode::NO_CONTENT.into_response(),
            "",
        ),
        (Method::HEAD, || response(Some(5), Body::from("hello")), ""),
    ];
    for (method, answer, expected) in answers {
        let app = Router::new().route("/", any(async move || answer()));
        check_reqwest(method, app, Traces::default(), expected).await;
    }
}
