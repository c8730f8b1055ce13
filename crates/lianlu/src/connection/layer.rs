//! The layers and their options.

use std::borrow::Cow;
use std::marker::PhantomData;

use opentelemetry::trace::{Span, Tracer, TracerProvider};
use tower_layer::Layer;

use super::phase::{Connect, Dns, Tls};
use super::service::PhaseService;
use crate::span::source::{TracerSource, default_scope};

/// A layer for a resolver: a hyper-util `Service<Name>` such as `GaiResolver`. The resulting
/// service is also a resolver for reqwest.
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

/// A layer for a connector: a `Service<Uri>` that returns a hyper-util `Connection`, such as
/// `HttpConnector`. Also for reqwest's `connector_layer`.
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

/// A layer for a connector that adds TLS to another one, such as those of hyper-rustls and
/// hyper-tls.
///
/// With [`connect()`] around the inner connector, a `tls` span covers only the handshake, and there
/// is none if no connection was established. Without it, the span covers everything that the
/// connector does. Targets other than `https` get no span. Not for reqwest, whose connector cannot
/// be split.
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

/// The layer that [`dns()`] returns.
pub type DnsLayer = PhaseLayer<Dns>;

/// The layer that [`connect()`] returns.
pub type ConnectLayer = PhaseLayer<Connect>;

/// The layer that [`tls()`] returns.
pub type TlsLayer = PhaseLayer<Tls>;

/// A layer that makes a span for one phase of each new connection, see the [module](super).
///
/// By default spans come from the global tracer provider, with a tracer named `lianlu`.
#[derive(Debug)]
#[must_use]
pub struct PhaseLayer<P> {
    tracer: TracerSource,
    phase: PhantomData<P>,
}

// Not derived: a derive would require `P: Clone`.
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

    /// Uses `provider` instead of the global tracer provider.
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

    /// Sets the tracer's name, which is the name of the spans' instrumentation scope.
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
