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

use super::super::answer::Taken;
use super::super::builder::Settings;
use super::super::{Compression, USER_AGENT, empty};
use super::answer::Answer;
use super::gathered::Gathered;
use super::message::Message;
use crate::error::OptionError;
use crate::export::Failure;
use crate::export::batch::Batch;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::one_line::with_causes;

/// The connection puts scheme and host before it.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The system asks this often whether an idle connection's other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Sends requests over a connection that is made for the first of them, and kept.
pub(in super::super) struct Grpc {
    place: CollectorUrl,
    endpoint: Endpoint,
    channel: Channel,
    compression: Compression,
    headers: HeaderMap,
    timeout: Duration,
    /// A request before it is compressed.
    scratch: Vec<u8>,
    /// The connection lives on it, and moves only while a request is sent. `None` is left behind by the
    /// drop.
    runtime: Option<Runtime>,
}

impl Grpc {
    pub(in super::super) fn new(settings: Settings) -> Result<Self, OptionError> {
        let error = |problem: String| OptionError::new("otlp", "grpc", problem);
        let uri = settings.place.uri().clone();
        let is_https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let endpoint = Endpoint::from(uri)
            .user_agent(USER_AGENT)
            .map_err(|cause| error(with_causes(&cause)))?;
        #[cfg(feature = "tls")]
        let endpoint = if is_https {
            let tls = settings.tls.for_tonic();
            let tls = endpoint.tls_config(tls);
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
            place: settings.place,
            endpoint,
            compression: settings.compression,
            headers: with_grpcs(settings.headers, settings.compression),
            timeout: settings.timeout,
            scratch: Vec::new(),
            runtime: Some(runtime),
        })
    }

    pub(in super::super) fn place(&self) -> &CollectorUrl {
        &self.place
    }

    pub(in super::super) fn send(&mut self, batch: &Batch) -> Result<Taken, Failure> {
        let spans = batch.len();
        let Some(runtime) = &self.runtime else {
            return Err(Failure::new(spans, "the exporter is gone"));
        };
        let scratch = empty(&mut self.scratch);
        let message = Message::of(batch, self.compression, scratch)
            .map_err(|error| Failure::new(spans, format!("not compressed: {error}")))?;
        let mut request = Request::post(EXPORT)
            .version(Version::HTTP_2)
            .body(Body::new(message))
            .map_err(|error| Failure::new(spans, error.to_string()))?;
        request.headers_mut().clone_from(&self.headers);
        let (channel, timeout) = (&mut self.channel, self.timeout);
        let answer = runtime.block_on(async {
            catch_up().await;
            // The whole of it: tonic's own time-out ends with the answer's head.
            tokio::time::timeout(timeout, exchange(channel, request)).await
        });
        let place = &self.place;
        match answer {
            Ok(Ok(answer)) => answer.judge(place, spans, batch.request_len()),
            Ok(Err(reason)) => Err(Failure::temporary(format!("{place}: {reason}"))),
            Err(_) => {
                // It may be a connection whose other end is gone without a word.
                self.channel = connect(&self.endpoint, runtime);
                let reason = format!("{place}: no answer within {timeout:?}");
                Err(Failure::temporary(reason))
            }
        }
    }
}

/// A runtime may not be dropped inside of another one, which is where users may drop an exporter.
impl Drop for Grpc {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection that is made when it is first used: over TCP, as tonic would, and what is written is
/// [gathered](Gathered).
fn connect(endpoint: &Endpoint, runtime: &Runtime) -> Channel {
    let _inside = runtime.enter();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    endpoint.connect_with_connector_lazy(MapResponse::new(tcp, Gathered::new))
}

/// What gRPC wants to have in a request's head, in place of the user's.
fn with_grpcs(mut headers: HeaderMap, compression: Compression) -> HeaderMap {
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    for name in [ENCODING, ACCEPT_ENCODING] {
        // grpc-go answers as it is asked, whatever the request says that it takes.
        match compression {
            Compression::None => drop(headers.remove(name)),
            _ => drop(headers.insert(name, HeaderValue::from_static(compression.as_str()))),
        }
    }
    headers
}

/// Lets the connection hear what came while nobody drove it, most of all that the other end has closed it:
/// a request would be lost on it. One turn for the runtime to ask the system, one for the connection to
/// read, one for its owner to be told.
async fn catch_up() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

/// One request and its answer. `Err` is why there is none.
async fn exchange(channel: &mut Channel, request: Request<Body>) -> Result<Answer, String> {
    poll_fn(|cx| GrpcService::poll_ready(channel, cx))
        .await
        .map_err(|error| unanswered(&error))?;
    let response = GrpcService::call(channel, request)
        .await
        .map_err(|error| unanswered(&error))?;
    Answer::read(response).await
}

/// Nobody there, a connection that broke, TLS that fails, or somebody who doesn't speak HTTP/2.
fn unanswered(error: &tonic::transport::Error) -> String {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    // What the TLS library makes of a handshake; its texts seldom have the word in them.
    let is_tls = causes.any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
    });
    match is_tls {
        true => format!("TLS failed: {}", with_causes(error)),
        false => with_causes(error),
    }
}
