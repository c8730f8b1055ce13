//! How a call begins: its parent, its description, its span.

use std::borrow::Cow;
#[cfg(feature = "pipeline")]
use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::TextMapPropagator;
#[cfg(feature = "pipeline")]
use opentelemetry::trace::TraceState;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceFlags};
use opentelemetry::{Context, StringValue, global};

#[cfg(feature = "pipeline")]
use super::call::Lists;
#[cfg(feature = "pipeline")]
use super::direct::Ending;
#[cfg(feature = "pipeline")]
use lianlu_sdk::Tracer;
#[cfg(feature = "pipeline")]
use lianlu_sdk::direct::{Begun, ParentSpan};

use super::call::{CallBox, NewCall};
use super::clock::Began;
use super::options::Options;
use super::peer::{local, peer, transport};
use super::scope::Scope;
use super::side::Side;
use super::slices::Slices;
use super::stream_end::StreamEnd;
use crate::conventions::description::Description;
#[cfg(feature = "pipeline")]
use crate::conventions::familiar::{self, Familiar};
use crate::conventions::opt_in::OptIn;
use crate::conventions::sink::Labels;
use crate::conventions::{self, Carried, Described, Dialect, Protocol, Start, names};
use crate::forwarded;
use crate::grpc;
use crate::ids;
use crate::metrics::{Measured, Meters};
use crate::propagation::{
    self, CallerService, CallerSpan, HeaderExtractor, HeaderInjector, Incoming,
};
use crate::provider;
use crate::request::RequestHead;
use crate::route::Route;
use crate::scan::Scan;
use crate::told::Told;
use crate::trace_options::TraceOptions;

/// Finds the parent, and starts the call unless a filter or the request says no.
pub(super) fn start<K: Side>(options: &Arc<Options>, head: RequestHead<'_>) -> Scope {
    let is_server = K::KIND == SpanKind::Server;
    let scan = Scan::of(head.headers());
    let mut parent = if is_server {
        Parent::of_server(options, &head, &scan)
    } else {
        Parent::new(Context::current())
    };
    let asked = TraceOptions::take(&mut parent.base, &head);
    let told = if is_server {
        Told::default()
    } else {
        Told::take(&mut parent.base, &head)
    };
    if asked.as_ref().is_some_and(TraceOptions::is_muted)
        || options.filter.as_ref().is_some_and(|filter| !filter(&head))
    {
        return Scope::untraced(parent.context());
    }
    let protocol = if scan.content_type_begins(grpc::CONTENT_TYPE) {
        Protocol::Grpc
    } else {
        Protocol::Http
    };
    let route = if is_server { route(&head) } else { None };
    let stream_end = options.stream_end(&head, route.as_ref().map(StringValue::as_str));
    let meters = options.meter.meters(&K::KIND);
    let mut new = New {
        kind: K::KIND,
        options,
        head,
        scan: &scan,
        protocol,
        route,
        stream_end,
        meters,
        asked,
        told,
        began: Began::now(),
    };
    #[cfg(feature = "pipeline")]
    if let Some(direct) = options.tracer.find().direct.as_ref()
        && options.settings.dialect == Dialect::OpenTelemetry
        && !matches!(stream_end, StreamEnd::Sliced(_))
    {
        return new.start_direct(direct, &mut parent);
    }
    new.start_by_api(&mut parent)
}

/// The context that a call begins in.
struct Parent {
    /// The current one, with what the caller has sent but for what stands below.
    base: Context,
    /// The caller's span, where it was read faster than propagators read it.
    caller: Option<CallerSpan>,
    /// What came with it, until it is known who wants it.
    incoming: Option<Box<Incoming>>,
    /// A caller that is linked and not believed.
    link: Option<Box<Link>>,
}

impl Parent {
    fn new(base: Context) -> Self {
        Self {
            base,
            caller: None,
            incoming: None,
            link: None,
        }
    }

