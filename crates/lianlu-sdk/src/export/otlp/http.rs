//! OTLP over HTTP.

use std::borrow::Cow;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request};

use super::answer::{Taken, status_message};
use super::builder::Settings;
use super::{Compression, Protocol, empty};
use crate::export::Failure;
use crate::export::batch::Batch;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::http_client::HttpClient;
use crate::export::transport::one_line::quote;
use crate::export::transport::response::deliver;

const PROTOBUF: &str = "application/x-protobuf";
#[cfg(feature = "otlp-json")]
const JSON: &str = "application/json";

/// Posts requests.
pub(super) struct Http {
    place: CollectorUrl,
    client: HttpClient,
    protocol: Protocol,
    headers: HeaderMap,
    compression: Compression,
    /// The last request, for its memory.
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
            place: settings.place,
            protocol,
            headers,
            compression,
            request: Vec::new(),
            compressed: Vec::new(),
        }
    }

    pub(super) fn place(&self) -> &CollectorUrl {
        &self.place
    }

    pub(super) fn send(&mut self, batch: &Batch) -> Result<Taken, Failure> {
        let spans = batch.len();
        let lost = |reason: String| Failure::new(spans, reason);
        let place = &self.place;
        let request = empty(&mut self.request);
        batch.write_request(request);
        let mut body = encode(self.protocol, request).map_err(lost)?;
        if self.compression != Compression::None {
            let compressed = empty(&mut self.compressed);
            self.compression
                .compress(&body, compressed)
                .map_err(|error| lost(format!("not compressed: {error}")))?;
            body = Cow::Borrowed(&self.compressed);
        }
        let mut request = Request::post(place.uri())
            .body(&*body)
            .map_err(|error| lost(error.to_string()))?;
        *request.headers_mut() = self.headers.clone();
        let (head, body) = deliver(&self.client, place, request, spans, said)?.into_parts();
        Ok(match body {
            Ok(body) => taken(content_type(&head.headers), &body),
            Err(error) => Taken::unread(&format!("can't be read: {error}")),
        })
    }
}

/// The request as the protocol has it.
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

/// The type without its parameters.
fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let value = value.unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Many a collector answers success with a text of its own, or with nothing: that says nothing of spans.
fn taken(content_type: &str, body: &[u8]) -> Taken {
    match content_type {
        PROTOBUF => Taken::from_protobuf(body),
        #[cfg(feature = "otlp-json")]
        JSON => Taken::from_json(body),
        _ => Taken::default(),
    }
}

/// What a collector that refuses has to say.
fn said(head: &Parts, body: &[u8]) -> String {
    let message = match content_type(&head.headers) {
        PROTOBUF => status_message(body),
        _ => None,
    };
    message.unwrap_or_else(|| quote(&String::from_utf8_lossy(body)))
}
