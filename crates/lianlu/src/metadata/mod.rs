//! Propagates business metadata between services, compatible with Kratos's metadata middleware.
//!
//! A key that begins with `x-md-global-` is propagated over every hop: the server reads it from the
//! request, and clients that the handler calls forward it. A key that begins with `x-md-local-` is
//! propagated over one hop: the server reads it and does not forward it. Both are plain HTTP
//! headers or gRPC metadata, as Kratos services send them.
//!
//! Keys are compared in lower case. A key may have several values; all of them are propagated. A
//! value may be any text. HTTP headers carry it as UTF-8. gRPC metadata is printable ASCII, so other
//! bytes are percent-encoded there; keys that end in `-bin` carry any bytes, as base64.
//!
//! ```
//! use lianlu::metadata;
//! use tower::ServiceBuilder;
//!
//! # async fn handler(_: http::Request<String>) -> Result<http::Response<String>, std::convert::Infallible> {
//! // In a handler: what the caller sent.
//! let tenant = metadata::current().get("x-md-global-tenant").map(str::to_owned);
//! # let _ = tenant; Ok(http::Response::new(String::new()))
//! # }
//! let server = ServiceBuilder::new()
//!     .layer(lianlu::server())
//!     .layer(metadata::server())
//!     .service(tower::service_fn(handler));
//! let client = ServiceBuilder::new()
//!     .layer(lianlu::client())
//!     .layer(metadata::client())
//!     .service(tower::service_fn(handler));
//! # let _ = (server, client);
//! ```
//!
//! The metadata is stored in the OpenTelemetry [`Context`], which is current inside a handler. Pass
//! it to a task that the handler spawns with
//! [`FutureExt::with_current_context`](opentelemetry::context::FutureExt::with_current_context).

mod client;
mod server;
mod values;

pub use client::{ClientLayer, ClientService, client};
pub use server::{ServerLayer, ServerService, server};
pub use values::Metadata;

use opentelemetry::Context;

/// The metadata that a server read from the request.
#[derive(Debug, Clone)]
struct ServerMetadata(Metadata);

/// The metadata that calls made in a context send.
#[derive(Debug, Clone)]
struct ClientMetadata(Metadata);

/// The metadata of the call that is being served; empty outside of a call.
#[must_use]
pub fn current() -> Metadata {
    Context::map_current(|cx| from_server_context(cx).cloned().unwrap_or_default())
}

/// The metadata that the server [`layer`](server()) stored in `cx`.
#[must_use]
pub fn from_server_context(cx: &Context) -> Option<&Metadata> {
    cx.get::<ServerMetadata>().map(|metadata| &metadata.0)
}

/// The metadata that client calls made in `cx` send, without constants and forwarded entries.
#[must_use]
pub fn from_client_context(cx: &Context) -> Option<&Metadata> {
    cx.get::<ClientMetadata>().map(|metadata| &metadata.0)
}

/// A copy of `cx` whose client calls also send `pairs`. A pair replaces earlier values of its key.
/// Pairs with an empty key or value are ignored.
///
/// ```
/// use lianlu::metadata;
/// use opentelemetry::Context;
///
/// let cx = metadata::append_to_client_context(
///     &Context::current(),
///     [("x-md-global-tenant", "acme"), ("x-md-local-note", "hi")],
/// );
/// let _current = cx.attach();
/// // Calls made from here on carry both.
/// ```
#[must_use]
pub fn append_to_client_context<K, V>(
    cx: &Context,
    pairs: impl IntoIterator<Item = (K, V)>,
) -> Context
where
    K: AsRef<str>,
    V: Into<String>,
{
    let mut metadata = from_client_context(cx).cloned().unwrap_or_default();
    for (key, value) in pairs {
        metadata.set(key, value);
    }
    cx.with_value(ClientMetadata(metadata))
}

/// A copy of `cx` whose client calls also send `metadata`. Each of its keys, with all of its
/// values, replaces earlier values of the key.
#[must_use]
pub fn merge_to_client_context(cx: &Context, metadata: Metadata) -> Context {
    let mut merged = from_client_context(cx).cloned().unwrap_or_default();
    merged.replace_with(metadata);
    cx.with_value(ClientMetadata(merged))
}