    #[inline]
    fn of_server(options: &Options, head: &RequestHead<'_>, scan: &Scan<'_>) -> Self {
        let mut parent = Self::new(Context::current());
        let is_public = options.public.as_ref();
        let is_public = is_public.is_some_and(|is_public| is_public(head));
        if options.is_default_propagator && !is_public {
            (parent.caller, parent.incoming) = propagation::read_incoming(scan, head.headers());
            return parent;
        }
        let headers = HeaderExtractor(head.headers());
        let extracted = options
            .propagator
            .extract_with_context(&parent.base, &headers);
        if !is_public {
            return Self::new(extracted);
        }
        let caller = extracted.span().span_context().clone();
        let is_remote = caller.is_valid() && caller.is_remote();
        parent.base = without_trace(&parent.base, &extracted);
        parent.link = is_remote.then(|| Box::new(Link::with_context(caller)));
        parent
    }

    /// The context but for the caller's span.
    #[inline]
    fn base(&mut self, for_sdk: bool) -> Context {
        let base = std::mem::take(&mut self.base);
        match self.incoming.take() {
            Some(incoming) => incoming.values(base, for_sdk),
            None => base,
        }
    }

    /// The call's parent, if it has one.
    #[cfg(feature = "pipeline")]
    fn span(&self) -> SpanContext {
        match &self.caller {
            Some(caller) => {
                let state = caller.state.clone();
                SpanContext::new(caller.trace_id, caller.span_id, caller.flags, true, state)
            }
            None => self.base.span().span_context().clone(),
        }
    }

    /// All of it as a context, for whoever knows nothing but the API.
    fn context(&mut self) -> Context {
        let base = self.base(true);
        match self.caller.take() {
            Some(caller) => base.with_remote_span_context(caller.into_context()),
            None => base,
        }
    }
}

/// A call that is to be traced.
struct New<'a> {
    kind: SpanKind,
    options: &'a Arc<Options>,
    head: RequestHead<'a>,
    scan: &'a Scan<'a>,
    protocol: Protocol,
    route: Option<StringValue>,
    stream_end: StreamEnd,
    meters: Option<(u64, &'a Arc<Meters>)>,
    asked: Option<TraceOptions>,
    told: Told,
    began: Began,
}

impl<'a> New<'a> {
    /// What the call is, for its span and its metrics. `true` if the user has named it.
    #[inline]
    fn describe(
        &mut self,
        parent: &Context,
        mut attributes: Description<'_>,
        labels: &mut Labels,
    ) -> (Described, bool) {
        let (options, head) = (self.options, self.head);
        let opt_ins = options.settings.opt_ins;
        let is_kratos = options.settings.dialect == Dialect::Kratos;
        let is_server = self.kind == SpanKind::Server;
        let peer = if is_server { peer(&head) } else { None };
        let caller = parent.get::<CallerService>().filter(|_| is_server);
        let start = Start {
            kind: self.kind.clone(),
            protocol: self.protocol,
            head,
            scan: self.scan,
            route: self.route.take(),
            told: std::mem::take(&mut self.told),
            peer,
            // Looked up only for those who have asked for them.
            local: if is_server && opt_ins.contains(OptIn::NetworkLocal) {
                local(&head)
            } else {
                None
            },
            transport: if is_server && opt_ins.contains(OptIn::NetworkTransport) {
                transport(&head, peer)
            } else {
                None
            },
            origin: match &options.proxies {
                Some(proxies) if is_server => {
                    forwarded::resolve(proxies, peer.map(|peer| peer.ip()), head.headers())
                }
                _ => forwarded::Origin::default(),
            },
            target: options.target.as_ref(),
            caller: caller.map(CallerService::as_str),
            operation: if is_kratos { said(&head, parent) } else { None },
            path_template: if is_kratos { said(&head, parent) } else { None },
            metrics: self.meters.is_some(),
            active: options.active_requests && self.meters.is_some(),
        };
        let mut described = conventions::start(&options.settings, &start, &mut attributes, labels);
        let asked = self.asked.take();
        let named = add_what_users_say(options, &head, asked, &mut described.name, &mut attributes);
        (described, named)
    }

