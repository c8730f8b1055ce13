//! The gRPC service `lianlu.testing.Echo` and its clients.

use std::net::SocketAddr;
use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use lianlu_protos::testing::EchoMessage;
use lianlu_protos::testing::echo_client;
use lianlu_protos::testing::echo_server::{Echo as EchoMethods, EchoServer};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};

use super::traces::Traces;
use super::{Gate, listen, soon};

/// The text of a message is a command:
///
/// - `fail 5 no such thing` returns a status;
/// - `panic` panics, `hang` never answers;
/// - `wait panic` runs the command after `wait` when `gate` opens;
/// - `child` makes the spans `before await` and `after await`;
/// - `log` logs `before await` and `after await`;
/// - `ids` answers with `lianlu::trace_id()` and `lianlu::span_id()`;
/// - any other text is sent back.
///
/// A server stream sends `count` messages first. `entered` opens once for each call.
#[derive(Debug, Clone, Default)]
pub struct Echo {
    pub traces: Traces,
    pub entered: Gate,
    pub gate: Gate,
}

impl Echo {
    pub fn new(traces: &Traces) -> Self {
        Self {
            traces: traces.clone(),
            ..Self::default()
        }
    }

    async fn act(&self, text: &str) -> Result<String, Status> {
        let text = match text.strip_prefix("wait ") {
            Some(text) => {
                self.gate.pass().await;
                text
            }
            None => text,
        };
        match text.split(' ').next().unwrap() {
            "fail" => {
                let mut words = text.splitn(3, ' ').skip(1);
                let code: i32 = words.next().unwrap().parse().unwrap();
                return Err(Status::new(Code::from_i32(code), words.next().unwrap()));
            }
            "panic" => panic!("on request"),
            "hang" => std::future::pending().await,
            "child" => {
                self.traces.child("before await");
                tokio::task::yield_now().await;
                self.traces.child("after await");
            }
            "log" => {
                tracing::info!("before await");
                tokio::task::yield_now().await;
                tracing::info!("after await");
            }
            "ids" => return Ok(format!("{} {}", lianlu::trace_id(), lianlu::span_id())),
            _ => {}
        }
        Ok(text.to_owned())
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<EchoMessage, Status>> + Send>>;

#[tonic::async_trait]
impl EchoMethods for Echo {
    async fn unary(&self, request: Request<EchoMessage>) -> Result<Response<EchoMessage>, Status> {
        self.entered.open();
        let text = self.act(&request.get_ref().text).await?;
        Ok(Response::new(message(&text, 0)))
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<EchoMessage>>,
    ) -> Result<Response<EchoMessage>, Status> {
        self.entered.open();
        let mut messages = request.into_inner();
        let mut texts = Vec::new();
        while let Some(message) = messages.message().await? {
            texts.push(self.act(&message.text).await?);
        }
        Ok(Response::new(message(&texts.join(","), 0)))
    }

    type ServerStreamStream = Messages;

    async fn server_stream(
        &self,
        request: Request<EchoMessage>,
    ) -> Result<Response<Messages>, Status> {
        self.entered.open();
        let EchoMessage { text, count } = request.into_inner();
        let echo = self.clone();
        let replies = stream::unfold(0, move |sent| {
            let (echo, text) = (echo.clone(), text.clone());
            async move {
                match sent {
                    _ if sent < count => Some((Ok(message(&text, 0)), sent + 1)),
                    _ if sent == count => match echo.act(&text).await {
                        Ok(_) => None,
                        Err(status) => Some((Err(status), sent + 1)),
                    },
                    _ => None,
                }
            }
        });
        Ok(Response::new(replies.boxed()))
    }

    type BidiStream = Messages;

    async fn bidi(
        &self,
        request: Request<Streaming<EchoMessage>>,
    ) -> Result<Response<Messages>, Status> {
        self.entered.open();
        let echo = self.clone();
        let replies = request.into_inner().then(move |message| {
            let echo = echo.clone();
            async move { Ok(self::message(&echo.act(&message?.text).await?, 0)) }
        });
        Ok(Response::new(replies.boxed()))
    }
}

pub fn message(text: &str, count: u32) -> EchoMessage {
    EchoMessage {
        text: text.to_owned(),
        count,
    }
}

/// The size of an encoded [`message`], without the gRPC frame header.
pub fn size(text: &str, count: u32) -> i64 {
    assert!(text.len() < 128 && count < 128, "lengths are one byte each");
    let text = if text.is_empty() { 0 } else { 2 + text.len() };
    i64::try_from(text + if count == 0 { 0 } else { 2 }).unwrap()
}

/// Serves `echo` behind `layer`.
pub async fn serve(layer: lianlu::ServerLayer, echo: Echo) -> SocketAddr {
    let (listener, address) = listen().await;
    let server = Server::builder()
        .layer(layer)
        .add_service(EchoServer::new(echo));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

pub type EchoClient = echo_client::EchoClient<lianlu::layer::ClientService<Channel>>;

/// A client of the server at `address`, behind `layer`.
pub async fn connect(layer: lianlu::ClientLayer, address: SocketAddr) -> EchoClient {
    let channel = channel(address).connect().await.unwrap();
    echo_client::EchoClient::new(tower::ServiceBuilder::new().layer(layer).service(channel))
}

/// A client that connects with its first call.
pub fn connect_lazily(layer: lianlu::ClientLayer, address: SocketAddr) -> EchoClient {
    let channel = channel(address).connect_lazy();
    echo_client::EchoClient::new(tower::ServiceBuilder::new().layer(layer).service(channel))
}

/// Reads a stream to its end. The number of messages.
pub async fn drain(reply: Response<Streaming<EchoMessage>>) -> usize {
    let mut replies = reply.into_inner();
    let mut count = 0;
    while soon(replies.message()).await.unwrap().is_some() {
        count += 1;
    }
    count
}

pub fn channel(address: SocketAddr) -> tonic::transport::Endpoint {
    Channel::from_shared(format!("http://{address}")).unwrap()
}

/// A connected client and its server, both traced into `traces`.
pub async fn pair(traces: &Traces) -> (EchoClient, Echo) {
    let echo = Echo::new(traces);
    let address = serve(traces.server(), echo.clone()).await;
    (connect(traces.client(), address).await, echo)
}
