//! Context propagation, and its limits.

use std::sync::Arc;

use opentelemetry::propagation::TextMapPropagator;

use super::super::layer::TraceLayer;
use super::super::side::{ClientSide, ServerSide, Side};
use crate::describe::target::Target;
use crate::net::forwarded::TrustedProxies;
use crate::net::host_list::HostList;
use crate::propagation::PropagatorKind;
use crate::request::RequestHead;

impl<K: Side> TraceLayer<K> {
    /// Reads and writes headers with `propagator` alone, such as those of
    /// [`from_names`](crate::propagation::from_names).
    ///
    /// OpenTelemetry's global propagator is not used, as in Kratos, unless `propagator` is
    /// [`GlobalPropagator`](crate::propagation::GlobalPropagator).
    pub fn with_propagator(
        self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| {
            options.propagator_kind = PropagatorKind::of(&propagator);
            options.propagator = Arc::new(propagator);
        })
    }
}

impl TraceLayer<ServerSide> {
    /// Does not continue the traces of callers for which `is_public` returns `true`: each of their
    /// calls starts a new trace, with a link to the caller's.
    ///
    /// For services that untrusted clients call. Such clients could otherwise make every call
    /// sampled, or none, and join unrelated calls into one trace.
    ///
    /// ```
    /// let layer = lianlu::server().with_public_endpoint(|_| true);
    ///
    /// // All but the calls of a gateway that removes this header from others.
    /// let layer = lianlu::server()
    ///     .with_public_endpoint(|head| !head.headers().contains_key("x-from-our-gateway"));
    /// # let _ = layer;
    /// ```
    pub fn with_public_endpoint(
        self,
        is_public: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.public = Some(Arc::new(is_public)))
    }

    /// Trusts `Forwarded` and `X-Forwarded-*` headers from these proxies: the client's address, and
    /// the scheme and host that it used. By default the headers are not read.
    ///
    /// ```
    /// let proxies = lianlu::net::TrustedProxies::new(["10.0.0.0/8", "::1"])?;
    /// let layer = lianlu::server().with_trusted_proxies(proxies);
    /// # let _ = layer; Ok::<(), lianlu::net::BadEntry>(())
    /// ```
    pub fn with_trusted_proxies(self, proxies: TrustedProxies) -> Self {
        self.with(|options| options.proxies = Some(proxies))
    }
}

impl TraceLayer<ClientSide> {
    /// The target of this client's calls, for `server.address` and `server.port`: a URL or a gRPC
    /// target (`host:port`, `dns:///host:port`, `unix:///path`).
    ///
    /// Needed around a tonic `Channel`, which hides its target; the requests of other clients
    /// contain it.
    pub fn with_target(self, target: impl AsRef<str>) -> Self {
        self.with(|options| options.target = Some(Target::parse(target.as_ref())))
    }

    /// Sends trace context, baggage and the service's name only to these hosts. They are removed
    /// from requests to other hosts, in every format that [`propagation`](crate::propagation)
    /// supports, even if a proxy has copied them from the request that it serves.
    ///
    /// The host is taken from the request's URI, else from [`with_target`](Self::with_target), else
    /// from the `Host` header. The layer does not see a redirect that a client follows internally:
    /// it carries the headers of the first request. See [`client()`](crate::client) for following
    /// redirects outside of the layer.
    ///
    /// ```
    /// let hosts = lianlu::net::HostList::new(["orders", "*.internal", "10.0.0.0/8"])?;
    /// let layer = lianlu::client().with_outbound_hosts(hosts);
    /// # let _ = layer; Ok::<(), lianlu::net::BadEntry>(())
    /// ```
    pub fn with_outbound_hosts(self, hosts: HostList) -> Self {
        self.with(|options| options.outbound = Some(hosts))
    }
}
