//! The command line.

use clap::Parser;
use lianlu::PipelineError;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

/// Calls helloworld.Greeter/SayHello once, traced to Jaeger as the service `kratos-trace`.
///
/// Prints the reply; a call that fails is printed to standard error and exits with 1. Its span is
/// sent either way.
#[derive(Debug, Parser)]
#[command(name = "jaeger-grpc-client", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Where the Greeter listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    pub(crate) addr: String,

    /// Whom to greet; "boom" makes the server answer INTERNAL
    #[arg(long, value_name = "NAME", default_value = "lianlu")]
    pub(crate) name: String,

    /// Jaeger's collector
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://localhost:14268/api/traces"
    )]
    pub(crate) collector_endpoint: String,
}

impl Args {
    /// The server, to connect to.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, String> {
        Endpoint::from_shared(format!("http://{}", self.addr)).map_err(|_| {
            format!(
                "--addr: needs host:port such as 127.0.0.1:9000, got {:?}",
                self.addr
            )
        })
    }

    /// Says the flag's name for the method's.
    pub(crate) fn explain_setup(&self, error: PipelineError) -> String {
        error
            .to_string()
            .replace("with_collector_endpoint", "--collector-endpoint")
    }

    /// What went wrong with the call, and what to do.
    pub(crate) fn explain_call(&self, status: &Status) -> String {
        let said = format!("SayHello: {:?}: {}", status.code(), status.message());
        if status.code() == Code::Unavailable {
            let addr = &self.addr;
            format!("{said}; start jaeger-grpc-server on {addr}, or say where it is with --addr")
        } else {
            said
        }
    }
}
