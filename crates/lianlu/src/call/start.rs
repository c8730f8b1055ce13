//! How a call starts: its parent, its description, its span.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry::{Context, StringValue};

use super::active::ActiveCall;
use super::clock::Began;
use super::hints::CallHints;
use super::options::Options;
use super::peer::{local, peer, transport};
use super::pool::{CallBox, Scratch};
use super::slices::Slices;
use super::stream_end::StreamEnd;
use super::trace_options::TraceOptions;
use super::{NewCall, Rest};
use crate::describe::opt_in::OptIn;
use crate::describe::request::{CallRequest, Described, authority};
use crate::describe::surface::{Dialect, Protocol};
use crate::describe::template::{CallKey, CallTemplate};
use crate::describe::writer::AttributeWriter;
use crate::describe::{self, interner};
use crate::grpc::{self, TEXT_CONTENT_TYPE, parse_timeout};
use crate::known_headers::KnownHeaders;
use crate::metrics::{ActiveRequest, Meters};
use crate::net::forwarded;
use crate::propagation::CallerService;
use crate::request::RequestHead;
use crate::route::Route;
use crate::span::{Parent, SpanPlan, SpanStart};

/// Starts a call, unless a filter or the request itself excludes it.
#[inline]
pub(crate) fn start(options: &Arc<Options>, kind: SpanKind, head: RequestHead<'_>) -> ActiveCall {
    let is_server = kind == SpanKind::Server;
    let headers = KnownHeaders::of(head.headers());
    let mut parent = if is_server {
        parent(options, &head, &headers)
    } else {
        Parent::new(Context::current())
    };
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
        return ActiveCall::untraced(parent.context());
    }
    let protocol = if headers.content_type_begins(grpc::CONTENT_TYPE) {
        Protocol::Grpc
    } else {
        Protocol::Http
    };
    // The method describes a gRPC call; its route is only needed to choose when the stream's span
    // ends.
    let has_route = is_server && (protocol == Protocol::Http || options.wants_routes());
    let route = if has_route { route(&head) } else { None };
    let starting = Starting {
        stream_end: options.stream_end(&head, route.as_deref()),
        meters: options.meter.meters(&kind),
        kind,
        options,
        head,
        headers: &headers,
        protocol,
        route,
        requested,
        hints,
        began: Began::now(),
    };
    starting.start(&mut parent)
}

/// The context that a server's call starts in.
#[inline]
fn parent(options: &Options, head: &RequestHead<'_>, headers: &KnownHeaders<'_>) -> Parent {
    let is_public = options.public.as_ref();
    let is_public = is_public.is_some_and(|is_public| is_public(head));
    if options.is_default_propagator && !is_public {
        return Parent::of_default_headers(head, headers);
    }
    Parent::of_propagator(&*options.propagator, head, is_public)
}

/// A call that is starting.
struct Starting<'a> {
    kind: SpanKind,
    options: &'a Arc<Options>,
    head: RequestHead<'a>,
    headers: &'a KnownHeaders<'a>,
    protocol: Protocol,
    route: Option<Cow<'static, str>>,
    stream_end: StreamEnd,
    meters: Option<(u64, &'a Arc<Meters>)>,
    requested: Option<&'a TraceOptions>,
    hints: CallHints,
    began: Began,
}

impl<'a> Starting<'a> {
    #[inline]
    fn start(&self, parent: &mut Parent) -> ActiveCall {
        let options = self.options;
        let at = self.began.unix_nanos;
        let is_sliced = matches!(self.stream_end, StreamEnd::Sliced(_));
        let filter = options.sampling_filter.as_ref();
        let is_never_sampled = filter.is_some_and(|filter| !filter(&self.head));
        let (source, kind) = (&options.tracer, &self.kind);
        let plan = SpanPlan::of(source, parent, kind, at, is_never_sampled, is_sliced);
        let base = plan.base(parent);
        if matches!(plan, SpanPlan::Unrecorded(_)) && self.is_unheard() {
            return self.propagate(&base, plan);
        }
        let mut call = CallBox::take();
        let Scratch {
            labels, span, rest, ..
        } = call.scratch();
        let peer = if self.kind == SpanKind::Server {
            peer(&self.head)
        } else {
            None
        };
        let key = if plan.takes_templates() {
            self.key(peer)
        } else {
            None
        };
        let mut writer = plan.writer(span);
        let template = key.as_ref().and_then(|key| {
            let (settings, target) = (&options.settings, options.target.as_ref());
            CallTemplate::start(key, settings, &self.head, self.headers, target, &mut writer)
        });
        let mut rest = rest.take();
        let name = match &template {
            Some(template) => template.name(),
            None => {
                let request = self.request(&base, peer);
                let settings = &options.settings;
                let mut described = describe::start(settings, &request, &mut writer, labels);
                let is_named = self.add_what_users_set(&mut described.name, &mut writer);
                if let Some(key) = &key {
                    CallTemplate::learn(key, settings, &self.head, &described, &writer, labels);
                }
                let Described { name, info, .. } = described;
                let rest = rest.get_or_insert_default();
                rest.info = Some(info);
                rest.is_named = is_named;
                name
            }
        };
        let mut slices = None;
        if let StreamEnd::Sliced(every) = self.stream_end {
            let attributes = span.key_values.clone();
            let kind = self.kind.clone();
            let next = Slices::new(options, every, base.clone(), kind, name.clone(), attributes);
            slices = Some(Box::new(next));
        }
        let start = SpanStart {
            name,
            kind: self.kind.clone(),
            at,
        };
        let (context, handle) = plan.start(&base, start, parent.link.take(), span);
        let is_recording = handle.is_recording();
        if !is_recording && self.is_unheard() {
            call.keep();
            return ActiveCall::propagated(context, self.protocol == Protocol::Grpc);
        }
        if let Some(slices) = &mut slices {
            slices.set_first(context.span().span_context());
        }
        let rest = self.rest(
            rest,
            slices.filter(|_| is_recording),
            is_recording,
            &mut call,
        );
        call.fill(NewCall {
            options,
            kind: self.kind.clone(),
            protocol: self.protocol,
            began: self.began,
            span: handle,
            template,
            meters: self.meters.map(|(generation, _)| generation),
            timeout: self.timeout(),
            method: self.head.method(),
            rest,
        });
        let mut active = ActiveCall::traced(context, call);
        if is_recording && let Some(hook) = &options.hooks.on_request {
            let context = active.context().clone();
            // A panic in the hook counts as a panic of the call.
            active.run(|| hook(&self.head, &context.span()));
        }
        active
    }

