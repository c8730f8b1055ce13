//! The client layer: writes metadata into requests.

use std::sync::{Arc, Once};
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use opentelemetry::Context as OtelContext;
use tower_layer::Layer;
use tower_service::Service;

use super::{ClientMetadata, Metadata, ServerMetadata};
use crate::grpc::base64;
use crate::header_text::Charset;
use crate::warning::warn;

/// A layer that sends the current metadata with each call: the constants, what
/// [`append_to_client_context`](super::append_to_client_context) added, and the global entries of
/// the request that is being served.
pub fn client() -> ClientLayer {
    ClientLayer {
        options: Arc::new(Options {
            prefixes: vec!["x-md-global-".to_owned()],
            constants: Metadata::new(),
        }),
    }
}

/// The layer that [`client()`] returns. Cheap to clone.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientLayer {
    options: Arc<Options>,
}

#[derive(Debug, Clone)]
struct Options {
    prefixes: Vec<String>,
    constants: Metadata,
}

impl ClientLayer {
    /// Forwards the received keys with one of these prefixes, instead of `x-md-global-`.
    pub fn with_propagated_prefix<P: AsRef<str>>(
        mut self,
        prefixes: impl IntoIterator<Item = P>,
    ) -> Self {
        Arc::make_mut(&mut self.options).prefixes = lower(prefixes);
        self
    }

    /// Sends these entries with every call.
    pub fn with_constants(mut self, constants: Metadata) -> Self {
        Arc::make_mut(&mut self.options).constants = constants;
        self
    }
}

pub(super) fn lower<P: AsRef<str>>(prefixes: impl IntoIterator<Item = P>) -> Vec<String> {
    prefixes
        .into_iter()
        .map(|prefix| prefix.as_ref().to_ascii_lowercase())
        .collect()
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService {
            inner,
            options: Arc::clone(&self.options),
        }
    }
}

/// The service that [`client()`] wraps around another.
#[derive(Debug, Clone)]
pub struct ClientService<S> {
    inner: S,
    options: Arc<Options>,
}

impl<S, B> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        self.options.write(request.headers_mut());
        self.inner.call(request)
    }
}

#[cfg(feature = "reqwest")]
impl<S> Service<reqwest::Request> for ClientService<S>
where
    S: Service<reqwest::Request>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: reqwest::Request) -> Self::Future {
        self.options.write(request.headers_mut());
        self.inner.call(request)
    }
}

impl Options {
    /// Adds the entries behind values that the request already has. A value that is there is not
    /// added again: a proxy may have copied it from the request that it serves.
    fn write(&self, headers: &mut HeaderMap) {
        let charset = Charset::of(headers);
        let mut new = HeaderMap::new();
        let mut add = |key: &str, value: &[u8]| {
            if let Some(name) = name(key)
                && let Some(value) = encode(charset, key, value)
                && !headers.get_all(&name).iter().any(|there| *there == value)
            {
                new.append(name, value);
            }
        };
        OtelContext::map_current(|cx| {
            for (key, value) in self.constants.iter_bytes() {
                add(key, value);
            }
            if let Some(ClientMetadata(metadata)) = cx.get() {
                for (key, value) in metadata.iter_bytes() {
                    add(key, value);
                }
            }
            if let Some(ServerMetadata(metadata)) = cx.get() {
                for (key, value) in metadata.iter_bytes() {
                    if self.prefixes.iter().any(|prefix| key.starts_with(prefix)) {
                        add(key, value);
                    }
                }
            }
        });
        for (name, value) in &new {
            headers.append(name, value.clone());
        }
    }
}

/// The headers that belong to the transport. A second value would break the request.
const RESERVED: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::USER_AGENT,
];

/// The header of an entry; `None` if it can't be sent.
fn name(key: &str) -> Option<HeaderName> {
    static WARNED: Once = Once::new();
    match HeaderName::try_from(key) {
        Ok(name) if RESERVED.contains(&name) || key.starts_with("grpc-") => None,
        Ok(name) => Some(name),
        Err(_) => {
            WARNED.call_once(|| {
                warn(&format!(
                    "metadata: {key:?} is not a header's name and is not sent; use letters, digits \
                     and dashes"
                ));
            });
            None
        }
    }
}

/// A value as the transport carries it. gRPC's `-bin` keys are base64.
fn encode(charset: Charset, key: &str, value: &[u8]) -> Option<HeaderValue> {
    if charset == Charset::Grpc && key.ends_with("-bin") {
        return HeaderValue::try_from(base64::encode(value)).ok();
    }
    charset.value(value)
}
