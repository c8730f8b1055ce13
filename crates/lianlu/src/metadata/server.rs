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
        let mut left = MAX_JOINED;
        for (name, value) in headers {
            let name = name.as_str();
            if self.prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                append(charset, name, value.as_bytes(), &mut metadata, &mut left);
            }
        }
        metadata
    }
}

/// The most values that commas add to those of a request's headers. A comma costs the sender one
/// byte, and each value becomes an entry, which clients send on as a header.
const MAX_JOINED: usize = 64;

/// Adds a header's value; for gRPC's `-bin` keys its bytes. A value that is not base64 throughout,
/// or joins more than what is `left`, is kept as it is.
fn append(charset: Charset, name: &str, value: &[u8], metadata: &mut Metadata, left: &mut usize) {
    if charset == Charset::Grpc
        && name.ends_with("-bin")
        && let Some(values) = decode(value, *left + 1)
    {
        *left -= values.len() - 1;
        for value in values {
            metadata.append_bytes(name, value);
        }
        return;
    }
    metadata.append_bytes(name, value);
}

/// The values of a `-bin` header: a comma separates those that a server or a proxy has joined. Has
/// at least one, and `most` at most.
fn decode(joined: &[u8], most: usize) -> Option<Vec<Vec<u8>>> {
    let values = joined.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let values: Option<Vec<_>> = values
        .filter(|value| !value.is_empty())
        .take(most + 1)
        .map(base64::decode)
        .collect();
    let mut values = values.filter(|values| values.len() <= most)?;
    if values.is_empty() {
        values.push(Vec::new());
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_binary_values_are_bounded() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", "application/grpc".parse().unwrap());
            for line in lines {
                headers.append("x-md-bin", line.parse().unwrap());
            }
            let metadata = server().options.read(&headers);
            let values = metadata.get_all("x-md-bin").map(str::to_owned);
            values.collect::<Vec<_>>()
        };
        let (most, more) = (["YQ"; 65].join(","), ["YQ"; 66].join(","));
        for (sent, expected) in [
            (&["YQ, Yg=="][..], &["a", "b"][..]),
            (&[",YQ,,", ""], &["a", ""]),
            (&[&",".repeat(15_000)], &[""]),
            (&["YQ,?,Yg"], &["YQ,?,Yg"]),
            (&[&most], &["a"; 65]),
            (&[&more], &[&*more]),
            (&["YQ"; 80], &["a"; 80]),
        ] {
            assert_eq!(read(sent), expected);
        }
        let twice = read(&[&most, "YQ,Yg", "YQ"]);
        assert_eq!(twice[65..], ["YQ,Yg", "a"], "of all headers together");
    }
}
