//! The server of Kratos's tracing page, in Rust: a Greeter with spans sent to Jaeger.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod greeter;
mod stop;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use lianlu::{KeyValue, Resource, Sampler};
use lianlu_protos::helloworld::greeter_server::GreeterServer;
use tonic::transport::Server;

use args::Args;
use greeter::Greeter;

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let stop = stop::signal()?;
    let incoming = args.listen().await?;

    // Spans to Jaeger.
    let guard = lianlu::jaeger::pipeline()
        .with_collector_endpoint(args.collector_endpoint.as_str())
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(
            Resource::builder()
                .with_service_name(args.name.clone())
                .with_attributes([
                    KeyValue::new("exporter", "jaeger"),
                    KeyValue::new("float", 312.23),
                ])
                .build(),
        )
        .install()
        .map_err(|error| args.explain(error))?;

    // A span for each call, except for reflection.
    println!("listening on {}", incoming.local_addr()?);
    let server = Server::builder()
        .layer(lianlu::server().with_filter(|call| !call.path().starts_with("/grpc.")))
        .add_service(GreeterServer::new(Greeter))
        .add_service(greeter::reflection()?)
        .serve_with_incoming_shutdown(incoming, stop);
    stop::in_time(server).await?;

    // Flushes all ended spans; what is lost is logged.
    let _ = guard.shutdown();
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