    fn is_never_sampled(&self) -> bool {
        let filter = self.options.sampling_filter.as_ref();
        filter.is_some_and(|filter| !filter(&self.head))
    }

    /// The short way: what nobody records is not described, and what is recorded is described in bytes.
    #[cfg(feature = "pipeline")]
    #[inline]
    fn start_direct(&mut self, tracer: &Tracer, parent: &mut Parent) -> Scope {
        let Some(begun) = self.begin(tracer, parent) else {
            return self.start_by_api(parent);
        };
        let base = parent.base(false);
        match begun {
            Begun::Recording(span) => {
                let mut room = CallBox::empty();
                let Lists { labels, ending, .. } = room.lists();
                let ending = ending.get_or_insert_default();
                let (described, named) = self.describe_direct(&base, ending, labels);
                ending.name = described.name;
                ending.start = (ending.attributes.len(), ending.count);
                let context = base.with_span(span);
                if let Some(hook) = &self.options.hooks.on_request {
                    hook(&self.head, &context.span());
                }
                self.enter(context, described.carried, named, (true, true), None, room)
            }
            Begun::NotRecorded(span) => {
                let context = base.with_remote_span_context(span);
                let options = self.options;
                // A client's call also keeps the context for the request's body.
                if self.meters.is_none()
                    && self.kind == SpanKind::Server
                    && !options.response_headers.is_any()
                    && !options.exceptions.are_logged()
                {
                    return Scope::untraced(context);
                }
                let mut room = CallBox::empty();
                let labels = &mut room.lists().labels;
                let (described, named) = self.describe_unrecorded(&base, labels);
                self.enter(
                    context,
                    described.carried,
                    named,
                    (false, false),
                    None,
                    room,
                )
            }
        }
    }

    /// As [`describe`](Self::describe), and faster where it was done before.
    #[cfg(feature = "pipeline")]
    #[inline]
    fn describe_direct(
        &mut self,
        base: &Context,
        ending: &mut Ending,
        labels: &mut Labels,
    ) -> (Described, bool) {
        let Some(familiar) = self.familiar(base) else {
            return self.describe(base, Description::Bytes(ending), labels);
        };
        if let Some(described) = familiar::recall(familiar, Some(&mut *ending)) {
            return (described, false);
        }
        let described = self.describe(base, Description::Bytes(ending), labels);
        familiar::remember(familiar, &described.0, Some(ending));
        described
    }

    /// The same for a call that only the metrics know of.
    #[cfg(feature = "pipeline")]
    #[inline]
    fn describe_unrecorded(&mut self, base: &Context, labels: &mut Labels) -> (Described, bool) {
        let familiar = self.familiar(base);
        if let Some(familiar) = familiar
            && let Some(described) = familiar::recall(familiar, None)
        {
            return (described, false);
        }
        let described = self.describe(base, Description::Nothing, labels);
        if let Some(familiar) = familiar {
            familiar::remember(familiar, &described.0, None);
        }
        described
    }

