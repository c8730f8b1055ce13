//! Business metadata over several services, as Kratos's metadata middleware carries it.
//!
//! A key that begins with `x-md-global-` crosses every hop: a server takes it from the request, and
//! the clients that the handler calls send it on. A key that begins with `x-md-local-` goes one hop:
//! the server sees it and passes it no further. Both are plain HTTP headers and gRPC metadata, the
//! same as a Kratos service sends.
//!
//! Keys are compared in lower case; a key may have several values, and all of them travel.
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
//! The metadata lives in the OpenTelemetry [`Context`]. It is current inside a handler; a task that
//! a handler spawns needs the context handed over, with
//! [`FutureExt::with_current_context`](opentelemetry::context::FutureExt::with_current_context).

mod client;
mod server;
mod values;

pub use client::{ClientLayer, ClientService, client};
pub use server::{ServerLayer, ServerService, server};
pub use values::Metadata;

use opentelemetry::Context;

/// What a server read from the request it answers.
#[derive(Debug, Clone)]
struct ServerMetadata(Metadata);

/// What the calls made under a context send along.
#[derive(Debug, Clone)]
struct ClientMetadata(Metadata);

/// The metadata of the call that is being served: empty outside of one.
#[must_use]
pub fn current() -> Metadata {
    Context::map_current(|cx| from_server_context(cx).cloned().unwrap_or_default())
}

/// The metadata that a server's [`layer`](server()) put into `cx`.
#[must_use]
pub fn from_server_context(cx: &Context) -> Option<&Metadata> {
    cx.get::<ServerMetadata>().map(|metadata| &metadata.0)
}

/// A context whose calls send `pairs` too, in addition to what `cx` sends already.
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
    let mut metadata = cx
        .get::<ClientMetadata>()
        .map(|metadata| metadata.0.clone())
        .unwrap_or_default();
    for (key, value) in pairs {
        metadata.append(key, value);
    }
    cx.with_value(ClientMetadata(metadata))
}
