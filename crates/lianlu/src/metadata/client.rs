//! The client layer: writes metadata into requests.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use opentelemetry::Context as OtelContext;
use tower_layer::Layer;
use tower_service::Service;

use super::{ClientMetadata, Metadata, ServerMetadata};

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
    fn write(&self, headers: &mut HeaderMap) {
        let mut new = HeaderMap::new();
        OtelContext::map_current(|cx| {
            for (key, value) in self.constants.iter() {
                append(&mut new, key, value);
            }
            if let Some(ClientMetadata(metadata)) = cx.get() {
                for (key, value) in metadata.iter() {
                    append(&mut new, key, value);
                }
            }
            if let Some(ServerMetadata(metadata)) = cx.get() {
                for (key, value) in metadata.iter() {
                    if self.prefixes.iter().any(|prefix| key.starts_with(prefix)) {
                        append(&mut new, key, value);
                    }
                }
            }
        });
        // Replaces headers of the same names that an outer layer may have written.
        for name in new.keys() {
            headers.remove(name);
        }
        for (name, value) in &new {
            headers.append(name, value.clone());
        }
    }
}

/// Appends an entry; skips it if it is not a valid header.
fn append(headers: &mut HeaderMap, key: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
        headers.append(name, value);
    }
}
