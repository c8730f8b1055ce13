//! HTTP servers and clients.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::handler::Handler;
use axum::routing::any;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use lianlu::layer::ResponseBody;
use tower::ServiceExt;

use super::{Gate, listen, soon};

/// Serves `app` over HTTP/1.1 and HTTP/2, with the peer's address as `ConnectInfo`.
pub async fn serve(app: Router) -> SocketAddr {
    let (listener, address) = listen().await;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Serves `handler` at `/`, behind `layer`.
pub async fn serve_root<H, T>(layer: lianlu::ServerLayer, handler: H) -> SocketAddr
where
    H: Handler<T, ()>,
    T: 'static,
{
    serve(Router::new().route("/", any(handler)).layer(layer)).await
}

pub type Legacy = Client<HttpConnector, Body>;
pub type HttpClient = lianlu::layer::ClientService<Legacy>;

/// The versions that scenarios run over.
pub const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// hyper's client without a layer.
pub fn plain(version: Version) -> Legacy {
    Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        // A scenario wants one request; hyper would repeat an idempotent one.
        .retry_canceled_requests(false)
        .build_http()
}

/// hyper's client behind `layer`.
pub fn connect(layer: lianlu::ClientLayer, version: Version) -> HttpClient {
    tower::ServiceBuilder::new()
        .layer(layer)
        .service(plain(version))
}

/// reqwest's client behind `layer`.
pub fn reqwest(layer: lianlu::ClientLayer) -> lianlu::layer::ClientService<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    tower::ServiceBuilder::new().layer(layer).service(client)
}

pub fn request(method: Method, address: SocketAddr, path: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"))
        .body(Body::empty())
        .unwrap()
}

/// `GET path` with these headers.
pub fn request_with(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

/// A gRPC call without a message.
pub fn grpc_request(address: SocketAddr, path: &str) -> Request<Body> {
    Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .body(Body::empty())
        .unwrap()
}

/// `GET url` for reqwest.
pub fn reqwest_get(url: &str) -> reqwest::Request {
    reqwest::Request::new(Method::GET, url.parse().unwrap())
}

/// Sends a request without a layer.
pub async fn send(version: Version, request: Request<Body>) -> Response<Incoming> {
    soon(plain(version).request(request)).await.unwrap()
}

/// For `service_fn`: answers any request with an empty 200.
pub async fn answer<B>(_: Request<B>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::empty()))
}

/// Sends `GET path`, and returns the response without reading its body.
pub async fn get(
    client: &HttpClient,
    address: SocketAddr,
    path: &str,
) -> Result<Response<ResponseBody<Incoming>>, Error> {
    let request = request(Method::GET, address, path);
    soon(client.clone().oneshot(request)).await
}

/// Sends `GET path`, and reads the response to its end.
pub async fn fetch(client: &HttpClient, address: SocketAddr, path: &str) -> String {
    read(get(client, address, path).await.unwrap())
        .await
        .unwrap()
}

/// Reads a body to its end.
pub async fn read<B>(response: Response<B>) -> Result<String, B::Error>
where
    B: http_body::Body,
{
    let body = soon(response.into_body().collect()).await?;
    Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

/// A step of a [`scripted`] body.
pub enum Step {
    Data(&'static str),
    /// Waits for the gate.
    Wait(Gate),
    /// Runs while the body is polled.
    Run(Box<dyn FnOnce() + Send>),
    Fail,
    Panic,
    Hang,
}

/// A body with neither a size hint nor an early `is_end_stream`.
pub fn scripted<const N: usize>(steps: [Step; N]) -> Body {
    let steps = stream::unfold(steps.into_iter(), |mut steps| async move {
        loop {
            match steps.next()? {
                Step::Data(data) => {
                    let frame = Frame::data(Bytes::from_static(data.as_bytes()));
                    return Some((Ok(frame), steps));
                }
                Step::Wait(gate) => gate.pass().await,
                Step::Run(run) => run(),
                Step::Fail => return Some((Err(io::Error::other("the disk is gone")), steps)),
                Step::Panic => panic!("on request"),
                Step::Hang => std::future::pending().await,
            }
        }
    });
    Body::new(StreamBody::new(steps))
}

/// A response with this body, and `content-length` if given.
pub fn response(length: Option<u64>, body: Body) -> Response<Body> {
    let mut response = Response::builder();
    if let Some(length) = length {
        response = response.header(http::header::CONTENT_LENGTH, length);
    }
    response.body(body).unwrap()
}
