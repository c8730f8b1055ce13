//! How a call begins: its parent, its description, its span.

use std::sync::Arc;

use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceFlags};
use opentelemetry::{Context, StringValue, global};

#[cfg(feature = "pipeline")]
use lianlu_sdk::Tracer;
#[cfg(feature = "pipeline")]
use lianlu_sdk::direct::Begun;

use super::call::{NewCall, Room};
use super::clock::Began;
use super::direct::Ending;
use super::options::Options;
use super::peer::{local, peer, transport};
use super::scope::Scope;
use super::side::Side;
use super::slices::Slices;
use super::stream_end::StreamEnd;
#[cfg(feature = "pipeline")]
use crate::conventions::Dialect;
#[cfg(feature = "pipeline")]
use crate::conventions::description::Bytes;
use crate::conventions::description::Description;
use crate::conventions::sink::Labels;
use crate::conventions::{self, Carried, Described, Protocol, Start, names};
use crate::forwarded;
use crate::grpc;
use crate::ids;
use crate::metrics::{Measured, Meters};
use crate::propagation::{self, CallerService, HeaderExtractor, HeaderInjector, Incoming};
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
        Parent::of_client()
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
        return Scope::untraced(parent.into_context());
    }
    let protocol = if scan.content_type_begins(grpc::CONTENT_TYPE) {
        Protocol::Grpc
    } else {
        Protocol::Http
    };
    let route = if is_server { route(&head) } else { None };
    let stream_end = options.stream_end(&head, route.as_ref().map(StringValue::as_str));
    let meters = options.meter.meters(&K::KIND);
    let new = New {
        kind: K::KIND,
        options,
        head,
        scan,
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
        return new.start_direct(direct, parent);
    }
    new.start_by_api(parent)
}

/// The context that a call begins in.
struct Parent {
    /// The current one, with what the caller has sent but for its span.
    base: Context,
    /// What is read faster than propagators read it, until it is known who wants it.
    incoming: Option<Incoming>,
    /// A caller that is linked and not believed.
    link: Option<Link>,
}

impl Parent {
    fn of_client() -> Self {
        Self {
            base: Context::current(),
            incoming: None,
            link: None,
        }
    }

    #[inline]
    fn of_server(options: &Options, head: &RequestHead<'_>, scan: &Scan<'_>) -> Self {
        let current = Context::current();
        let is_public = options.public.as_ref();
        let is_public = is_public.is_some_and(|is_public| is_public(head));
        if options.is_default_propagator && !is_public {
            let incoming = Incoming::read(scan, head.headers());
            return Self {
                base: current,
                incoming: Some(incoming),
                link: None,
            };
        }
        let headers = HeaderExtractor(head.headers());
        let extracted = options.propagator.extract_with_context(&current, &headers);
        if !is_public {
            return Self {
                base: extracted,
                incoming: None,
                link: None,
            };
        }
        let caller = extracted.span().span_context().clone();
        let is_remote = caller.is_valid() && caller.is_remote();
        Self {
            base: without_trace(&current, &extracted),
            incoming: None,
            link: is_remote.then(|| Link::with_context(caller)),
        }
    }

    /// All of it as a context, for whoever knows nothing but the API.
    fn into_context(self) -> Context {
        match self.incoming {
            Some(mut incoming) => {
                let context = incoming.values(self.base, true);
                incoming.with_span(context)
            }
            None => self.base,
        }
    }
}

/// A call that is to be traced.
struct New<'a> {
    kind: SpanKind,
    options: &'a Arc<Options>,
    head: RequestHead<'a>,
    scan: Scan<'a>,
    protocol: Protocol,
    route: Option<StringValue>,
    stream_end: StreamEnd,
    meters: Option<(u64, &'a Arc<Meters>)>,
    asked: Option<TraceOptions>,
    told: Told,
    began: Began,
}

