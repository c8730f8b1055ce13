//! Each regular end of an HTTP response's body, over HTTP/1.1 and HTTP/2, on both sides.

use ::http::{Method, StatusCode, Version};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{any, get};
use tower::ServiceExt;

use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::soon;
use crate::common::traces::{Traces, assert_fine, int};

/// Serves `answer` at `/`, asks for it with both clients, and checks that each side of each call is
/// one span that ended well.
async fn check<F>(method: Method, answer: F, status: u16, expected: &str)
where
    F: Fn() -> Response + Clone + Send + Sync + 'static,
{
    for version in VERSIONS {
        let traces = Traces::default();
        let answer = answer.clone();
        let app = Router::new()
            .route("/", any(async move || answer()))
            .layer(traces.server());
        let address = net::serve(app).await;
        let client = net::connect(traces.client(), version);
        let request = net::request(method.clone(), address, "/");
        let response = soon(client.oneshot(request)).await.unwrap();
        assert_eq!(response.version(), version);
        assert_eq!(net::read(response).await.unwrap(), expected);

        let (client, server) = traces.pair().await;
        for span in [client, server] {
            assert_fine(&span);
            assert_eq!(
                int(&span, "http.response.status_code"),
                Some(status.into()),
                "{version:?}"
            );
        }
    }
}

/// The same for what reqwest makes of it.
async fn check_reqwest(method: Method, app: Router<()>, traces: Traces, expected: &str) {
    let address = net::serve(app.layer(traces.server())).await;
    let request = reqwest::Request::new(method, format!("http://{address}/").parse().unwrap());
    let response = soon(net::reqwest(traces.client()).oneshot(request)).await;
    assert_eq!(soon(response.unwrap().text()).await.unwrap(), expected);
    let (client, server) = traces.pair().await;
    assert_fine(&client);
    assert_fine(&server);
}

#[tokio::test]
async fn with_a_content_length() {
    check(
        Method::GET,
        || Response::new(Body::from("hello")),
        200,
        "hello",
    )
    .await;
}

#[tokio::test]
async fn chunked() {
    check(
        Method::GET,
        || Response::new(scripted([Step::Data("hel"), Step::Data("lo")])),
        200,
        "hello",
    )
    .await;
}

#[tokio::test]
async fn chunked_without_a_chunk() {
    check(Method::GET, || Response::new(scripted([])), 200, "").await;
}

/// hyper asks a body no further once it has the bytes that the header promised, and this body never
/// says by itself that it has ended.
#[tokio::test]
async fn with_a_content_length_and_a_body_that_does_not_tell() {
    check(
        Method::GET,
        || response(Some(5), scripted([Step::Data("hel"), Step::Data("lo")])),
        200,
        "hello",
    )
    .await;
}

/// The same with nothing promised: the body is not even asked.
#[tokio::test]
async fn with_a_content_length_of_zero_and_a_body_that_does_not_tell() {
    check(Method::GET, || response(Some(0), scripted([])), 200, "").await;
}

#[tokio::test]
async fn empty() {
    check(Method::GET, || Response::new(Body::empty()), 200, "").await;
}

#[tokio::test]
async fn without_content() {
    for status in [204, 304] {
        check(
            Method::GET,
            move || {
                let status = StatusCode::from_u16(status).unwrap();
                axum::response::IntoResponse::into_response(status)
            },
            status,
            "",
        )
        .await;
    }
}

/// A body that should not be there is thrown away by hyper.
#[tokio::test]
async fn without_content_whatever_the_body_says() {
    let traces = Traces::default();
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                let mut response = Response::new(scripted([Step::Hang]));
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }),
        )
        .layer(traces.server());
    let address = net::serve(app).await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    let response = net::get(&client, address, "/").await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "");
    let (client, server) = traces.pair().await;
    assert_fine(&client);
    assert_fine(&server);
}

/// `HEAD` is told the length of a body that it doesn't get.
#[tokio::test]
async fn to_head() {
    check(
        Method::HEAD,
        || response(Some(5), Body::from("hello")),
        200,
        "",
    )
    .await;
}

/// A tunnel: the connection is no longer HTTP's.
#[tokio::test]
async fn by_an_upgrade() {
    let traces = Traces::default();
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                Response::builder()
                    .status(StatusCode::SWITCHING_PROTOCOLS)
                    .header("connection", "upgrade")
                    .header("upgrade", "chat")
                    .body(Body::empty())
                    .unwrap()
            }),
        )
        .layer(traces.server());
    let address = net::serve(app).await;
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
    let (client, server) = traces.pair().await;
    assert_fine(&client);
    assert_fine(&server);
}

#[tokio::test]
async fn with_trailers() {
    for version in VERSIONS {
        let traces = Traces::default();
        let app = Router::new()
            .route(
                "/",
                get(|| async {
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
                }),
            )
            .layer(traces.server());
        let address = net::serve(app).await;
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
        let (client, server) = traces.pair().await;
        assert_fine(&client);
        assert_fine(&server);
    }
}

#[tokio::test]
async fn through_reqwest() {
    type Answer = fn() -> Response;
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
            || axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT),
            "",
        ),
        (Method::HEAD, || response(Some(5), Body::from("hello")), ""),
    ];
    for (method, answer, expected) in answers {
        let app = Router::new().route("/", any(async move || answer()));
        check_reqwest(method, app, Traces::default(), expected).await;
    }
}
