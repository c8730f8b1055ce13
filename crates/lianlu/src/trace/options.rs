//! What a layer was told.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::InstrumentationScope;
use opentelemetry::propagation::TextMapPropagator;

use super::exceptions::ExceptionSignal;
use super::hooks::Hooks;
use super::response_headers::ResponseHeaders;
use super::stream_end::StreamEnd;
#[cfg(feature = "pipeline")]
use crate::conventions::opt_in::OptIn;
use crate::conventions::settings::Settings;
use crate::conventions::{Dialect, target, target::Target};
use crate::metrics::MeterSource;
use crate::net::forwarded::TrustedProxies;
use crate::net::host_list::HostList;
use crate::propagation::{self, ServiceName};
use crate::provider::{TracerSource, default_scope};
use crate::request::RequestHead;

type Decision = dyn Fn(&RequestHead<'_>) -> bool + Send + Sync;
type StreamEnds = dyn Fn(&RequestHead<'_>, Option<&str>) -> StreamEnd + Send + Sync;

#[derive(Clone)]
pub(crate) struct Options {
    /// Tells these options from all others.
    pub(super) id: u64,
    /// Whether nothing but the conventions has a say in a gRPC call once it is described.
    #[cfg(feature = "pipeline")]
    pub(super) is_silent: bool,
    /// The same, and nothing but its head has a say in it either.
    #[cfg(feature = "pipeline")]
    pub(super) is_plain: bool,
    /// Switched off, a layer does nothing.
    pub(super) is_on: bool,
    pub(crate) tracer: TracerSource,
    pub(super) tracer_name: Option<Cow<'static, str>>,
    pub(super) meter: MeterSource,
    /// The metrics that are opt-in.
    pub(super) active_requests: bool,
    pub(super) body_sizes: bool,
    pub(super) propagator: Arc<dyn TextMapPropagator + Send + Sync>,
    pub(super) is_global_propagator: bool,
    /// Whether it is that of the three defaults.
    pub(super) is_default_propagator: bool,
    /// Where a client's context may go. `None` is everywhere.
    pub(super) outbound: Option<HostList>,
    /// Whose context a server doesn't take for its parent.
    pub(super) public: Option<Arc<Decision>>,
    pub(super) proxies: Option<TrustedProxies>,
    pub(super) response_headers: ResponseHeaders,
    /// Which calls are traced at all, and which may be sampled.
    pub(super) filter: Option<Arc<Decision>>,
    pub(super) sampling_filter: Option<Arc<Decision>>,
    pub(super) settings: Settings,
    pub(super) target: Option<Target>,
    pub(super) hooks: Hooks,
    pub(super) stream_ends: Option<Arc<StreamEnds>>,
    pub(super) exceptions: ExceptionSignal,
    /// How many messages of a gRPC call become events.
    pub(super) message_events: u32,
    /// How many bytes of an HTTP body become an attribute.
    pub(super) request_content: usize,
    pub(super) response_content: usize,
}

impl Default for Options {
    fn default() -> Self {
        let (propagator, is_default_propagator) = propagation::choose(ServiceName::from_pipeline());
        let mut options = Self {
            id: 0,
            #[cfg(feature = "pipeline")]
            is_silent: false,
            #[cfg(feature = "pipeline")]
            is_plain: false,
            is_on: true,
            tracer: TracerSource::global(default_scope("lianlu".into())),
            tracer_name: None,
            meter: MeterSource::global(default_scope("lianlu".into())),
            active_requests: false,
            body_sizes: false,
            propagator: Arc::new(propagator),
            is_global_propagator: false,
            is_default_propagator,
            outbound: None,
            public: None,
            proxies: None,
            response_headers: ResponseHeaders::default(),
            filter: None,
            sampling_filter: None,
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

/// A number that no other options have or had.
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Options {
    /// Whether calls that have the same method, authority and peer are described alike.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(super) fn are_plain(&self) -> bool {
        self.proxies.is_none()
            && self.hooks.span_name.is_none()
            && self.hooks.attributes.is_none()
            && self.settings.request_headers.is_empty()
            && !self
                .settings
                .opt_ins
                .contains(OptIn::ServerAddressOnMetrics)
    }

    /// Whether nobody has a say in a gRPC call once it is described, nor wants to be told of it or to have it told.
    #[cfg(feature = "pipeline")]
    fn are_silent(&self) -> bool {
        self.hooks.on_response.is_none()
            && self.hooks.are_silent_at_the_end()
            && self.settings.response_headers.is_empty()
            && !self.response_headers.is_any()
            && self.message_events == 0
            && self.request_content == 0
            && self.response_content == 0
    }

    /// To be called after each change.
    pub(super) fn settle(&mut self) {
        self.id = next_id();
        #[cfg(feature = "pipeline")]
        {
            self.is_silent = self.are_silent();
            self.is_plain = self.is_silent
                && self.are_plain()
                && self.settings.dialect == Dialect::OpenTelemetry
                && self.is_default_propagator
                && self.public.is_none()
                && self.filter.is_none()
                && self.sampling_filter.is_none()
                && self.stream_ends.is_none()
                && self.hooks.on_request.is_none();
        }
    }

    /// Gives tracer, meter and logger the name that they were told, or the dialect's.
    pub(super) fn name_scope(&mut self) {
        let name = self.tracer_name.clone();
        let (scope, meter_scope) = match self.settings.dialect {
            Dialect::OpenTelemetry => {
                let scope = default_scope(name.unwrap_or("lianlu".into()));
                (scope.clone(), scope)
            }
            // Kratos gives its tracer no version and no schema.
            Dialect::Kratos => {
                let name = name.unwrap_or("kratos".into());
                let scope = InstrumentationScope::builder(name.clone()).build();
                (scope, default_scope(name))
            }
        };
        self.tracer.set_scope(scope);
        self.exceptions.set_scope(meter_scope.clone());
        self.meter.set_scope(meter_scope);
    }

    /// Whether a client's context may go along with a request.
    pub(super) fn may_propagate(&self, head: &RequestHead<'_>) -> bool {
        let Some(list) = &self.outbound else {
            return true;
        };
        // An absolute request says where it goes. Of any other the target tells: a `Host` may have been
        // copied from somebody else's request.
        let asked = head.uri().authority();
        let asked = asked.map(|authority| target::split_authority(authority.as_str()));
        let told = || {
            let target = self.target.as_ref()?;
            Some((target.host.as_str(), target.port))
        };
        let host = || head.authority().map(target::split_authority);
        match asked.or_else(told).or_else(host) {
            Some((host, port)) => {
                let port = port.or_else(|| target::default_port(head.uri().scheme_str()?));
                list.allows(host, port)
            }
            None => false,
        }
    }

    /// Whether [`stream_end`](Self::stream_end) looks at the route.
    #[inline]
    pub(super) fn wants_routes(&self) -> bool {
        self.stream_ends.is_some()
    }

    #[inline]
    pub(super) fn stream_end(&self, head: &RequestHead<'_>, route: Option<&str>) -> StreamEnd {
        let told = self.stream_ends.as_ref().map(|ends| ends(head, route));
        told.unwrap_or_default()
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
            .field("sampling_filter", &self.sampling_filter.is_some())
            .field("public", &self.public.is_some())
            .field("proxies", &self.proxies)
            .field("outbound", &self.outbound)
            .finish_non_exhaustive()
    }
}
