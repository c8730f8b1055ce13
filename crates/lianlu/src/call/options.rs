//! The options of a layer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::authority::Authority;
use opentelemetry::InstrumentationScope;
use opentelemetry::propagation::TextMapPropagator;

use super::exceptions::ExceptionSignal;
use super::hooks::Hooks;
use super::response_headers::ResponseHeaders;
use super::stream_end::StreamEnd;
use crate::describe::opt_in::OptIn;
use crate::describe::settings::Settings;
use crate::describe::surface::{Dialect, Protocol};
use crate::describe::target::{self, Target};
use crate::describe::template;
use crate::metrics::MeterSource;
use crate::net::forwarded::TrustedProxies;
use crate::net::host_list::HostList;
use crate::propagation::{PropagatorKind, ServiceName, default_propagator};
use crate::request::RequestHead;
use crate::span::source::{TracerSource, default_scope, scope_with_schema};

type Decision = dyn Fn(&RequestHead<'_>) -> bool + Send + Sync;
type StreamEnds = dyn Fn(&RequestHead<'_>, Option<&str>) -> StreamEnd + Send + Sync;

#[derive(Clone)]
pub(crate) struct Options {
    /// Identifies these options among all others.
    pub(crate) id: u64,
    /// True if each call is described from scratch, for tests.
    pub(crate) describes_anew: bool,
    /// True if calls with the same method, authority and peer have the same description.
    pub(crate) uses_templates: bool,
    /// True if calls with the same status have the same description of their end.
    pub(crate) ends_are_alike: bool,
    /// Whether the head of a response is captured or shown to a hook.
    pub(crate) reads_response_heads: bool,
    /// True if every call needs a [`RareState`](super::RareState).
    pub(crate) has_rare_state: bool,
    /// True if a server's calls have an effect even if they are neither recorded nor measured.
    pub(crate) watches_unrecorded: bool,
    pub(crate) tracer: TracerSource,
    pub(crate) tracer_name: Option<Cow<'static, str>>,
    pub(crate) meter: MeterSource,
    /// The opt-in metrics.
    pub(crate) active_requests: bool,
    pub(crate) body_sizes: bool,
    pub(crate) propagator: Arc<dyn TextMapPropagator + Send + Sync>,
    pub(crate) propagator_kind: PropagatorKind,
    /// True if only the layer or its propagator may name the caller to a host.
    pub(crate) owns_name: bool,
    /// True if a client also sends the pipeline's service name: in Kratos mode, and to named hosts.
    pub(crate) sends_name: bool,
    /// The hosts that a client may send its context to. `None` allows all.
    pub(crate) outbound: Option<HostList>,
    /// The callers whose traces are linked instead of continued.
    pub(crate) public: Option<Arc<Decision>>,
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) response_headers: ResponseHeaders,
    /// The calls that are traced.
    pub(crate) filter: Option<Arc<Decision>>,
    pub(crate) settings: Settings,
    pub(crate) target: Option<Target>,
    pub(crate) hooks: Hooks,
    pub(crate) stream_ends: Option<Arc<StreamEnds>>,
    pub(crate) exceptions: ExceptionSignal,
    /// How many messages of a gRPC call become events.
    pub(crate) message_events: u32,
    /// How many bytes of an HTTP body become an attribute.
    pub(crate) request_content: usize,
    pub(crate) response_content: usize,
}

impl Default for Options {
    fn default() -> Self {
        let propagator = default_propagator();
        let mut options = Self {
            id: 0,
            describes_anew: false,
            uses_templates: false,
            ends_are_alike: false,
            reads_response_heads: false,
            has_rare_state: false,
            watches_unrecorded: false,
            tracer: TracerSource::global(default_scope("lianlu".into())),
            tracer_name: None,
            meter: MeterSource::global(default_scope("lianlu".into())),
            active_requests: false,
            body_sizes: false,
            propagator_kind: PropagatorKind::of(&propagator),
            propagator: Arc::new(propagator),
            owns_name: false,
            sends_name: false,
            outbound: None,
            public: None,
            proxies: None,
            response_headers: ResponseHeaders::default(),
            filter: None,
            settings: Settings::default(),
            target: None,
            hooks: Hooks::default(),
            stream_ends: None,
            exceptions: ExceptionSignal::default(),
            message_events: 0,
            request_content: 0,
            response_content: 0,
        };
        options.settle();
        options
    }
}

/// A number that is unique among all options.
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Options {
    /// Updates derived fields. Call it after each change.
    pub(crate) fn settle(&mut self) {
        self.id = next_id();
        let hooks = &self.hooks;
        let has_content = self.request_content > 0 || self.response_content > 0;
        self.uses_templates = !self.describes_anew
            && self.proxies.is_none()
            && hooks.span_name.is_none()
            && hooks.attributes.is_none()
            && template::fits(&self.settings);
        let writes_name = ServiceName::is_in(self.propagator.fields());
        let kind = self.propagator_kind;
        self.owns_name =
            matches!(kind, PropagatorKind::Default | PropagatorKind::FromEnv) || writes_name;
        self.sends_name = kind == PropagatorKind::Default
            && (self.settings.dialect == Dialect::Kratos || self.outbound.is_some())
            && !writes_name;
        self.ends_are_alike = !hooks.observe_ends() && !has_content;
        self.reads_response_heads = hooks.on_response.is_some()
            || !self.settings.response_headers.is_empty()
            || self.response_content > 0;
        self.watches_unrecorded = self.response_headers.is_any() || self.exceptions.are_logged();
        self.has_rare_state = self.active_requests
            || self.body_sizes
            || self.settings.opt_ins.contains(OptIn::BodySize)
            || self.settings.generation(Protocol::Http).old()
            || self.message_events > 0
            || has_content;
    }

    /// Sets the scope of the tracer, the meter and the logger: the configured name, or the
    /// dialect's default.
    pub(crate) fn name_scope(&mut self) {
        let name = self.tracer_name.clone();
        let schema_url = self.settings.rpc_status_key.schema_url();
        let (scope, meter_scope) = match self.settings.dialect {
            Dialect::OpenTelemetry => {
                let scope = scope_with_schema(name.unwrap_or("lianlu".into()), schema_url);
                (scope.clone(), scope)
            }
            // Kratos gives its tracer no version and no schema.
            Dialect::Kratos => {
                let name = name.unwrap_or("kratos".into());
                let scope = InstrumentationScope::builder(name.clone()).build();
                (scope, scope_with_schema(name, schema_url))
            }
        };
        self.tracer.set_scope(scope);
        self.exceptions.set_scope(meter_scope.clone());
        self.meter.set_scope(meter_scope);
    }

    /// True if a client's context may be sent with a request.
    pub(crate) fn may_propagate(&self, head: &RequestHead<'_>) -> bool {
        let Some(list) = &self.outbound else {
            return true;
        };
        // A request with an absolute URI names its own host. For others the configured target comes
        // first: a `Host` header may have been copied from the request of another client.
        let (host, port) = match (head.uri().authority(), &self.target) {
            (None, Some(target)) => (&*target.host, target.port),
            (Some(_), _) | (None, None) => {
                let authority = head.authority().map(Authority::parse);
                let Some(Ok(Authority { host, port })) = authority else {
                    return false;
                };
                (host, port)
            }
        };
        let port = port.or_else(|| target::default_port(head.uri().scheme_str()?));
        list.allows(host, port)
    }

    #[inline]
    pub(crate) fn stream_end(&self, head: &RequestHead<'_>, route: Option<&str>) -> StreamEnd {
        let configured = self.stream_ends.as_ref().map(|ends| ends(head, route));
        configured.unwrap_or_default()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("tracer", &self.tracer)
            .field("meter", &self.meter)
            .field("propagator", &self.propagator)
            .field("settings", &self.settings)
            .field("target", &self.target)
            .field("filter", &self.filter.is_some())
            .field("public", &self.public.is_some())
            .field("proxies", &self.proxies)
            .field("outbound", &self.outbound)
            .finish_non_exhaustive()
    }
}
