//! The server layer: reads metadata from requests.

use std::fmt::Display;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use http_body::Body;
use opentelemetry::Context as OtelContext;
use tower_layer::Layer;
use tower_service::Service;

use super::{Metadata, ServerMetadata};
use crate::call::active::ActiveCall;
use crate::grpc::base64;
use crate::header_text::Charset;
use crate::layer::{ResponseBody, ResponseFuture};

/// A layer that makes a request's metadata available to the handler and to the client calls it
/// makes.
pub fn server() -> ServerLayer {
    ServerLayer {
        options: Arc::new(Options {
            prefixes: vec!["x-md-".to_owned()],
            constants: Metadata::new(),
        }),
    }
}

/// The layer that [`server()`] returns. Cheap to clone.
#[derive(Debug, Clone)]
#[must_use]
pub struct ServerLayer {
    options: Arc<Options>,
}

#[derive(Debug, Clone)]
struct Options {
    prefixes: Vec<String>,
    constants: Metadata,
}

impl ServerLayer {
    /// Reads keys with one of these prefixes, instead of `x-md-`.
    pub fn with_propagated_prefix<P: AsRef<str>>(
        mut self,
        prefixes: impl IntoIterator<Item = P>,
    ) -> Self {
        Arc::make_mut(&mut self.options).prefixes = super::client::lower(prefixes);
        self
    }

    /// Starts each call's metadata with these entries. What a caller sends under the same keys comes
    /// behind them, as in Kratos.
    pub fn with_constants(mut self, constants: Metadata) -> Self {
        Arc::make_mut(&mut self.options).constants = constants;
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerService {
            inner,
            options: Arc::clone(&self.options),
        }
    }
}

/// The service that [`server()`] wraps around another.
#[derive(Debug, Clone)]
pub struct ServerService<S> {
    inner: S,
    options: Arc<Options>,
}

impl<S, B, ResB> Service<Request<B>> for ServerService<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Display + 'static,
    ResB: Body,
    ResB::Error: Display + 'static,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let metadata = self.options.read(request.headers());
        let context = OtelContext::map_current(|cx| cx.with_value(ServerMetadata(metadata)));
        let mut scope = ActiveCall::untraced(context);
        let inner = &mut self.inner;
        let future = scope.enter(|| inner.call(request));
        ResponseFuture::new(future, scope)
    }
}

impl Options {
    fn read(&self, headers: &HeaderMap) -> Metadata {
        let mut metadata = self.constants.clone();
        let charset = Charset::of(headers);
        // `HeaderName` is always lower case.
        for (name, value) in headers {
            let name = name.as_str();
            if self.prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                append(charset, name, value.as_bytes(), &mut metadata);
            }
        }
        metadata
    }
}

/// Adds a header's value; for gRPC's `-bin` keys its bytes. Values that are not base64 are kept as
/// they are.
fn append(charset: Charset, name: &str, value: &[u8], metadata: &mut Metadata) {
    if charset == Charset::Grpc && name.ends_with("-bin") {
        // A comma separates values that a server or a proxy has joined.
        for value in value.split(|byte| *byte == b',') {
            let value = value.trim_ascii();
            let decoded = base64::decode(value);
            metadata.append_bytes(name, decoded.unwrap_or_else(|| value.to_vec()));
        }
        return;
    }
    metadata.append_bytes(name, value);
}
