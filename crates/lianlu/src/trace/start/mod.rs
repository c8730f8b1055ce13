//! How a call begins: its parent, its description, its span.

mod by_api;
#[cfg(feature = "pipeline")]
mod by_bytes;
mod describe;
mod parent;
#[cfg(feature = "pipeline")]
mod usual;

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry::{Context, global};

#[cfg(feature = "pipeline")]
use super::call::UsualCall;
use super::call::{CallBox, NewCall};
use super::clock::Began;
use super::direct::Open;
use super::options::Options;
use super::scope::Scope;
use super::side::Side;
use super::slices::Slices;
use super::stream_end::StreamEnd;
#[cfg(feature = "pipeline")]
use crate::conventions::Dialect;
#[cfg(feature = "pipeline")]
use crate::conventions::usual::Usual;
use crate::conventions::{Carried, Protocol};
use crate::grpc;
use crate::metrics::{Measured, Meters};
use crate::propagation::{self, HeaderInjector};
use crate::request::RequestHead;
use crate::scan::Scan;
use crate::told::Told;
use crate::trace_options::TraceOptions;
use describe::route;
use parent::Parent;

/// Finds the parent, and starts the call unless a filter or the request says no.
pub(super) fn start<K: Side>(options: &Arc<Options>, head: RequestHead<'_>) -> Scope {
    let is_server = K::KIND == SpanKind::Server;
    let scan = Scan::of(head.headers());
    let mut parent = if is_server {
        Parent::of_server(options, &head, &scan)
    } else {
        Parent::new(Context::current())
    };
    #[cfg(feature = "pipeline")]
    if is_server
        && options.is_plain
        && let Some(scope) = usual::start(options, &head, &scan, &mut parent)
    {
        return scope;
    }
    let by_context = TraceOptions::take(&mut parent.base);
    let asked = TraceOptions::of(&head).or(by_context.as_deref());
    let told = if is_server {
        Told::default()
    } else {
        Told::take(&mut parent.base, &head)
    };
    if asked.is_some_and(TraceOptions::is_muted)
        || options.filter.as_ref().is_some_and(|filter| !filter(&head))
    {
        return Scope::untraced(parent.context());
    }
    let protocol = if scan.content_type_begins(grpc::CONTENT_TYPE) {
        Protocol::Grpc
    } else {
        Protocol::Http
    };
    // A gRPC call is described by its method; only who tells streams apart is told its route.
    let has_route = is_server && (protocol == Protocol::Http || options.wants_routes());
    let route = if has_route { route(&head) } else { None };
    let stream_end = options.stream_end(&head, route.as_deref());
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

/// A call that is to be traced.
struct New<'a> {
    kind: SpanKind,
    options: &'a Arc<Options>,
    head: RequestHead<'a>,
    scan: &'a Scan<'a>,
    protocol: Protocol,
    route: Option<Cow<'static, str>>,
    stream_end: StreamEnd,
    meters: Option<(u64, &'a Arc<Meters>)>,
    asked: Option<&'a TraceOptions>,
    told: Told,
    began: Began,
}

impl New<'_> {
    fn is_never_sampled(&self) -> bool {
        let filter = self.options.sampling_filter.as_ref();
        filter.is_some_and(|filter| !filter(&self.head))
    }

    /// Whether nobody has a say in a gRPC call.
    #[cfg(feature = "pipeline")]
    #[inline]
    fn is_usual(&self, named: bool) -> bool {
        self.options.is_silent
            && !named
            && self.stream_end == StreamEnd::Body
            && self.scan.is_plain_grpc()
    }

    /// Whether nobody will hear of a call that is not recorded: it is no more than its context then.
    fn is_unheard(&self) -> bool {
        // A client's call also keeps the context for the request's body.
        self.meters.is_none()
            && self.kind == SpanKind::Server
            && !self.options.response_headers.is_any()
            && !self.options.exceptions.are_logged()
    }

    /// A call of which nobody will hear.
    fn unheard(&self, context: Context) -> Scope {
        Scope::unheard(context, self.protocol == Protocol::Grpc)
    }

    /// Lets the hook of the start see the span. A panic of it is one of the call's.
    #[inline]
    fn tell_users(&self, mut scope: Scope) -> Scope {
        if let Some(hook) = &self.options.hooks.on_request {
            let context = scope.context().clone();
            scope.run(|| hook(&self.head, &context.span()));
        }
        scope
    }

    /// The call under way.
    #[inline]
    fn enter(
        &mut self,
        context: Context,
        carried: Carried,
        named: bool,
        (recording, open): (bool, Option<Open>),
        slices: Option<Box<Slices>>,
        mut room: CallBox,
    ) -> Scope {
        let (options, protocol) = (self.options, self.protocol);
        #[cfg(feature = "pipeline")]
        if let Some(Usual::Method(method)) = carried.usual
            && self.is_usual(named)
        {
            // The end writes those of the start too.
            room.lists().labels.clear();
            room.fill_usual(UsualCall::new(
                options,
                self.kind.clone(),
                method,
                self.began,
                self.scan,
                self.meters,
                open,
            ));
            return Scope::traced(context, room);
        }
        let measured = self.meters.map(|meters| {
            let active = &mut room.lists().labels.active;
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
            open,
            carried,
            measured,
            stream_end: self.stream_end,
            slices,
            named,
        });
        Scope::traced(context, room)
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
