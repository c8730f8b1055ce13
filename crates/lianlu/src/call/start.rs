//! How a call starts: its parent, its description, its span.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue, StringValue};

use super::active::ActiveCall;
use super::clock::Began;
use super::content::ContentForm;
use super::hints::CallHints;
use super::options::Options;
use super::peer::{local, peer, transport};
use super::pool::{CallBox, Scratch};
use super::slices::Slices;
use super::stream_end::StreamEnd;
use super::trace_options::TraceOptions;
use super::{Call, RareState, deadline};
use crate::describe::labels::Labels;
use crate::describe::opt_in::OptIn;
use crate::describe::request::{CallRequest, authority};
use crate::describe::surface::{Dialect, Protocol};
use crate::describe::template::{CallKey, CallTemplate};
use crate::describe::writer::AttributeWriter;
use crate::describe::{self, interner};
use crate::grpc::{self, TEXT_CONTENT_TYPE, parse_timeout};
use crate::known_headers::KnownHeaders;
use crate::metrics::{ActiveRequest, Meters};
use crate::net::forwarded;
use crate::propagation::{CallerService, PropagatorKind};
use crate::request::RequestHead;
use crate::route::Route;
use crate::span::{Parent, SpanPlan, SpanStart};

/// Starts a call, unless a filter or the request itself excludes it.
pub(crate) fn start(options: &Arc<Options>, kind: SpanKind, head: RequestHead<'_>) -> ActiveCall {
    let is_server = kind == SpanKind::Server;
    let mut headers = KnownHeaders::default();
    headers.read(head.headers());
    let mut parent = Parent::new(Context::current());
    if is_server {
        extract(&mut parent, options, &head, &headers);
    }
    let by_context = TraceOptions::take(&mut parent.base);
    let requested = TraceOptions::of(&head).or(by_context.as_deref());
    let hints = if is_server {
        CallHints::default()
    } else {
        CallHints::take(&mut parent.base, &head)
    };
    if requested.is_some_and(TraceOptions::is_muted)
        || options.filter.as_ref().is_some_and(|filter| !filter(&head))
    {
        parent.remote.move_into(&mut parent.base);
        return ActiveCall::untraced(parent.base);
    }
    let is_grpc = headers.content_type_begins(grpc::CONTENT_TYPE);
    // The method describes a gRPC call; its route is only needed to choose when the stream's span
    // ends.
    let has_route = is_server && (!is_grpc || options.stream_ends.is_some());
    let route = if has_route { route(&head) } else { None };
    let stream_end = options.stream_end(&head, route);
    let starting = Starting {
        protocol: match is_grpc {
            true => Protocol::Grpc,
            false => Protocol::Http,
        },
        meters: options.meter.meters(&kind),
        kind,
        options,
        head,
        headers,
        route,
        requested,
        hints: &hints,
    };
    let instant = Instant::now();
    let is_sliced = matches!(stream_end, StreamEnd::Sliced(_));
    let plan = SpanPlan::of(&options.tracer, &parent, is_sliced);
    plan.complete(&mut parent);
    let is_unrecorded = plan.is_unrecorded();
    let began = match is_unrecorded {
        true => Began::unrecorded(instant),
        false => Began::at(instant),
    };
    // Without an observer, only the context of an unrecorded call is needed. A client's call also
    // keeps the context for the request's body.
    let has_observer = !is_server || starting.meters.is_some() || options.watches_unrecorded;
    let mut call = CallBox::take();
    let scratch = call.scratch();
    let mut writer = plan.writer(&mut scratch.span);
    let (mut template, mut rare) = (None, None);
    let mut name = Cow::Borrowed("");
    if has_observer || !is_unrecorded {
        // No label depends on the peer: unrecorded calls from all peers share a template.
        let needs_peer = is_server && (!is_unrecorded || options.proxies.is_some());
        let peer = if needs_peer { peer(&head) } else { None };
        let fits = plan.takes_templates() && starting.fits_templates();
        let key = if fits { Some(starting.key(peer)) } else { None };
        if let Some(key) = &key {
            let (settings, target) = (&options.settings, options.target.as_ref());
            template = CallTemplate::start(key, settings, &head, &headers, target, &mut writer);
        }
        name = match &template {
            Some(template) => template.name(),
            None => {
                let rare = rare.insert(scratch.rare.take().unwrap_or_default());
                // Copies, so that the originals need not be in memory.
                let (starting, key) = (starting.clone(), key);
                let labels = &mut scratch.labels;
                starting.describe(&parent.base, peer, key.as_ref(), &mut writer, labels, rare)
            }
        };
    }
    let mut slices = None;
    if let StreamEnd::Sliced(every) = stream_end {
        let attributes = &scratch.span.key_values;
        let starting = starting.clone();
        slices = Some(starting.slices(every, &parent.base, name.clone(), attributes));
    }
    let start = SpanStart {
        name,
        kind: starting.kind.clone(),
        at: began.unix_nanos,
    };
    let (context, handle) = plan.start(&mut parent, start, &mut scratch.span);
    let is_recording = handle.is_recording();
    if !is_recording && !has_observer {
        scratch.clear();
        call.keep();
        return ActiveCall::propagated(context, is_grpc);
    }
    if let Some(slices) = &mut slices {
        slices.set_first(context.span().span_context());
    }
    let is_text = is_grpc && headers.content_type_begins(TEXT_CONTENT_TYPE);
    if options.has_rare_state || stream_end != StreamEnd::Body || is_text {
        let rare = rare.get_or_insert_with(|| scratch.rare.take().unwrap_or_default());
        rare.stream_end = stream_end;
        rare.slices = slices.filter(|_| is_recording);
        rare.is_text = is_text;
        starting.clone().complete(rare, scratch, is_recording);
    }
    let timeout = match is_grpc {
        true => headers.grpc_timeout().and_then(parse_timeout),
        false => None,
    };
    call.fill(Call {
        options: Arc::clone(options),
        kind: starting.kind.clone(),
        protocol: starting.protocol,
        began,
        span: handle,
        template,
        meters: starting.meters.map(|(generation, _)| generation),
        deadline: timeout.and_then(|timeout| deadline(began.instant, timeout)),
        is_head: !is_grpc && *head.method() == http::Method::HEAD,
        is_connect: !is_grpc && *head.method() == http::Method::CONNECT,
        requests: None,
        http_status: None,
        version: None,
        peer: None,
        is_grpc_ok: false,
        messages: 0,
        bytes: 0,
        rare,
    });
    let mut active = ActiveCall::traced(context, call);
    if is_recording && let Some(hook) = &options.hooks.on_request {
        let context = active.context().clone();
        // A panic in the hook counts as a panic of the call.
        active.run(|| hook(&head, &context.span()));
    }
    active
}