    /// What tells the call from others, if nothing else does.
    #[cfg(feature = "pipeline")]
    #[inline]
    fn familiar(&self, base: &Context) -> Option<Familiar<'a>> {
        let is_plain = self.protocol == Protocol::Grpc
            && self.kind == SpanKind::Server
            && self.asked.is_none()
            && self.options.are_plain()
            && base.get::<CallerService>().is_none();
        if !is_plain {
            return None;
        }
        let peer = match peer(&self.head) {
            None => 0,
            Some(SocketAddr::V4(peer)) => {
                1 << 63 | u64::from(peer.ip().to_bits()) << 16 | u64::from(peer.port())
            }
            Some(SocketAddr::V6(_)) => return None,
        };
        let authority = self.head.uri().authority();
        Some(Familiar {
            layer: self.options.id,
            path: self.head.path(),
            authority: match authority {
                Some(authority) => authority.as_str(),
                None => self.scan.host().unwrap_or_default(),
            },
            peer,
            is_measured: self.meters.is_some(),
        })
    }

    /// Whether the call is recorded. `None` where that is for the API to tell.
    #[cfg(feature = "pipeline")]
    #[inline]
    fn begin(&self, tracer: &Tracer, parent: &mut Parent) -> Option<Begun> {
        if parent.base.is_telemetry_suppressed() {
            return None;
        }
        if self.is_never_sampled() {
            return Some(Begun::NotRecorded(unsampled_span(&parent.span())));
        }
        let (span, state) = match &mut parent.caller {
            Some(caller) => {
                let span = ParentSpan {
                    trace_id: caller.trace_id,
                    span_id: caller.span_id,
                    flags: caller.flags,
                    is_remote: true,
                };
                (Some(span), std::mem::take(&mut caller.state))
            }
            None if !parent.base.has_active_span() => (None, TraceState::NONE),
            None => {
                let span = parent.base.span();
                let span = span.span_context();
                if !span.is_valid() {
                    return None;
                }
                let parent = ParentSpan {
                    trace_id: span.trace_id(),
                    span_id: span.span_id(),
                    flags: span.trace_flags(),
                    is_remote: span.is_remote(),
                };
                (Some(parent), span.trace_state().clone())
            }
        };
        let link = parent.link.as_deref();
        match tracer.begin(span, state, &self.kind, self.began.at, link) {
            Ok(begun) => Some(begun),
            Err(state) => {
                if let Some(caller) = &mut parent.caller {
                    caller.state = state;
                }
                None
            }
        }
    }

    /// Any provider, through the API.
    #[inline(never)]
    fn start_by_api(&mut self, parent: &mut Parent) -> Scope {
        let mut room = CallBox::empty();
        let link = parent.link.take();
        let parent = parent.context();
        let mut attributes = Vec::with_capacity(16);
        let into = Description::KeyValues(&mut attributes);
        let (described, named) = self.describe(&parent, into, &mut room.lists().labels);
        let name = described.name;
        let options = self.options;
        let mut slices = None;
        let context = if self.is_never_sampled() {
            let span = unsampled_span(parent.span().span_context());
            parent.with_remote_span_context(span)
        } else {
            let mut builder = SpanBuilder::from_name(name.clone())
                .with_kind(self.kind.clone())
                .with_start_time(self.began.at);
            if let Some(link) = link {
                builder = builder.with_links(vec![*link]);
            }
            if let StreamEnd::Sliced(every) = self.stream_end {
                let (parent, attributes) = (parent.clone(), attributes.clone());
                let kind = self.kind.clone();
                let next = Slices::new(options, every, parent, kind, name, attributes);
                slices = Some(Box::new(next));
            }
            let span = builder
                .with_attributes(attributes)
                .start_with_context(&options.tracer.find().tracer, &parent);
            let context = parent.with_span(span);
            provider::check(context.span().span_context(), parent.span().span_context());
            context
        };
        let span = context.span();
        let recording = span.is_recording();
        if let Some(slices) = &mut slices {
            slices.set_first(span.span_context());
        }
        if recording && let Some(hook) = &options.hooks.on_request {
            hook(&self.head, &span);
        }
        let slices = slices.filter(|_| recording);
        self.enter(
            context,
            described.carried,
            named,
            (recording, false),
            slices,
            room,
        )
    }

    /// The call under way.
    #[inline]
    fn enter(
        &mut self,
        context: Context,
        carried: Carried,
        named: bool,
        (recording, is_direct): (bool, bool),
        slices: Option<Box<Slices>>,
        mut room: CallBox,
    ) -> Scope {
        let (options, protocol) = (self.options, self.protocol);
        let measured = self.meters.map(|meters| {
            // None where active requests are not asked for, or the conventions have no such metric.
            let active = std::mem::take(&mut room.lists().labels.active);
            let active = Some(active).filter(|labels| !labels.is_empty());
            Measured::start(meters, protocol, active, options.body_sizes)
        });
        room.fill(NewCall {
            options: Arc::clone(options),
            kind: self.kind.clone(),
            protocol,
            head: self.head,
            scan: self.scan,
            began: self.began,
            recording,
            is_direct,
            carried,
            measured,
            stream_end: self.stream_end,
            slices,
            named,
        });
        Scope::traced(context, room)
    }
}

