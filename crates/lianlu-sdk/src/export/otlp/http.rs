//! OTLP over HTTP.

use std::borrow::Cow;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request};

use super::builder::Settings;
use super::response::{Accepted, status_message};
use super::{Compression, Protocol, empty};
use crate::export::Failure;
use crate::export::batch::Batch;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::http_client::HttpClient;
use crate::export::transport::probe::USE_GRPC;
use crate::export::transport::response::send_batch;

const PROTOBUF: &str = "application/x-protobuf";
#[cfg(feature = "otlp-json")]
const JSON: &str = "application/json";

/// Sends requests over HTTP.
pub(super) struct Http {
    url: CollectorUrl,
    client: HttpClient,
    protocol: Protocol,
    headers: HeaderMap,
    compression: Compression,
    #[cfg(feature = "otlp-json")]
    max_request: usize,
    max_response: usize,
    /// The last request; the buffer is reused.
    request: Vec<u8>,
    compressed: Vec<u8>,
}

impl Http {
    pub(super) fn new(settings: Settings) -> Self {
        let Settings {
            protocol,
            mut headers,
            compression,
            ..
        } = settings;
        let agent = HeaderValue::from_static(super::USER_AGENT);
        headers.entry(USER_AGENT).or_insert(agent);
        let content_type = match protocol {
            #[cfg(feature = "otlp-json")]
            Protocol::HttpJson => JSON,
            _ => PROTOBUF,
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if compression == Compression::None {
            headers.remove(CONTENT_ENCODING);
        } else {
            let name = HeaderValue::from_static(compression.as_str());
            headers.insert(CONTENT_ENCODING, name);
        }
        Self {
            client: HttpClient::with_tls(settings.timeout, &settings.tls),
            url: settings.url,
            protocol,
            headers,
            compression,
            #[cfg(feature = "otlp-json")]
            max_request: settings.max_request,
            max_response: settings.max_response,
            request: Vec::new(),
            compressed: Vec::new(),
        }
    }

    pub(super) fn url(&self) -> &CollectorUrl {
        &self.url
    }

    pub(super) fn component_type(&self) -> &'static str {
        match self.protocol {
            #[cfg(feature = "otlp-json")]
            Protocol::HttpJson => "otlp_http_json_span_exporter",
            _ => "otlp_http_span_exporter",
        }
    }

    #[cfg(feature = "otlp-json")]
    pub(super) fn is_json(&self) -> bool {
        self.protocol == Protocol::HttpJson
    }

    pub(super) fn send(&mut self, batch: &Batch) -> Result<Accepted, Failure> {
        let spans = batch.len();
        let lost = |reason: String| Failure::new(spans, reason);
        let url = &self.url;
        let request = empty(&mut self.request);
        batch.write_request(request);
        let mut body = encode(self.protocol, request).map_err(lost)?;
        #[cfg(feature = "otlp-json")]
        super::exporter::check_size(batch, body.len(), self.max_request)?;
        if self.compression != Compression::None {
            let compressed = empty(&mut self.compressed);
            self.compression
                .compress(&body, compressed)
                .map_err(|error| lost(format!("not compressed: {error}")))?;
            body = Cow::Borrowed(&self.compressed);
        }
        let mut request = Request::post(url.uri())
            .body(&*body)
            .map_err(|error| lost(error.to_string()))?;
        *request.headers_mut() = self.headers.clone();
        let most = self.max_response;
        let (head, body) =
            send_batch(&self.client, url, request, most, spans, error_message)?.into_parts();
        if content_type(&head.headers).starts_with("application/grpc") {
            return Err(lost(format!(
                "{url} answered in gRPC, not in HTTP: {USE_GRPC}"
            )));
        }
        Ok(match body {
            Ok(body) => accepted(content_type(&head.headers), &body),
            Err(error) => Accepted::unreadable(&format!("can't be read: {error}")),
        })
    }
}

/// Encodes the request for the protocol.
#[cfg_attr(not(feature = "otlp-json"), allow(clippy::unnecessary_wraps))]
fn encode(protocol: Protocol, bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    match protocol {
        #[cfg(feature = "otlp-json")]
        Protocol::HttpJson => {
            let request = lianlu_wire::otlp::Request::new(bytes);
            let json = lianlu_wire::otlp::write_json(&request);
            json.map(Cow::Owned).map_err(|error| error.to_string())
        }
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// The media type without parameters.
fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let value = value.unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Many collectors return a success with arbitrary text or an empty body, which has no partial
/// success.
fn accepted(content_type: &str, body: &[u8]) -> Accepted {
    match content_type {
        PROTOBUF => Accepted::from_protobuf(body),
        #[cfg(feature = "otlp-json")]
        JSON => Accepted::from_json(body),
        _ => Accepted::default(),
    }
}

/// The error message of a collector that does not accept the batch.
fn error_message(head: &Parts, body: &[u8]) -> String {
    let message = match content_type(&head.headers) {
        PROTOBUF => status_message(body),
        _ => None,
    };
    message.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}
