//! An HTTP/2 server; the test provides the gRPC part.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};

/// Reads each request to its end, then calls `respond`. Runs until the end of the test.
pub fn server(response: impl Fn(SendResponse<Bytes>) + Send + 'static) -> SocketAddr {
    server_of(move |_, _, respond| response(respond))
}

/// As [`server`]; `response` gets the path and the body of the request too.
pub fn server_of(
    response: impl Fn(&str, Vec<u8>, SendResponse<Bytes>) + Send + 'static,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, &response).await;
            }
        });
    });
    address
}

async fn serve(
    stream: tokio::net::TcpStream,
    response: &impl Fn(&str, Vec<u8>, SendResponse<Bytes>),
) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        let mut body = request.into_body();
        let mut read = Box::pin(async {
            let mut bytes = Vec::new();
            while let Some(Ok(data)) = body.data().await {
                let _ = body.flow_control().release_capacity(data.len());
                bytes.extend_from_slice(&data);
            }
            bytes
        });
        // The connection makes progress only while it is polled.
        let bytes = std::future::poll_fn(|cx| match read.as_mut().poll(cx) {
            std::task::Poll::Ready(bytes) => std::task::Poll::Ready(bytes),
            std::task::Poll::Pending => connection.poll_closed(cx).map(|_| Vec::new()),
        })
        .await;
        response(&path, bytes, respond);
    }
}

/// The head of a gRPC response.
pub fn head() -> Response<()> {
    Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .unwrap()
}

/// Trailers, or the headers of an error response.
pub fn headers(pairs: &[(&'static str, &'static [u8])]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static [u8])| {
        let name = http::HeaderName::from_static(name);
        (name, HeaderValue::from_bytes(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

/// A message with its flag and length.
pub fn message(flag: u8, bytes: &[u8]) -> Bytes {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], bytes].concat().into()
}