/// What a stranger has sent, but for the trace. Not `with_remote_span_context` of an empty one: samplers
/// take that for a parent who was not sampled.
fn without_trace(current: &Context, extracted: &Context) -> Context {
    let baggage = extracted.baggage();
    let baggage = baggage.iter().map(|(key, (value, metadata))| {
        KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
    });
    let context = current.with_baggage(baggage);
    match extracted.get::<CallerService>() {
        Some(caller) => context.with_value(caller.clone()),
        None => context,
    }
}

/// Names and attributes of hooks and of the request itself, for the sampler to see. `true` if one of
/// them has named the span.
fn add_what_users_say(
    options: &Options,
    head: &RequestHead<'_>,
    asked: Option<TraceOptions>,
    described_name: &mut Cow<'static, str>,
    attributes: &mut Description<'_>,
) -> bool {
    let mut named = false;
    let hook = options.hooks.span_name.as_ref();
    if let Some(name) = hook.and_then(|hook| hook(head)) {
        *described_name = name;
        named = true;
    }
    if let Some(hook) = &options.hooks.attributes {
        attributes.extend(hook(head));
    }
    if let Some(asked) = asked {
        attributes.extend(asked.attributes().iter().cloned());
        if let Some(name) = asked.name() {
            *described_name = name;
            named = true;
        }
    }
    named
}

/// A span that is not recorded, in the trace of the parent or in one of its own.
fn unsampled_span(span: &SpanContext) -> SpanContext {
    let (trace_id, flags, state) = if span.is_valid() {
        let flags = span.trace_flags() & !TraceFlags::SAMPLED;
        (span.trace_id(), flags, span.trace_state().clone())
    } else {
        (
            ids::random_trace_id(),
            TraceFlags::default(),
            Default::default(),
        )
    };
    SpanContext::new(trace_id, ids::random_span_id(), flags, false, state)
}

/// What an outer layer has said with an extension, or the caller with a value of the context.
fn said<'a, T: Send + Sync + 'static>(
    head: &RequestHead<'a>,
    context: &'a Context,
) -> Option<&'a T> {
    head.extensions().get().or_else(|| context.get())
}

fn route(head: &RequestHead<'_>) -> Option<StringValue> {
    if let Some(route) = head.extensions().get::<Route>() {
        return Some(kept(&route.0));
    }
    #[cfg(feature = "axum")]
    if let Some(route) = head.extensions().get::<axum::extract::MatchedPath>() {
        return Some(kept(route.as_str()));
    }
    None
}

/// A template of the service's own.
fn kept(template: &str) -> StringValue {
    match names::kept(template) {
        Some(kept) => kept.into(),
        None => template.to_owned().into(),
    }
}

/// Writes the context into a request's headers, or takes away what is there of one, if it must not
/// leave.
pub(super) fn inject(
    options: &Options,
    context: &Context,
    may_propagate: bool,
    headers: &mut http::HeaderMap,
) {
    if may_propagate {
        options
            .propagator
            .inject_context(context, &mut HeaderInjector(headers));
        return;
    }
    let mut remove = |propagator: &dyn TextMapPropagator| {
        for field in propagator.fields() {
            headers.remove(field);
        }
    };
    if options.is_global_propagator {
        // Its fields are those of today.
        global::get_text_map_propagator(remove);
    } else {
        remove(&*options.propagator);
    }
    propagation::remove_formats(headers);
}