    /// True if a call without a recorded span has no other effect: only its context is needed then.
    #[inline]
    fn is_unheard(&self) -> bool {
        // A client's call also keeps the context for the request's body.
        self.meters.is_none()
            && self.kind == SpanKind::Server
            && !self.options.response_headers.is_any()
            && !self.options.exceptions.are_logged()
    }

    fn propagate(&self, base: &Context, plan: SpanPlan<'_>) -> ActiveCall {
        let start = SpanStart {
            name: Cow::Borrowed(""),
            kind: self.kind.clone(),
            at: self.began.unix_nanos,
        };
        let (context, _) = plan.start(base, start, None, &mut Default::default());
        ActiveCall::propagated(context, self.protocol == Protocol::Grpc)
    }

    #[inline]
    fn timeout(&self) -> Option<std::time::Duration> {
        if self.protocol == Protocol::Grpc {
            self.headers.grpc_timeout().and_then(parse_timeout)
        } else {
            None
        }
    }

    /// The template's key. `None` if the call's description depends on anything that is not in the
    /// key.
    #[inline]
    fn key<'k>(&'k self, peer: Option<SocketAddr>) -> Option<CallKey<'k>> {
        let is_server = self.kind == SpanKind::Server;
        let is_plain = self.options.uses_templates
            && self.requested.is_none()
            && self.hints.resend_count().is_none();
        if !is_plain {
            return None;
        }
        let is_measured = self.meters.is_some();
        let authority = authority(&self.head, self.headers);
        let key = CallKey::grpc(self.options.id, &self.head, authority, peer, is_measured);
        Some(match self.protocol {
            Protocol::Grpc => key,
            Protocol::Http => {
                let route = match is_server {
                    true => self.route.as_deref(),
                    false => self.hints.template(),
                };
                let (settings, target) = (&self.options.settings, self.options.target.as_ref());
                let scheme = describe::scheme(settings, &self.kind, &self.head, target);
                key.http(route, scheme, self.headers.user_agent_bytes())
            }
        })
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
            headers: self.headers,
            route: self.route.clone().map(StringValue::from),
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

    /// The less common parts of the call. `None` if it has none.
    #[inline]
    fn rest(
        &self,
        mut rest: Option<Box<Rest>>,
        slices: Option<Box<Slices>>,
        is_recording: bool,
        call: &mut CallBox,
    ) -> Option<Box<Rest>> {
        let options = self.options;
        let is_grpc = self.protocol == Protocol::Grpc;
        let is_unusual = options.has_rest
            || self.stream_end != StreamEnd::Body
            || is_grpc && !self.headers.is_plain_grpc();
        if !is_unusual {
            return rest.filter(|rest| rest.info.is_some());
        }
        let new = rest.get_or_insert_default();
        new.stream_end = self.stream_end;
        new.slices = slices;
        new.is_text = is_grpc && self.headers.content_type_begins(TEXT_CONTENT_TYPE);
        new.request_length = self.headers.content_length();
        if let Some(meters) = self.meters
            && !is_grpc
        {
            let labels = &mut call.scratch().labels.active;
            new.active = ActiveRequest::start(meters.1, labels);
        }
        if is_recording {
            new.keep_messages(options.message_events);
            new.keep_content(options.response_content);
        }
        rest
    }
}

/// A value that an outer layer has set as an extension, or the caller as a value of the context.
fn value<'a, T: Send + Sync + 'static>(
    head: &RequestHead<'a>,
    context: &'a Context,
) -> Option<&'a T> {
    head.extensions().get().or_else(|| context.get())
}

/// The route's template; interned while there is room.
fn route(head: &RequestHead<'_>) -> Option<Cow<'static, str>> {
    if let Some(route) = head.extensions().get::<Route>() {
        return Some(interned(&route.0));
    }
    #[cfg(feature = "axum")]
    if let Some(route) = head.extensions().get::<axum::extract::MatchedPath>() {
        return Some(interned(route.as_str()));
    }
    None
}

/// Interns a template of the service.
fn interned(template: &str) -> Cow<'static, str> {
    match interner::kept(template) {
        Some(kept) => kept.into(),
        None => template.to_owned().into(),
    }
}
