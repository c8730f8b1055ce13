//! The layers and their options.

use std::borrow::Cow;
use std::marker::PhantomData;

use opentelemetry::trace::{Span, Tracer, TracerProvider};
use tower_layer::Layer;

use super::phase::{Connect, Dns, Tls};
use super::service::PhaseService;
use crate::span::source::{TracerSource, default_scope};

/// A layer for a resolver: hyper-util's `Service<Name>`, such as its `GaiResolver`. Its service is a
/// resolver for reqwest too.
///
/// ```
/// use hyper_util::client::legacy::connect::{HttpConnector, dns::GaiResolver};
/// use tower::Layer;
///
/// let resolver = lianlu::connection::dns().layer(GaiResolver::new());
/// let connector = HttpConnector::new_with_resolver(resolver);
/// # let _ = connector;
/// ```
pub fn dns() -> DnsLayer {
    PhaseLayer::new()
}

/// A layer for a connector: `Service<Uri>` that gives a `Connection` of hyper-util's, such as its
/// `HttpConnector`; or for reqwest's `connector_layer`.
///
/// ```
/// use hyper_util::client::legacy::connect::HttpConnector;
/// use tower::Layer;
///
/// let connector = lianlu::connection::connect().layer(HttpConnector::new());
/// # let _ = connector;
/// ```
pub fn connect() -> ConnectLayer {
    PhaseLayer::new()
}

/// A layer for a connector that adds TLS to another one, such as hyper-rustls' or hyper-tls'.
///
/// With [`connect()`] around the one inside, a `tls` span is the handshake alone, and there is none
/// where no connection was made; without it, the span is everything that the connector does. Targets
/// other than `https` make no span. It does not go into reqwest, whose connector is one piece.
///
/// ```
/// use hyper_util::client::legacy::connect::HttpConnector;
/// use lianlu::connection;
/// use tower::{Layer, Service};
///
/// # fn https<C>(connector: C) -> C { connector }
/// let mut http = HttpConnector::new();
/// http.enforce_http(false);
/// // `https` stands for `hyper_rustls::HttpsConnectorBuilder::…::wrap_connector` or the like.
/// let connector = connection::tls().layer(https(connection::connect().layer(http)));
/// # let _ = connector;
/// ```
pub fn tls() -> TlsLayer {
    PhaseLayer::new()
}

/// The layer that [`dns()`] makes.
pub type DnsLayer = PhaseLayer<Dns>;

/// The layer that [`connect()`] makes.
pub type ConnectLayer = PhaseLayer<Connect>;

/// The layer that [`tls()`] makes.
pub type TlsLayer = PhaseLayer<Tls>;

/// A layer that makes a span for a part of each new connection, see the [module](super).
///
/// By default spans come from the global tracer provider, with a tracer named `lianlu`.
#[derive(Debug)]
#[must_use]
pub struct PhaseLayer<P> {
    tracer: TracerSource,
    phase: PhantomData<P>,
}

// Not derived: a layer is `Clone` whatever its part.
impl<P> Clone for PhaseLayer<P> {
    fn clone(&self) -> Self {
        Self {
            tracer: self.tracer.clone(),
            phase: PhantomData,
        }
    }
}

impl<P> PhaseLayer<P> {
    fn new() -> Self {
        Self {
            tracer: TracerSource::global(default_scope("lianlu".into())),
            phase: PhantomData,
        }
    }

    /// Takes spans from `provider` instead of the global one.
    ///
    /// ```
    /// let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    /// let layer = lianlu::connection::connect().with_tracer_provider(provider);
    /// # let _ = layer;
    /// ```
    pub fn with_tracer_provider<Q, T, S>(mut self, provider: Q) -> Self
    where
        S: Span + Send + Sync + 'static,
        T: Tracer<Span = S> + Send + Sync + 'static,
        Q: TracerProvider<Tracer = T> + Send + Sync + 'static,
    {
        self.tracer.set_provider(provider);
        self
    }

    /// Names the tracer, the spans' instrumentation scope.
    pub fn with_tracer_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.tracer.set_scope(default_scope(name.into()));
        self
    }
}

impl<S, P> Layer<S> for PhaseLayer<P> {
    type Service = PhaseService<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        PhaseService::new(inner, self.tracer.clone())
    }
}
