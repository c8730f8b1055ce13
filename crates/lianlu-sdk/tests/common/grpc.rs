//! A gRPC collector, based on tonic and OpenTelemetry's generated service.

use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::PATIENCE;

pub type ServiceResult = Result<ExportTraceServiceResponse, Status>;

pub struct Received {
    pub metadata: MetadataMap,
    pub message: ExportTraceServiceRequest,
}

/// Stops asynchronously when dropped.
pub struct Collector {
    pub address: SocketAddr,
    pub requests: Receiver<Received>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Collector {
    pub fn start(response: impl Fn() -> ServiceResult + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), response)
    }

    /// A collector with TLS, which also accepts HTTP/1.1 but serves nothing there.
    #[cfg(feature = "tls")]
    pub fn start_tls(
        tls: tonic::transport::ServerTlsConfig,
        response: impl Fn() -> ServiceResult + Send + Sync + 'static,
    ) -> Self {
        let server = Server::builder().accept_http1(true);
        let server = server.tls_config(tls).unwrap();
        Self::serve("127.0.0.1:0".parse().unwrap(), server, response)
    }

    pub fn start_at(
        address: SocketAddr,
        response: impl Fn() -> ServiceResult + Send + Sync + 'static,
    ) -> Self {
        Self::serve(address, Server::builder(), response)
    }

    fn serve(
        address: SocketAddr,
        mut server: Server,
        response: impl Fn() -> ServiceResult + Send + Sync + 'static,
    ) -> Self {
        let (sent, requests) = channel();
        let service = TraceServiceServer::new(Service {
            response: Box::new(response),
            sent: Mutex::new(sent),
        });
        let service = service
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            // Compresses the response like the request.
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            server
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        Self {
            address,
            requests,
            runtime: Some(runtime),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops, and waits until its connections and its port are closed.
    pub fn stop(mut self) {
        self.runtime.take().unwrap().shutdown_timeout(PATIENCE);
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Service {
    response: Box<dyn Fn() -> ServiceResult + Send + Sync>,
    sent: Mutex<Sender<Received>>,
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let received = Received { metadata, message };
        let _ = self.sent.lock().unwrap().send(received);
        (self.response)().map(Response::new)
    }
}

pub fn accepted() -> ServiceResult {
    Ok(ExportTraceServiceResponse {
        partial_success: None,
    })
}

pub fn partial(rejected_spans: i64, error_message: impl Into<String>) -> ServiceResult {
    Ok(ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans,
            error_message: error_message.into(),
        }),
    })
}
