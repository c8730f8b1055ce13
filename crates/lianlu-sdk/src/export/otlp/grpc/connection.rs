//! The connection to a collector.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, TE};
use http::{HeaderMap, HeaderValue, Request, Version};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::runtime::{Builder, Runtime};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::transport::{Channel, Endpoint};
use tower::util::MapResponse;

use super::super::builder::Settings;
use super::super::response::Accepted;
use super::super::{Compression, USER_AGENT, empty};
use super::message::Message;
use super::response::Response;
use super::write_coalescer::WriteCoalescer;
use crate::env::no_limit_if_zero;
use crate::error::OptionError;
use crate::export::Failure;
use crate::export::batch::Batch;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::one_line::with_causes;
use crate::export::transport::probe::{Peer, USE_HTTP, may_be_of_protocol, speaks};
use crate::export::transport::tls::Tls;

/// The path; the connection adds scheme and host.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Interval of TCP keep-alive probes on an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Sends batches.
pub(in super::super) struct Grpc {
    client: GrpcClient,
    compression: Compression,
    /// The uncompressed request, if it is compressed.
    scratch: Vec<u8>,
}

impl Grpc {
    pub(in super::super) fn new(settings: Settings) -> Result<Self, OptionError> {
        let Settings {
            url,
            timeout,
            headers,
            compression,
            max_response,
            tls,
            ..
        } = settings;
        let headers = grpc_headers(headers, compression);
        Ok(Self {
            client: GrpcClient::new(url, headers, timeout, max_response, &tls)?,
            compression,
            scratch: Vec::new(),
        })
    }

    pub(in super::super) fn url(&self) -> &CollectorUrl {
        &self.client.url
    }

    pub(in super::super) fn send(&mut self, batch: &Batch) -> Result<Accepted, Failure> {
        let spans = batch.len();
        let scratch = empty(&mut self.scratch);
        let message = Message::of(batch, self.compression, scratch)
            .map_err(|error| Failure::new(spans, format!("not compressed: {error}")))?;
        let response = self.client.call(EXPORT, Body::new(message))?;
        response.into_result(&self.client.url, spans, batch.request_len())
    }
}

/// Makes calls over a connection that is opened for the first one and kept.
pub(crate) struct GrpcClient {
    url: CollectorUrl,
    endpoint: Endpoint,
    channel: Channel,
    headers: HeaderMap,
    timeout: Duration,
    max_response: usize,
    /// The peer's protocol, found out at the first failure.
    peer: Option<Option<Peer>>,
    /// The connection runs on this runtime, which makes progress only while a request is sent.
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

impl GrpcClient {
    #[cfg_attr(not(feature = "tls"), allow(unused_variables))]
    pub(crate) fn new(
        url: CollectorUrl,
        headers: HeaderMap,
        timeout: Duration,
        max_response: usize,
        tls: &Tls,
    ) -> Result<Self, OptionError> {
        let error = |problem: String| OptionError::new("endpoint", "grpc", problem);
        let uri = url.uri().clone();
        let is_https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let endpoint = Endpoint::from(uri)
            .user_agent(USER_AGENT)
            .map_err(|cause| error(with_causes(&cause)))?;
        #[cfg(feature = "tls")]
        let endpoint = if is_https {
            let tls = endpoint.tls_config(tls.for_tonic());
            tls.map_err(|cause| error(with_causes(&cause)))?
        } else {
            endpoint
        };
        #[cfg(not(feature = "tls"))]
        let _ = is_https;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| error(format!("no runtime: {cause}")))?;
        Ok(Self {
            channel: connect(&endpoint, &runtime),
            url,
            endpoint,
            headers,
            timeout: no_limit_if_zero(timeout),
            max_response,
            peer: None,
            runtime: Some(runtime),
        })
    }

