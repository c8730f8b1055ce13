//! Spans for what a client does before a request can be sent: [`dns()`], [`connect()`], [`tls()`].
//!
//! Each is a tower layer that goes around a part of a connector, and makes a span of kind `INTERNAL`
//! for each time that part runs. A request on a connection that is open already makes none.
//!
//! | layer | goes around | span | ends |
//! |---|---|---|---|
//! | [`dns()`] | a resolver, `Service<Name>` | `dns` | with the addresses |
//! | [`connect()`] | a connector, `Service<Uri>` | `connect` | with the connection |
//! | [`tls()`] | a connector that adds TLS to the one inside | `tls` | with the end of the handshake; it starts where the `connect` inside ended |
//!
//! The parent is the span that is current when the part runs. Under hyper-util's client and reqwest
//! that is the [`client()`](crate::client) span of the request that needs the connection. (It may be
//! served by another connection in the end, one that became free before; the client goes on
//! connecting for later requests, and the span tells how long that took.) A `dns` span is a child of
//! its `connect` span; a `tls` span is its sibling.
//!
//! Attributes: `server.address` and `server.port` as asked for, `network.peer.address` and
//! `network.peer.port` of the connection made. A failure is the status `Error` with `error.type`: an
//! `io::ErrorKind` where one is in the error, such as `ConnectionRefused`. A part that is given up
//! before its end has `lianlu.cancelled=true`.
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
//! A channel connects in `connect_with_connector`, under the caller's span. Later, and with
//! `connect_with_connector_lazy` from the first time on, it connects in a task of its own, where no
//! request is current: those spans are roots of traces of their own. TLS that the endpoint is
//! configured with comes after the connector and is not seen.
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
//! reqwest's connector does everything, TLS too, so `connect` covers all of it, `dns` a part. It does
//! not show its layers where it goes: `server.address` is then on the request's span alone.
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
mod open;
mod phase;
#[cfg(feature = "reqwest")]
mod reqwest;
mod service;

pub use future::PhaseFuture;
pub use layer::{ConnectLayer, DnsLayer, PhaseLayer, TlsLayer, connect, dns, tls};
pub use phase::{Connect, Dns, Phase, Tls};
pub use service::PhaseService;
