//! HTTP servers and clients.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use lianlu::ResponseBody;
use tower::ServiceExt;

use super::{Gate, listen, soon};

/// Serves `app` over HTTP/1.1 and HTTP/2, telling handlers who calls.
pub async fn serve(app: Router) -> SocketAddr {
    let (listener, address) = listen().await;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

pub type Legacy = Client<HttpConnector, Body>;
pub type HttpClient = lianlu::ClientService<Legacy>;

/// Both versions that a scenario over HTTP runs in.
pub const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// hyper's client without a layer.
pub fn plain(version: Version) -> Legacy {
    Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        // hyper tries an idempotent request again by itself; a scenario wants one.
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
pub fn reqwest(layer: lianlu::ClientLayer) -> lianlu::ClientService<reqwest::Client> {
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

/// Sends `GET path`; the response's body is still to be read.
pub async fn get(
    client: &HttpClient,
    address: SocketAddr,
    path: &str,
) -> Result<Response<ResponseBody<hyper::body::Incoming>>, Error> {
    let request = request(Method::GET, address, path);
    soon(client.clone().oneshot(request)).await
}

/// Reads a body to its end.
pub async fn read<B>(response: Response<B>) -> Result<String, B::Error>
where
    B: http_body::Body,
{
    let body = soon(response.into_body().collect()).await?;
    Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

/// What a [`scripted`] body does next.
pub enum Step {
    Data(&'static str),
    /// Waits until the gate opens.
    Wait(Gate),
    /// Runs something while the body is polled.
    Run(Box<dyn FnOnce() + Send>),
    Fail,
    Panic,
    Hang,
}

/// A body that never says when it has ended nor how long it is.
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
                Step::Panic => panic!("told to"),
                Step::Hang => std::future::pending().await,
            }
        }
    });
    Body::new(StreamBody::new(steps))
}

/// A response of such a body, with a content length if there is one.
pub fn response(length: Option<u64>, body: Body) -> Response<Body> {
    let mut response = Response::builder();
    if let Some(length) = length {
        response = response.header(http::header::CONTENT_LENGTH, length);
    }
    response.body(body).unwrap()
}