/// Reads what a server's caller has sent.
#[inline]
fn extract(
    parent: &mut Parent,
    options: &Options,
    head: &RequestHead<'_>,
    headers: &KnownHeaders<'_>,
) {
    let is_public = options.public.as_ref();
    let is_public = is_public.is_some_and(|is_public| is_public(head));
    if options.propagator_kind == PropagatorKind::Default && !is_public {
        let Parent { base, remote, .. } = parent;
        remote.read(base, headers, head.headers());
    } else {
        let propagator = &*options.propagator;
        *parent = Parent::of_propagator(&parent.base, propagator, head, is_public);
    }
}

/// A call that is starting.
#[derive(Clone)]
struct Starting<'a> {
    kind: SpanKind,
    options: &'a Arc<Options>,
    head: RequestHead<'a>,
    headers: KnownHeaders<'a>,
    protocol: Protocol,
    route: Option<&'a str>,
    meters: Option<(u64, &'a Arc<Meters>)>,
    requested: Option<&'a TraceOptions>,
    hints: &'a CallHints,
}

impl<'a> Starting<'a> {
    /// True if the call's description depends only on what is in its key.
    #[inline]
    fn fits_templates(&self) -> bool {
        self.options.uses_templates
            && self.requested.is_none()
            && self.hints.resend_count().is_none()
    }

