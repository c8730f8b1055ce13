//! Context propagation, and its limits.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderName;
use opentelemetry::propagation::TextMapPropagator;

use super::super::layer::TraceLayer;
use super::super::side::{ClientSide, ServerSide, Side};
use crate::describe::target::Target;
use crate::net::forwarded::TrustedProxies;
use crate::net::host_list::HostList;
use crate::propagation::{self, GlobalPropagator, ServiceName};
use crate::request::RequestHead;

impl<K: Side> TraceLayer<K> {
    /// Reads and writes headers with `propagator` alone. OpenTelemetry's global propagator is not
    /// used, as in Kratos.
    pub fn with_propagator(
        self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| {
            options.propagator = Arc::new(propagator);
            options.is_global_propagator = false;
            options.is_default_propagator = false;
        })
    }

    /// Reads and writes headers with OpenTelemetry's global propagator, looked up at each call.
    pub fn with_global_propagator(self) -> Self {
        self.with_propagator(GlobalPropagator::new())
            .with(|options| options.is_global_propagator = true)
    }

    /// The name of this service that a client sends in `x-md-service-name`.
    ///
    /// By default it is the `service.name` of the pipeline that was installed last. Replaces a
    /// propagator that was set before.
    pub fn with_caller_name(self, name: impl Into<Cow<'static, str>>) -> Self {
        let (propagator, is_default) = propagation::choose(ServiceName::new(name));
        self.with_propagator(propagator)
            .with(|options| options.is_default_propagator = is_default)
    }
}

impl TraceLayer<ServerSide> {
    /// Does not continue the traces of callers: each call starts a new trace, with a link to the
    /// caller's.
    ///
    /// For services that untrusted clients call. Such clients could otherwise make every call
    /// sampled, or none, and join unrelated calls into one trace.
    pub fn with_public_endpoint(self) -> Self {
        self.with_public_endpoint_for(|_| true)
    }

    /// As [`with_public_endpoint`](Self::with_public_endpoint), for requests for which `is_public`
    /// returns `true`.
    ///
    /// ```
    /// let layer = lianlu::server()
    ///     .with_public_endpoint_for(|head| !head.headers().contains_key("x-from-our-gateway"));
    /// # let _ = layer;
    /// ```
    pub fn with_public_endpoint_for(
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

    /// Writes the span's context into each response's `traceresponse`, in the format of
    /// `traceparent`, also on errors and streams. See [Trace Context: Response
    /// Headers](https://w3c.github.io/trace-context/#traceresponse-header).
    pub fn with_traceresponse(self) -> Self {
        self.with(|options| options.response_headers.traceresponse = true)
    }

    /// Writes the trace's id (32 hex digits) into each response under `name`, also on errors and
    /// streams. Users can copy it into a problem report.
    ///
    /// ```
    /// use http::HeaderName;
    ///
    /// let layer = lianlu::server().with_trace_id_header(HeaderName::from_static("x-trace-id"));
    /// # let _ = layer;
    /// ```
    pub fn with_trace_id_header(self, name: HeaderName) -> Self {
        self.with(|options| options.response_headers.trace_id = Some(name))
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
