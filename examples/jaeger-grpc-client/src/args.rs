//! The command line.

use clap::Parser;
use lianlu::pipeline::PipelineError;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

/// Calls helloworld.Greeter/SayHello once, traced to Jaeger as the service `kratos-trace`.
///
/// Prints the reply; a call that fails is printed to standard error and exits with 1. Its span is
/// sent either way.
#[derive(Debug, Parser)]
#[command(name = "jaeger-grpc-client", version, max_term_width = 100)]
pub(crate) struct Args {
    /// The address of the Greeter
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    pub(crate) addr: String,

    /// The name to greet; "boom" makes the server answer INTERNAL
    #[arg(long, value_name = "NAME", default_value = "lianlu")]
    pub(crate) name: String,

    /// The endpoint of Jaeger's collector
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://localhost:14268/api/traces"
    )]
    pub(crate) collector_endpoint: String,
}

impl Args {
    /// The endpoint of the server.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, String> {
        Endpoint::from_shared(format!("http://{}", self.addr)).map_err(|_| {
            format!(
                "--addr: needs host:port such as 127.0.0.1:9000, got {:?}",
                self.addr
            )
        })
    }

    /// Names the flag in place of the method.
    pub(crate) fn explain_setup(&self, error: PipelineError) -> String {
        error
            .to_string()
            .replace("with_collector_endpoint", "--collector-endpoint")
    }

    /// The error of a call, with what to do.
    pub(crate) fn explain_call(&self, status: &Status) -> String {
        let error = format!("SayHello: {:?}: {}", status.code(), status.message());
        if status.code() == Code::Unavailable {
            let addr = &self.addr;
            format!("{error}; start jaeger-grpc-server on {addr}, or set its address with --addr")
        } else {
            error
        }
    }
}
