//! The command line.

use clap::Parser;
use lianlu::pipeline::PipelineError;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

/// A gRPC server for helloworld.Greeter, traced to Jaeger.
///
/// SayHello answers "Hello NAME"; the name "boom" gets the status INTERNAL. Server reflection is
/// on, so `grpcurl -plaintext -d '{"name":"lianlu"}' 127.0.0.1:9000 helloworld.Greeter/SayHello`
/// works. SIGTERM and Ctrl-C stop it with all spans flushed.
#[derive(Debug, Parser)]
#[command(name = "jaeger-grpc-server", version, max_term_width = 100)]
pub(crate) struct Args {
    /// The address to listen on; port 0 for a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    addr: String,

    /// The service name in the traces
    #[arg(long, value_name = "SERVICE", default_value = "kratos-trace")]
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
    /// Binds the port.
    pub(crate) async fn listen(&self) -> Result<TcpIncoming, String> {
        let listener = TcpListener::bind(&self.addr).await.map_err(|cause| {
            format!(
                "--addr: cannot listen on {} ({cause}); choose another address, such as 127.0.0.1:0 \
                 for a free port",
                self.addr
            )
        })?;
        Ok(TcpIncoming::from(listener))
    }

    /// Names the flag in place of the method.
    pub(crate) fn explain(&self, error: PipelineError) -> String {
        error
            .to_string()
            .replace("with_collector_endpoint", "--collector-endpoint")
    }
}