    /// The template's key.
    #[inline]
    fn key(&self, peer: Option<SocketAddr>) -> CallKey<'_> {
        let (layer, head, protocol) = (self.options.id, &self.head, self.protocol);
        let path = match (protocol, &self.kind) {
            (Protocol::Grpc, _) => Some(head.path()),
            (_, SpanKind::Client) => self.hints.template(),
            _ => self.route,
        };
        let mut key = CallKey::new(layer, protocol, head, path, peer);
        key.authority = authority(head, &self.headers);
        key.is_measured = self.meters.is_some();
        if protocol == Protocol::Http {
            let (settings, target) = (&self.options.settings, self.options.target.as_ref());
            key.scheme = describe::scheme(settings, &self.kind, head, target);
            key.agent = self.headers.user_agent_bytes();
        }
        key
    }

    /// What the next slices of a stream are made of.
    #[cold]
    fn slices(
        &self,
        every: Duration,
        base: &Context,
        name: Cow<'static, str>,
        attributes: &[KeyValue],
    ) -> Box<Slices> {
        let (kind, attributes) = (self.kind.clone(), attributes.to_vec());
        Box::new(Slices::new(
            self.options,
            every,
            base.clone(),
            kind,
            name,
            attributes,
        ))
    }

    /// Completes the rare state of a call.
    #[cold]
    fn complete(&self, rare: &mut RareState, scratch: &mut Scratch, is_recording: bool) {
        let is_grpc = self.protocol == Protocol::Grpc;
        rare.request_length = self.headers.content_length();
        if let Some((_, meters)) = self.meters
            && !is_grpc
        {
            rare.active = ActiveRequest::start(meters, &mut scratch.labels.active);
        }
        if is_recording {
            rare.keep_messages(self.options.message_events);
            if self.options.request_content > 0 {
                rare.request_form = ContentForm::of(self.head.headers());
            }
        }
    }

    /// Describes the call without a template, and returns its span's name. With a key, a template
    /// may be made of the description.
    #[cold]
    fn describe(
        &self,
        base: &Context,
        peer: Option<SocketAddr>,
        key: Option<&CallKey<'_>>,
        writer: &mut AttributeWriter<'_>,
        labels: &mut Labels,
        rare: &mut RareState,
    ) -> Cow<'static, str> {
        let settings = &self.options.settings;
        let request = self.request(base, peer);
        let mut described = describe::start(settings, &request, writer, labels);
        rare.is_named = self.add_what_users_set(&mut described.name, writer);
        if let Some(key) = key {
            CallTemplate::learn(key, settings, &self.head, &described, writer, labels);
        }
        rare.info = Some(described.info);
        described.name
    }

    /// The input of the call's description.
    fn request<'r>(&'r self, base: &'r Context, peer: Option<SocketAddr>) -> CallRequest<'r> {
        let (options, head) = (self.options, self.head);
        let opt_ins = options.settings.opt_ins;
        let is_kratos = options.settings.dialect == Dialect::Kratos;
        let is_server = self.kind == SpanKind::Server;
        let caller = base.get::<CallerService>().filter(|_| is_server);
        CallRequest {
            kind: self.kind.clone(),
            protocol: self.protocol,
            head,
            headers: &self.headers,
            route: self.route.map(|route| StringValue::from(interned(route))),
            hints: self.hints.clone(),
            peer,
            // Looked up only if it is enabled.
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
            operation: if is_kratos { value(&head, base) } else { None },
            path_template: if is_kratos { value(&head, base) } else { None },
            metrics: self.meters.is_some(),
            active: options.active_requests && self.meters.is_some(),
        }
    }

    /// Adds names and attributes set by hooks and by the request itself, so that the sampler sees
    /// them. Returns `true` if one of them has named the span.
    fn add_what_users_set(
        &self,
        span_name: &mut Cow<'static, str>,
        attributes: &mut AttributeWriter<'_>,
    ) -> bool {
        let (hooks, head) = (&self.options.hooks, &self.head);
        let mut is_named = false;
        let hook = hooks.span_name.as_ref();
        if let Some(name) = hook.and_then(|hook| hook(head)) {
            *span_name = name;
            is_named = true;
        }
        if let Some(hook) = &hooks.attributes {
            attributes.extend(hook(head));
        }
        if let Some(requested) = self.requested {
            attributes.extend(requested.attributes().iter().cloned());
            if let Some(name) = requested.name() {
                *span_name = name;
                is_named = true;
            }
        }
        is_named
    }
}

/// A value that an outer layer has set as an extension, or the caller as a value of the context.
fn value<'a, T: Send + Sync + 'static>(
    head: &RequestHead<'a>,
    context: &'a Context,
) -> Option<&'a T> {
    head.extensions().get().or_else(|| context.get())
}

/// The route's template.
fn route<'a>(head: &RequestHead<'a>) -> Option<&'a str> {
    if let Some(route) = head.extensions().get::<Route>() {
        return Some(&route.0);
    }
    #[cfg(feature = "axum")]
    if let Some(route) = head.extensions().get::<axum::extract::MatchedPath>() {
        return Some(route.as_str());
    }
    None
}

/// A template of the service; interned while there is room.
fn interned(template: &str) -> Cow<'static, str> {
    match interner::kept(template) {
        Some(kept) => kept.into(),
        None => template.to_owned().into(),
    }
}
