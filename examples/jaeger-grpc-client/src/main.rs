//! The client of Kratos's tracing page, in Rust: calls a Greeter, with spans sent to Jaeger.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod args;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use lianlu::{KeyValue, Resource, Sampler};
use lianlu_protos::helloworld::HelloRequest;
use lianlu_protos::helloworld::greeter_client::GreeterClient;
use tower::ServiceBuilder;

use args::Args;

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    // Spans to Jaeger.
    let guard = lianlu::jaeger::pipeline()
        .with_collector_endpoint(args.collector_endpoint.as_str())
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(
            Resource::builder()
                .with_service_name("kratos-trace")
                .with_attributes([
                    KeyValue::new("exporter", "jaeger"),
                    KeyValue::new("float", 312.23),
                ])
                .build(),
        )
        .install()
        .map_err(|error| args.explain_setup(error))?;

    // A span for each call.
    let channel = ServiceBuilder::new()
        .layer(lianlu::client().with_target(&args.addr))
        .service(args.endpoint()?.connect_lazy());
    let reply = GreeterClient::new(channel)
        .say_hello(HelloRequest {
            name: args.name.clone(),
        })
        .await;

    // The span is sent, also after an error.
    let _ = guard.shutdown();
    let reply = reply.map_err(|status| args.explain_call(&status))?;
    println!("[grpc] SayHello {}", reply.into_inner().message);
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