impl New<'_> {
    /// What the call is, for its span and its metrics.
    #[inline]
    fn describe(
        &mut self,
        parent: &Context,
        attributes: Description,
        labels: Labels,
    ) -> (Described, bool) {
        let (options, head) = (self.options, self.head);
        let is_server = self.kind == SpanKind::Server;
        let peer = if is_server { peer(&head) } else { None };
        let caller = parent.get::<CallerService>().filter(|_| is_server);
        let start = Start {
            kind: self.kind.clone(),
            protocol: self.protocol,
            head,
            scan: &self.scan,
            route: self.route.take(),
            told: std::mem::take(&mut self.told),
            peer,
            local: if is_server { local(&head) } else { None },
            transport: if is_server {
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
            operation: said(&head, parent),
            path_template: said(&head, parent),
            metrics: self.meters.is_some(),
            active: options.active_requests && self.meters.is_some(),
        };
        let mut described = conventions::start(&options.settings, &start, attributes, labels);
        let named = add_what_users_say(options, &head, self.asked.take(), &mut described);
        (described, named)
    }

    fn is_never_sampled(&self) -> bool {
        let filter = self.options.sampling_filter.as_ref();
        filter.is_some_and(|filter| !filter(&self.head))
    }

    /// The short way: what nobody records is not described, and what is recorded is described in bytes.
    #[cfg(feature = "pipeline")]
    #[inline]
    fn start_direct(mut self, tracer: &Tracer, mut parent: Parent) -> Scope {
        if parent.base.is_telemetry_suppressed() {
            return self.start_by_api(parent);
        }
        let current = parent.base.span();
        let current = current.span_context();
        let caller = parent.incoming.as_ref().and_then(|it| it.span.as_ref());
        let span = caller.unwrap_or(current);
        let is_plain = span.is_valid() || !parent.base.has_active_span();
        let begun = if !is_plain {
            Begun::Ask
        } else if self.is_never_sampled() {
            Begun::NotRecorded(unsampled_span(span))
        } else {
            tracer.begin(span, &self.kind, self.began.at, parent.link.as_ref())
        };
        if matches!(begun, Begun::Ask) {
            return self.start_by_api(parent);
        }
        let base = match &mut parent.incoming {
            Some(incoming) => incoming.values(parent.base, false),
            None => parent.base,
        };
        let mut room = Room::take();
        let labels = std::mem::take(&mut room.lists.labels);
        match begun {
            Begun::Recording(span) => {
                let mut ending = room.lists.ending.take().unwrap_or_default();
                let bytes = std::mem::take(&mut ending.attributes);
                let description = Description::Bytes(Bytes { bytes, count: 0 });
                let (mut described, named) = self.describe(&base, description, labels);
                ending.name = std::mem::take(&mut described.name);
                if let Description::Bytes(bytes) = described.attributes {
                    ending.start = (bytes.bytes.len(), bytes.count);
                    (ending.attributes, ending.count) = (bytes.bytes, bytes.count);
                }
                let context = base.with_span(span);
                if let Some(hook) = &self.options.hooks.on_request {
                    hook(&self.head, &context.span());
                }
                self.into_scope(
                    context,
                    described.carried,
                    named,
                    true,
                    Some(ending),
                    None,
                    room,
                )
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
                    room.lists.labels = labels;
                    room.keep();
                    return Scope::untraced(context);
                }
                let (described, named) = self.describe(&base, Description::Nothing, labels);
                self.into_scope(context, described.carried, named, false, None, None, room)
            }
            // Not reached: it has gone the other way.
            Begun::Ask => Scope::untraced(base),
        }
    }

    /// Any provider, through the API.
    fn start_by_api(mut self, mut parent: Parent) -> Scope {
        let mut room = Room::take();
        let labels = std::mem::take(&mut room.lists.labels);
        let link = parent.link.take();
        let parent = parent.into_context();
        let attributes = Description::KeyValues(Vec::with_capacity(16));
        let (described, named) = self.describe(&parent, attributes, labels);
        let Described {
            name,
            attributes,
            carried,
        } = described;
        let attributes = match attributes {
            Description::KeyValues(attributes) => attributes,
            _ => Vec::new(),
        };
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
                builder = builder.with_links(vec![link]);
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
        self.into_scope(context, carried, named, recording, None, slices, room)
    }

    /// The call under way.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    fn into_scope(
        self,
        context: Context,
        mut carried: Carried,
        named: bool,
        recording: bool,
        direct: Option<Box<Ending>>,
        slices: Option<Box<Slices>>,
        room: Room,
    ) -> Scope {
        let (options, protocol) = (self.options, self.protocol);
        let measured = self.meters.map(|meters| {
            // None where active requests are not asked for, or the conventions have no such metric.
            let active = std::mem::take(&mut carried.labels.active);
            let active = Some(active).filter(|labels| !labels.is_empty());
            Measured::start(meters, protocol, active, options.body_sizes)
        });
        let call = room.fill(NewCall {
            options: Arc::clone(options),
            kind: self.kind,
            protocol,
            head: self.head,
            scan: &self.scan,
            began: self.began,
            recording,
            direct,
            carried,
            measured,
            stream_end: self.stream_end,
            slices,
            named,
        });
        Scope::traced(context, call)
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
    described: &mut Described,
) -> bool {
    let mut named = false;
    let hook = options.hooks.span_name.as_ref();
    if let Some(name) = hook.and_then(|hook| hook(head)) {
        described.name = name;
        named = true;
    }
    if let Some(hook) = &options.hooks.attributes {
        described.attributes.extend(hook(head));
    }
    if let Some(asked) = asked {
        described
            .attributes
            .extend(asked.attributes().iter().cloned());
        if let Some(name) = asked.name() {
            described.name = name;
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
