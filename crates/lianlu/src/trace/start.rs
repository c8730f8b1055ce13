//! How a call begins: its parent, its description, its span.

use std::sync::Arc;

use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceFlags};
use opentelemetry::{Context, StringValue, global};

use super::call::{Began, Call, NewCall};
use super::options::Options;
use super::peer::{local, peer, transport};
use super::scope::Scope;
use super::side::Side;
use super::slices::Slices;
use super::stream_end::StreamEnd;
use crate::conventions::{self, Described, Protocol, Start};
use crate::forwarded;
use crate::ids;
use crate::metrics::Measured;
use crate::propagation::{self, CallerService, HeaderExtractor, HeaderInjector};
use crate::provider;
use crate::request::RequestHead;
use crate::route::Route;
use crate::told::Told;
use crate::trace_options::TraceOptions;

/// Finds the parent, and starts the call unless a filter or the request says no.
pub(super) fn start<K: Side>(options: &Arc<Options>, head: RequestHead<'_>) -> Scope {
    let is_server = K::KIND == SpanKind::Server;
    let mut parent = Context::current();
    let mut link = None;
    if is_server {
        let headers = HeaderExtractor(head.headers());
        let extracted = options.propagator.extract_with_context(&parent, &headers);
        if options
            .public
            .as_ref()
            .is_some_and(|is_public| is_public(&head))
        {
            let caller = extracted.span().span_context().clone();
            let is_remote = caller.is_valid() && caller.is_remote();
            link = is_remote.then(|| Link::with_context(caller));
            parent = without_trace(&parent, &extracted);
        } else {
            parent = extracted;
        }
    }
    let asked = TraceOptions::take(&mut parent, &head);
    let told = if is_server {
        Told::default()
    } else {
        Told::take(&mut parent, &head)
    };
    if asked.as_ref().is_some_and(TraceOptions::is_muted)
        || options.filter.as_ref().is_some_and(|filter| !filter(&head))
    {
        return Scope::untraced(parent);
    }
    let protocol = if head.is_grpc() {
        Protocol::Grpc
    } else {
        Protocol::Http
    };
    let route = if is_server { route(&head) } else { None };
    let stream_end = options.stream_end(&head, route.as_ref().map(StringValue::as_str));
    let meters = options.meter.meters(&K::KIND);
    let peer = if is_server { peer(&head) } else { None };
    let caller = parent.get::<CallerService>().filter(|_| is_server);
    let mut described = conventions::start(
        &options.settings,
        &Start {
            kind: K::KIND,
            protocol,
            head,
            route,
            told,
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
            operation: said(&head, &parent),
            path_template: said(&head, &parent),
            metrics: meters.is_some(),
            active: options.active_requests && meters.is_some(),
        },
    );
    let named = add_what_users_say(options, &head, asked, &mut described);

    let began = Began::now();
    let never_sampled = options
        .sampling_filter
        .as_ref()
        .is_some_and(|filter| !filter(&head));
    let mut slices = None;
    let context = if never_sampled {
        unsampled(&parent)
    } else {
        let mut builder = SpanBuilder::from_name(described.name.clone())
            .with_kind(K::KIND)
            .with_start_time(began.at);
        if let Some(link) = link {
            builder = builder.with_links(vec![link]);
        }
        let attributes = std::mem::take(&mut described.attributes);
        if let StreamEnd::Sliced(every) = stream_end {
            let (name, attributes) = (described.name.clone(), attributes.clone());
            let next = Slices::new(options, every, parent.clone(), K::KIND, name, attributes);
            slices = Some(Box::new(next));
        }
        let span = builder
            .with_attributes(attributes)
            .start_with_context(&*options.tracer.tracer(), &parent);
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
        hook(&head, &span);
    }
    let measured = meters.map(|meters| {
        // None where active requests are not asked for, or the conventions have no such metric.
        let active = std::mem::take(&mut described.carried.labels.active);
        let active = Some(active).filter(|labels| !labels.is_empty());
        Measured::start(meters, protocol, active, options.body_sizes)
    });
    let call = Call::new(NewCall {
        options: Arc::clone(options),
        kind: K::KIND,
        protocol,
        head,
        began,
        recording,
        carried: described.carried,
        measured,
        stream_end,
        slices: slices.filter(|_| recording),
        named,
    });
    Scope::traced(context, call)
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

/// A context that no sampler records in, in the trace of the parent or in one of its own.
fn unsampled(parent: &Context) -> Context {
    let span = parent.span();
    let span = span.span_context();
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
    let span = SpanContext::new(trace_id, ids::random_span_id(), flags, false, state);
    parent.with_remote_span_context(span)
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
        return Some(route.0.clone().into());
    }
    #[cfg(feature = "axum")]
    if let Some(route) = head.extensions().get::<axum::extract::MatchedPath>() {
        return Some(route.as_str().to_owned().into());
    }
    None
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
