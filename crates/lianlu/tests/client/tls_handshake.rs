//! Spans of TLS handshakes.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use ::http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use lianlu::connection::{Connect, PhaseService};
use opentelemetry::trace::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::common::traces::{
    Traces, assert_child, assert_error, assert_fine, cancelled, int, named, text,
};
use crate::common::{closed_port, listen, soon};

fn connector(traces: &Traces) -> PhaseService<HttpConnector, Connect> {
    let connect = traces.connect();
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    connect.layer(http)
}

/// Sends `hello?` and waits for `hello!`, in place of a TLS handshake.
#[derive(Clone)]
struct Shaking<C>(C);

impl<C> Service<Uri> for Shaking<C>
where
    C: Service<Uri, Response = TokioIo<TcpStream>> + Clone + Send + 'static,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    C::Future: Send,
{
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            let mut io = connecting.await.map_err(Into::into)?.into_inner();
            io.write_all(b"hello?").await?;
            let mut answer = [0; 6];
            io.read_exact(&mut answer).await?;
            if &answer != b"hello!" {
                return Err(
                    std::io::Error::new(std::io::ErrorKind::InvalidData, "no hello").into(),
                );
            }
            Ok(TokioIo::new(io))
        })
    }
}

/// Answers the handshake of each connection with the next of these words.
async fn serve(answers: &'static [&'static str]) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut open = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.read_exact(&mut [0; 6]).await.unwrap();
            socket.write_all(answer.as_bytes()).await.unwrap();
            open.push(socket);
        }
        std::future::pending::<()>().await;
    });
    address
}

#[tokio::test]
async fn a_handshake_starts_when_the_connection_is_made() {
    let traces = Traces::default();
    let tls = traces.tls();
    let connector = tls.layer(Shaking(connector(&traces)));
    let address = serve(&["hello!", "no way", ""]).await;
    let uri: Uri = format!("https://{address}/").parse().unwrap();

    let root = traces.root("caller");
    let call = connector.clone().oneshot(uri.clone());
    soon(call.with_context(root.clone())).await.unwrap();
    drop(root);
    let spans = traces.all(3).await;
    let (connect, tls) = (named(&spans, "connect"), named(&spans, "tls"));
    let caller = named(&spans, "caller");
    assert_child(&connect, &caller);
    assert_child(&tls, &caller);
    assert_eq!(tls.start_time, connect.end_time);
    assert_fine(&tls);
    assert_eq!(text(&tls, "server.address"), Some("127.0.0.1"));
    assert_eq!(int(&tls, "server.port"), Some(address.port().into()));

    // The server does not speak TLS.
    soon(connector.clone().oneshot(uri.clone()))
        .await
        .unwrap_err();
    let spans = traces.all(5).await;
    let failed = spans.last().unwrap();
    assert_eq!(failed.name, "tls");
    assert_error(failed, "InvalidData");

    // The server never answers.
    let mut call = Box::pin(connector.clone().oneshot(uri));
    while traces.finished().len() < 6 {
        assert!(futures_util::poll!(&mut call).is_pending());
        tokio::task::yield_now().await;
    }
    drop(call);
    let spans = traces.all(7).await;
    assert_eq!(spans[6].name, "tls");
    assert!(cancelled(&spans[6]));
}

#[tokio::test]
async fn there_is_no_handshake_span_without_a_connection_or_in_plain_text() {
    let traces = Traces::default();
    let tls = traces.tls();
    let connector = tls.layer(Shaking(connector(&traces)));
    let uri: Uri = format!("https://{}/", closed_port().await).parse().unwrap();
    soon(connector.clone().oneshot(uri)).await.unwrap_err();
    let address = serve(&["hello!"]).await;
    let uri: Uri = format!("http://{address}/").parse().unwrap();
    soon(connector.clone().oneshot(uri)).await.unwrap();
    let spans = traces.all(2).await;
    assert!(spans.iter().all(|span| span.name == "connect"));
}

/// Without a connect layer the time of the connection is not known.
#[tokio::test]
async fn a_handshake_alone_includes_the_connecting() {
    let traces = Traces::default();
    let tls = traces.tls();
    let connector = tls.layer(Shaking(service_fn(async |uri: Uri| {
        let address = uri.authority().unwrap().as_str().to_owned();
        TcpStream::connect(address).await.map(TokioIo::new)
    })));
    let address = serve(&["hello!"]).await;
    let uri: Uri = format!("https://{address}/").parse().unwrap();
    soon(connector.oneshot(uri)).await.unwrap();
    assert_fine(&named(&traces.all(1).await, "tls"));
}
