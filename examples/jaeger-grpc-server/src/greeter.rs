//! helloworld.Greeter, and its description for server reflection.

use lianlu_protos::helloworld::{FILE_DESCRIPTOR_SET, HelloReply, HelloRequest, greeter_server};
use tonic::{Request, Response, Status};
use tonic_reflection::server::Builder;
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

#[derive(Debug)]
pub(crate) struct Greeter;

#[tonic::async_trait]
impl greeter_server::Greeter for Greeter {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let name = request.into_inner().name;
        if name == "boom" {
            return Err(Status::internal("boom"));
        }
        let message = format!("Hello {name}");
        Ok(Response::new(HelloReply { message }))
    }
}

/// The server reflection service, for grpcurl.
pub(crate) fn reflection()
-> Result<ServerReflectionServer<impl ServerReflection>, tonic_reflection::server::Error> {
    Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()
}
