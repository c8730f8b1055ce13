//! Spans for the phases of a client's connection setup: [`dns()`], [`connect()`], [`tls()`].
//!
//! Each is a tower layer around one part of a connector, and makes a span of kind `INTERNAL` each
//! time that part runs. A request on an existing connection makes none.
//!
//! | layer | wraps | span | ends |
//! |---|---|---|---|
//! | [`dns()`] | a resolver, `Service<Name>` | `dns` | when the addresses are resolved |
//! | [`connect()`] | a connector, `Service<Uri>` | `connect` | when the connection is established |
//! | [`tls()`] | a connector that adds TLS to the inner one | `tls` | when the handshake ends; it starts when the inner `connect` ends |
//!
//! The parent is the span that is current when the phase runs. With hyper-util's client and reqwest
//! that is the [`client()`](crate::client) span of the request that needs the connection. (The
//! request may be sent on another connection that becomes free first. The client then finishes
//! connecting for later requests, and the span shows how long that took.) A `dns` span is a child
//! of its `connect` span; a `tls` span is a sibling of it.
//!
//! Attributes: `server.address` and `server.port` as requested, `network.peer.address` and
//! `network.peer.port` of the established connection. A failure sets the status `Error` and
//! `error.type`: the `io::ErrorKind` if the error contains one, such as `ConnectionRefused`. A
//! phase that is dropped before its end has `lianlu.cancelled=true`.
//!
//! # hyper-util
//!
//! ```
//! use http_body_util::Empty;
//! use hyper_util::client::legacy::Client;
//! use hyper_util::client::legacy::connect::{HttpConnector, dns::GaiResolver};
//! use hyper_util::rt::TokioExecutor;
//! use lianlu::connection;
//! use tower::{Layer, ServiceBuilder};
//!
//! let resolver = connection::dns().layer(GaiResolver::new());
//! let connector = connection::connect().layer(HttpConnector::new_with_resolver(resolver));
//! // With TLS: let connector = connection::tls().layer(HttpsConnector::from((connector, config)));
//! let client: Client<_, Empty<bytes::Bytes>> =
//!     Client::builder(TokioExecutor::new()).build(connector);
//! let client = ServiceBuilder::new().layer(lianlu::client()).service(client);
//! # let _ = client;
//! ```
//!
//! # tonic
//!
//! A channel connects in `connect_with_connector`, under the caller's span. Reconnects, and all
//! connects of `connect_with_connector_lazy`, run in a separate task where no request is current:
//! their spans are root spans. TLS that is configured on the endpoint runs after the connector and
//! gets no span.
//!
//! ```
//! # #[cfg(feature = "tonic")]
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use hyper_util::client::legacy::connect::HttpConnector;
//! use lianlu::connection;
//! use tonic::transport::Endpoint;
//! use tower::Layer;
//!
//! let mut http = HttpConnector::new();
//! http.enforce_http(false);
//! let connector = connection::connect().layer(http);
//! let channel = Endpoint::from_static("http://127.0.0.1:9000")
//!     .connect_with_connector(connector)
//!     .await?;
//! # let _ = channel; Ok(())
//! # }
//! ```
//!
//! # reqwest
//!
//! reqwest's connector includes TLS, so `connect` covers everything and `dns` a part of it. reqwest
//! does not give its connector layers the target, so only the request's span has `server.address`.
//!
//! ```
//! # #[cfg(feature = "reqwest")]
//! # fn f() -> Result<(), reqwest::Error> {
//! use hyper_util::client::legacy::connect::dns::GaiResolver;
//! use lianlu::connection;
//! use tower::{Layer, ServiceBuilder};
//!
//! let client = reqwest::Client::builder()
//!     .dns_resolver(connection::dns().layer(GaiResolver::new()))
//!     .connector_layer(connection::connect())
//!     .build()?;
//! let client = ServiceBuilder::new().layer(lianlu::client()).service(client);
//! # let _ = client; Ok(())
//! # }
//! ```

mod future;
mod handshake;
mod layer;
mod open_phase;
mod phase;
#[cfg(feature = "reqwest")]
mod reqwest;
mod service;

pub use future::PhaseFuture;
pub use layer::{ConnectLayer, DnsLayer, PhaseLayer, TlsLayer, connect, dns, tls};
pub use phase::{Connect, Dns, Phase, Tls};
pub use service::PhaseService;
