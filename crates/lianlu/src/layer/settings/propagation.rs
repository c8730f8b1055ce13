//! How the context travels, and how far.

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
    /// Reads and writes headers with `propagator` alone. OpenTelemetry's global propagator is never
    /// asked, as in Kratos.
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

    /// Reads and writes headers with OpenTelemetry's global propagator, whatever it is at each call.
    pub fn with_global_propagator(self) -> Self {
        self.with_propagator(GlobalPropagator::new())
            .with(|options| options.is_global_propagator = true)
    }

    /// The name that a client calls itself by in `x-md-service-name`.
    ///
    /// Without it, the `service.name` of the pipeline that was installed last. Replaces a propagator
    /// set before.
    pub fn with_caller_name(self, name: impl Into<Cow<'static, str>>) -> Self {
        let (propagator, is_default) = propagation::choose(ServiceName::new(name));
        self.with_propagator(propagator)
            .with(|options| options.is_default_propagator = is_default)
    }
}

impl TraceLayer<ServerSide> {
    /// Takes nobody's trace for its own: each call begins a new one, with a link to the caller's.
    ///
    /// For services that strangers call: they could make every call sampled, or none, and tie calls
    /// together that have nothing in common.
    pub fn with_public_endpoint(self) -> Self {
        self.with_public_endpoint_for(|_| true)
    }

    /// As [`with_public_endpoint`](Self::with_public_endpoint), for requests that `is_public` says
    /// `true` to.
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

    /// Believes what these proxies write into `Forwarded` and `X-Forwarded-*`: who the client is, by
    /// which scheme and host it called. Without, the headers are not read.
    ///
    /// ```
    /// let proxies = lianlu::net::TrustedProxies::new(["10.0.0.0/8", "::1"])?;
    /// let layer = lianlu::server().with_trusted_proxies(proxies);
    /// # let _ = layer; Ok::<(), lianlu::net::BadEntry>(())
    /// ```
    pub fn with_trusted_proxies(self, proxies: TrustedProxies) -> Self {
        self.with(|options| options.proxies = Some(proxies))
    }

    /// Writes the span into each response's `traceresponse`, in the format of `traceparent`: on errors
    /// and streams too. See [Trace Context: Response Headers](https://w3c.github.io/trace-context/#traceresponse-header).
    pub fn with_traceresponse(self) -> Self {
        self.with(|options| options.response_headers.traceresponse = true)
    }

    /// Writes the trace's id (32 hex digits) into each response under `name`, on errors and streams
    /// too: what a user who reports a problem can copy.
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
    /// Where this client's calls go, for `server.address` and `server.port`: a URL or a gRPC target
    /// (`host:port`, `dns:///host:port`, `unix:///path`).
    ///
    /// Needed around a tonic `Channel`, which hides it; other clients have it in each request.
    pub fn with_target(self, target: impl AsRef<str>) -> Self {
        self.with(|options| options.target = Some(Target::parse(target.as_ref())))
    }

    /// Sends trace context, baggage and the service's name to these hosts alone. Requests to others
    /// leave without, also without what a proxy has copied from the request that it serves, in any format
    /// that [`propagation`](crate::propagation) has.
    ///
    /// The host is that of the request's target, or [`with_target`](Self::with_target)'s where the request
    /// has none, or its `Host`. A redirect that a client follows by itself is not seen here: it carries what
    /// the first request carried. See [`client()`](crate::client) for following them outside of the layer.
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
