//! The connection to a collector.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::uri::{Authority, PathAndQuery, Uri};
use tokio::runtime::{Builder, Runtime};
use tonic::client;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::super::answer::Taken;
use super::super::builder::Settings;
use super::super::{Compression, MAX_RESPONSE, USER_AGENT};
use super::codec::AsItIs;
use crate::basic_auth::basic_auth;
use crate::error::OptionError;
use crate::place::Place;
use crate::quote::{quote, with_causes};

const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/// The system asks this often whether an idle connection's other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Sends requests over a connection that is made for the first of them, and kept.
pub(in super::super) struct Grpc {
    place: Place,
    endpoint: Endpoint,
    client: client::Grpc<Channel>,
    compression: Compression,
    metadata: MetadataMap,
    timeout: Duration,
    /// The connection lives on it, and moves only while a request is sent. `None` is left behind by the
    /// drop.
    runtime: Option<Runtime>,
}

impl Grpc {
    pub(in super::super) fn new(settings: Settings) -> Result<Self, OptionError> {
        let error = |problem: String| OptionError::new("otlp", "grpc", problem);
        let mut headers = settings.headers;
        let uri = without_user(settings.place.uri(), &mut headers);
        let is_https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let endpoint = Endpoint::from(uri)
            .tcp_keepalive(Some(KEEP_ALIVE))
            .user_agent(USER_AGENT)
            .map_err(|cause| error(with_causes(&cause)))?;
        #[cfg(feature = "tls")]
        let endpoint = if is_https {
            let tls = settings.roots.for_tonic();
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
            client: connect(&endpoint, settings.compression, &runtime),
            place: settings.place,
            endpoint,
            compression: settings.compression,
            metadata: MetadataMap::from_headers(headers),
            timeout: settings.timeout,
            runtime: Some(runtime),
        })
    }

    pub(in super::super) fn place(&self) -> &Place {
        &self.place
    }

    pub(in super::super) fn send(&mut self, bytes: &Arc<Vec<u8>>) -> Result<Taken, String> {
        let Some(runtime) = &self.runtime else {
            return Err("the exporter is gone".to_owned());
        };
        let mut request = Request::new(Arc::clone(bytes));
        *request.metadata_mut() = self.metadata.clone();
        let (client, timeout) = (&mut self.client, self.timeout);
        let answer = runtime.block_on(async {
            catch_up().await;
            // The whole of it: tonic's own time-out ends with the answer's head.
            tokio::time::timeout(timeout, export(client, request)).await
        });
        match answer {
            Ok(Ok(taken)) => Ok(taken),
            Ok(Err(status)) => Err(reason(&self.place, &status)),
            Err(_) => {
                // It may be a connection whose other end is gone without a word.
                self.client = connect(&self.endpoint, self.compression, runtime);
                Err(format!("{}: no answer within {timeout:?}", self.place))
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

/// A client that connects when it is first used.
fn connect(
    endpoint: &Endpoint,
    compression: Compression,
    runtime: &Runtime,
) -> client::Grpc<Channel> {
    let channel = {
        let _inside = runtime.enter();
        endpoint.connect_lazy()
    };
    // Also of what an answer is when it is decompressed.
    let client = client::Grpc::new(channel).max_decoding_message_size(MAX_RESPONSE);
    // grpc-go answers as it is asked, whatever the request says that it takes.
    match compression {
        #[cfg(feature = "gzip")]
        Compression::Gzip => client
            .send_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Gzip),
        #[cfg(feature = "zstd")]
        Compression::Zstd => client
            .send_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Zstd),
        _ => client,
    }
}

/// Lets the connection hear what came while nobody drove it, most of all that the other end has closed it:
/// a request would be lost on it. One turn for the runtime to ask the system, one for the connection to
/// read, one for its owner to be told.
async fn catch_up() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

async fn export(
    client: &mut client::Grpc<Channel>,
    request: Request<Arc<Vec<u8>>>,
) -> Result<Taken, Status> {
    client
        .ready()
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    let answer = client.unary(request, EXPORT, AsItIs).await?;
    Ok(answer.into_inner())
}

/// What a person needs to know of a failure.
fn reason(place: &Place, status: &Status) -> String {
    match status.source() {
        Some(cause) => format!("{place}: {}", with_causes(cause)),
        None => {
            let said = quote(status.message());
            format!("{place} answered {}: {said}", code_name(status.code()))
        }
    }
}

/// `NotFound` as `NOT_FOUND`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The URL without a user in it, who goes into a header as HTTP's clients do it: HTTP/2 forbids users in
/// `:authority`. A header that is set goes before.
fn without_user(uri: &Uri, headers: &mut HeaderMap) -> Uri {
    let Some((user, host)) = uri
        .authority()
        .and_then(|authority| authority.as_str().rsplit_once('@'))
    else {
        return uri.clone();
    };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    if let Some(value) = basic_auth(name, password) {
        headers.entry(AUTHORIZATION).or_insert(value);
    }
    let mut parts = uri.clone().into_parts();
    parts.authority = host.parse::<Authority>().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_codes() {
        assert_eq!(code_name(Code::Unavailable), "UNAVAILABLE");
        assert_eq!(code_name(Code::ResourceExhausted), "RESOURCE_EXHAUSTED");
        assert_eq!(code_name(Code::Ok), "OK");
    }

    #[test]
    fn a_user_goes_into_a_header() {
        let mut headers = HeaderMap::new();
        let uri = "http://ann:se@cret@h:1/p".parse().unwrap();
        let uri = without_user(&uri, &mut headers);
        assert_eq!(uri.to_string(), "http://h:1/p");
        assert_eq!(headers[AUTHORIZATION], "Basic YW5uOnNlQGNyZXQ=");
        let mut headers = HeaderMap::new();
        let uri = "http://h:1".parse().unwrap();
        assert_eq!(without_user(&uri, &mut headers).to_string(), "http://h:1/");
        assert!(headers.is_empty());
    }
}
