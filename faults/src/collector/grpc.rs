//! A collector over gRPC, by tonic and OpenTelemetry's generated service.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};

use super::{Inbox, port};
use crate::{Gate, PATIENCE};

/// The answer to a request.
pub type Answer = Result<ExportTraceServiceResponse, Status>;

type Script = Box<dyn FnMut(usize) -> Answer + Send>;

/// A collector over gRPC. Serves until it is stopped or dropped.
pub struct Grpc {
    /// Its address.
    pub address: SocketAddr,
    _port: TcpSocket,
    state: Service,
    runtime: Option<Runtime>,
    #[cfg(feature = "tls")]
    identity: Option<tonic::transport::Identity>,
}

#[derive(Clone)]
struct Service {
    inbox: Inbox,
    script: Arc<Mutex<Script>>,
    number: Arc<AtomicUsize>,
    gate: Gate,
}

impl Grpc {
    /// A collector that accepts everything.
    #[must_use]
    pub fn start() -> Self {
        let mut new = Self::new();
        new.resume();
        new
    }

    fn new() -> Self {
        let state = Service {
            inbox: Inbox::default(),
            script: Arc::new(Mutex::new(Box::new(|_| accepted()))),
            number: Arc::default(),
            gate: Gate::default(),
        };
        let (address, port) = port::hold();
        Self {
            address,
            _port: port,
            state,
            runtime: None,
            #[cfg(feature = "tls")]
            identity: None,
        }
    }

    /// A collector with TLS, with this certificate for `localhost` and its key (PEM).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn start_tls(certificate: &str, key: &str) -> Self {
        let mut new = Self::new();
        new.identity = Some(tonic::transport::Identity::from_pem(certificate, key));
        new.resume();
        new
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        #[cfg(feature = "tls")]
        if self.identity.is_some() {
            return format!("https://localhost:{}", self.address.port());
        }
        format!("http://{}", self.address)
    }

    /// The received requests.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.state.inbox
    }

    /// Answers each request by its number, counted from 0 now.
    pub fn script(&self, script: impl FnMut(usize) -> Answer + Send + 'static) {
        *self.state.script.lock().unwrap() = Box::new(script);
        self.state.number.store(0, Ordering::Relaxed);
    }

    /// While it is closed, requests that were received get no answer.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.state.gate
    }

    /// Closes the port and the connections.
    pub fn stop(&mut self) {
        self.state.gate.open();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }

    /// Opens the port again.
    pub fn resume(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = port::listen(self.address);
        let service = TraceServiceServer::new(self.state.clone());
        let mut server = self.server();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            server
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        self.runtime = Some(runtime);
    }

    fn server(&self) -> Server {
        #[cfg(feature = "tls")]
        if let Some(identity) = &self.identity {
            let tls = tonic::transport::ServerTlsConfig::new().identity(identity.clone());
            return Server::builder().tls_config(tls).unwrap();
        }
        Server::builder()
    }
}

impl Drop for Grpc {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let at = Instant::now();
        let answer = {
            let mut script = self.script.lock().unwrap();
            script(self.number.fetch_add(1, Ordering::Relaxed))
        };
        self.inbox
            .put(request.into_inner(), String::new(), answer.is_ok(), at);
        tokio::task::block_in_place(|| self.gate.pass());
        answer.map(Response::new)
    }
}

/// All spans were accepted.
///
/// # Errors
///
/// None.
pub fn accepted() -> Answer {
    Ok(ExportTraceServiceResponse::default())
}

/// OTLP's partial success.
#[must_use]
pub fn partial(rejected_spans: i64, message: &str) -> ExportTraceServiceResponse {
    ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans,
            error_message: message.to_owned(),
        }),
    }
}

/// A status that names the time of the next attempt, by `google.rpc.RetryInfo`.
#[must_use]
pub fn retry_after(code: Code, millis: u64) -> Status {
    let delay = Delay {
        seconds: (millis / 1000) as i64,
        nanos: (millis % 1000 * 1_000_000) as i32,
    };
    let info = RetryInfo { delay: Some(delay) };
    let details = RpcStatus {
        code: code as i32,
        message: "later".to_owned(),
        details: vec![Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: info.encode_to_vec(),
        }],
    };
    Status::with_details(code, "later", details.encode_to_vec().into())
}

#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Delay>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
