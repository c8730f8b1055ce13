//! The READMEs' code, compiled, and proof that they show just this.
#![allow(missing_docs, clippy::unwrap_used)]

use lianlu_protos::helloworld;

struct MyGreeter<T> {
    #[allow(dead_code)]
    next: T,
}

#[tonic::async_trait]
impl<T: Send + Sync + 'static> GreeterService for MyGreeter<T> {
    async fn say_hello(
        &self,
        _: tonic::Request<helloworld::HelloRequest>,
    ) -> Result<tonic::Response<helloworld::HelloReply>, tonic::Status> {
        Err(tonic::Status::unimplemented("only to be compiled"))
    }
}

use helloworld::greeter_server::Greeter as GreeterService;

// [readme]
use helloworld::{greeter_client::GreeterClient, greeter_server::GreeterServer};
use lianlu::{Resource, Sampler};
use tonic::transport::{Channel, Server};
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Once: where spans go. Keep the guard, its end flushes.
    let guard = lianlu::jaeger::pipeline()
        .with_collector_endpoint("http://localhost:14268/api/traces")
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(Resource::builder().with_service_name("greeter").build())
        .install()?;

    // A client: a layer around its channel.
    let channel = Channel::from_static("http://127.0.0.1:9001").connect_lazy();
    let channel = ServiceBuilder::new()
        .layer(lianlu::client().with_target("http://127.0.0.1:9001"))
        .service(channel);
    let next = GreeterClient::new(channel);

    // The server: a layer.
    Server::builder()
        .layer(lianlu::server())
        .add_service(GreeterServer::new(MyGreeter { next }))
        .serve_with_shutdown("127.0.0.1:9000".parse()?, async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;

    guard.shutdown()?;
    Ok(())
}
// [/readme]

/// The code without comments, which are in the reader's language.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn both_readmes_show_this_code() {
    let this = include_str!("readme.rs");
    let (_, rest) = this.split_once("// [readme]\n").unwrap();
    let (expected, _) = rest.split_once("// [/readme]\n").unwrap();
    for readme in [
        include_str!("../../../README.md"),
        include_str!("../../../README.zh-CN.md"),
    ] {
        let (_, rest) = readme.split_once("```rust\n").unwrap();
        let (shown, _) = rest.split_once("```\n").unwrap();
        assert_eq!(code(shown), code(expected));
    }
}