    /// Makes a unary call. `Err` is the reason why there is no response.
    pub(crate) fn call(&mut self, path: &'static str, message: Body) -> Result<Response, Failure> {
        let Some(runtime) = &self.runtime else {
            return Err(Failure::temporary("the client is gone"));
        };
        let mut request = Request::post(path)
            .version(Version::HTTP_2)
            .body(message)
            .map_err(|error| Failure::temporary(error.to_string()))?;
        request.headers_mut().clone_from(&self.headers);
        let (channel, timeout, most) = (&mut self.channel, self.timeout, self.max_response);
        let response = runtime.block_on(async {
            process_pending_input().await;
            // A timeout for the whole exchange: tonic's own ends with the response headers.
            tokio::time::timeout(timeout, send_request(channel, request, most)).await
        });
        let url = &self.url;
        match response {
            Ok(Ok(response)) => {
                self.peer = None;
                Ok(response)
            }
            Ok(Err(NoResponse { reason, is_http2 })) => {
                // Asked once, because it takes another connection.
                let peer = &mut self.peer;
                let is_http1 = !is_http2
                    && *peer.get_or_insert_with(|| speaks(url.uri())) == Some(Peer::Http1);
                let reason = match is_http1 {
                    true => format!("{url} speaks HTTP/1.1, which is not gRPC: {USE_HTTP}"),
                    false => format!("{url}: {}", url.quote(&reason)),
                };
                Err(Failure::temporary(reason).with_error_type("connection_failed"))
            }
            Err(_) => {
                // The peer of the connection may be gone without notice.
                self.channel = connect(&self.endpoint, runtime);
                let reason = format!("{url}: no response within {timeout:?}");
                Err(Failure::temporary(reason).with_error_type("timeout"))
            }
        }
    }
}

/// A runtime must not be dropped within another runtime, where users may drop an exporter.
impl Drop for GrpcClient {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A TCP connection that is opened on first use, as tonic would, with [coalesced](WriteCoalescer)
/// writes.
fn connect(endpoint: &Endpoint, runtime: &Runtime) -> Channel {
    let _inside = runtime.enter();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    endpoint.connect_with_connector_lazy(MapResponse::new(tcp, WriteCoalescer::new))
}

/// Sets the headers that gRPC requires, replacing the user's.
pub(crate) fn grpc_headers(mut headers: HeaderMap, compression: Compression) -> HeaderMap {
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    for name in [ENCODING, ACCEPT_ENCODING] {
        // grpc-go compresses its response like the request, whatever the request accepts.
        match compression {
            Compression::None => drop(headers.remove(name)),
            _ => drop(headers.insert(name, HeaderValue::from_static(compression.as_str()))),
        }
    }
    headers
}

/// Lets the connection process what arrived while the runtime was idle, above all that the peer has
/// closed it: a request would be lost on it. One yield for the runtime to poll the system, one for
/// the connection to read, one to notify its owner.
async fn process_pending_input() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

/// Why there is no response.
struct NoResponse {
    reason: String,
    /// False if the peer may speak another protocol.
    is_http2: bool,
}

/// Sends a request and reads the response.
async fn send_request(
    channel: &mut Channel,
    request: Request<Body>,
    most: usize,
) -> Result<Response, NoResponse> {
    poll_fn(|cx| GrpcService::poll_ready(channel, cx))
        .await
        .map_err(|error| describe(&error))?;
    let response = GrpcService::call(channel, request)
        .await
        .map_err(|error| describe(&error))?;
    let response = Response::read(response, most).await;
    response.map_err(|reason| NoResponse {
        reason,
        is_http2: true,
    })
}

/// Describes a connection error: unreachable, reset, failed TLS, or a peer without HTTP/2.
fn describe(error: &tonic::transport::Error) -> NoResponse {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let io = causes.find_map(|cause| cause.downcast_ref::<io::Error>());
    // The TLS library's handshake errors have this kind; their texts rarely mention TLS.
    let is_tls = io.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData);
    NoResponse {
        reason: match is_tls {
            true => format!("TLS failed: {}", with_causes(error)),
            false => with_causes(error),
        },
        is_http2: !may_be_of_protocol(io),
    }
}
