//! A Greeter on tonic.

use lianlu_protos::helloworld::greeter_server::{Greeter, GreeterServer};
use lianlu_protos::helloworld::{HelloReply, HelloRequest};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::peers::{self, Peer};

struct Hello;

#[tonic::async_trait]
impl Greeter for Hello {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(HelloReply {
            message: format!("Hello, {}", request.into_inner().name),
        }))
    }
}

pub(super) async fn serve(listener: TcpListener, peer: Peer) {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let greeter = GreeterServer::new(Hello);
    let served = peers::with_grpc_layer!(peer, false, |layer| {
        Server::builder()
            .layer(layer)
            .add_service(greeter)
            .serve_with_incoming(incoming)
            .await
    });
    served.expect("the server runs until the process ends");
}
