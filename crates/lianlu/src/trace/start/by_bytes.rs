//! The short way to a span, over a provider of lianlu's own.

use std::borrow::Cow;

use lianlu_sdk::Tracer;
use lianlu_sdk::direct::{Begun, Open, ParentSpan, Start};
use opentelemetry::Context;
use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceState};

use super::New;
use super::parent::{Parent, unsampled_span};
use crate::conventions::description::Description;
use crate::conventions::familiar::{self, Familiar};
use crate::conventions::sink::Labels;
use crate::conventions::usual::{Method, Route, Usual};
use crate::conventions::{Described, Protocol};
use crate::propagation::CallerService;
use crate::trace::call::{CallBox, Lists};
use crate::trace::direct::Ending;
use crate::trace::peer::peer;
use crate::trace::scope::Scope;

impl<'a> New<'a> {
    /// The short way: what nobody records is not described, and what is recorded is described in bytes.
    #[inline]
    pub(super) fn start_direct(&mut self, tracer: &Tracer, parent: &mut Parent) -> Scope {
        let begun = match self.begin(tracer, parent) {
            Ok(begun) => begun,
            Err(state) => {
                parent.remote.set_state(state);
                return self.start_by_api(parent);
            }
        };
        let base = parent.base(false);
        match begun {
            Begun::Recording(span, start) => {
                let mut room = CallBox::empty();
                let Lists { labels, ending, .. } = room.lists();
                let ending = ending.get_or_insert_default();
                let (described, named) = self.describe_direct(&base, ending, labels);
                let link = parent.link.take();
                let (context, open) =
                    open(tracer, &base, span, start, described.name, link, &mut room);
                let recording = (true, Some(open));
                let scope = self.enter(context, described.carried, named, recording, None, room);
                self.tell_users(scope)
            }
            Begun::NotRecorded(span) => {
                let context = base.with_remote_span_context(span);
                if self.is_unheard() {
                    return self.unheard(context);
                }
                let mut room = CallBox::empty();
                let labels = &mut room.lists().labels;
                let (described, named) = self.describe_unrecorded(&base, labels);
                self.enter(context, described.carried, named, (false, None), None, room)
            }
        }
    }

    /// As [`describe`](Self::describe), and faster where it was done before.
    #[inline]
    fn describe_direct(
        &mut self,
        base: &Context,
        ending: &mut Ending,
        labels: &mut Labels,
    ) -> (Described, bool) {
        let (options, head) = (self.options, self.head);
        let settings = &options.settings;
        let familiar = self.familiar(base);
        if let Some(familiar) = &familiar
            && let Some(usual) = familiar::recall(familiar, settings, &head, Some(&mut *ending))
        {
            let described = usual.start(settings, &head, Description::Bytes(ending), labels);
            return (described, false);
        }
        let described =
            self.describe_anew(base, familiar.is_some(), Description::Bytes(ending), labels);
        if let Some(familiar) = &familiar {
            familiar::remember(familiar, settings, &head, &described.0, Some(ending));
        }
        described
    }

    /// The same for a call that only the metrics know of.
    #[inline]
    fn describe_unrecorded(&mut self, base: &Context, labels: &mut Labels) -> (Described, bool) {
        let (options, head) = (self.options, self.head);
        let settings = &options.settings;
        let familiar = self.familiar(base);
        if let Some(familiar) = &familiar
            && let Some(usual) = familiar::recall(familiar, settings, &head, None)
        {
            let described = usual.start(settings, &head, Description::Nothing, labels);
            return (described, false);
        }
        let described = self.describe_anew(base, familiar.is_some(), Description::Nothing, labels);
        if let Some(familiar) = &familiar {
            familiar::remember(familiar, settings, &head, &described.0, None);
        }
        described
    }

    fn describe_anew(
        &mut self,
        base: &Context,
        is_plain: bool,
        into: Description<'_>,
        labels: &mut Labels,
    ) -> (Described, bool) {
        let (options, head) = (self.options, self.head);
        let (mut described, named) = self.describe(base, into, labels);
        let carried = &described.carried;
        described.carried.usual = match self.protocol {
            Protocol::Grpc => Method::of(&options.settings, carried, labels).map(Usual::Method),
            Protocol::Http if is_plain => {
                Route::of(&options.settings, &head, &described, labels).map(Usual::Route)
            }
            // Hooks or proxies may have had a say in its name and labels.
            Protocol::Http => None,
        };
        (described, named)
    }

    /// What tells the call from others, if nothing else does.
    #[inline]
    fn familiar(&self, base: &Context) -> Option<Familiar<'a>> {
        let is_server = self.kind == SpanKind::Server;
        let is_plain = self.asked.is_none()
            && self.told.is_nothing()
            && self.options.are_plain()
            && !(is_server && base.get::<CallerService>().is_some());
        if !is_plain {
            return None;
        }
        let is_measured = self.meters.is_some();
        // A request that a client passes on may still have the extensions of the server that got it.
        let peer = if is_server { peer(&self.head) } else { None };
        let call = Familiar::grpc(self.options.id, &self.head, self.scan, peer, is_measured);
        match (self.protocol, &self.route) {
            (Protocol::Grpc, _) => Some(call),
            (Protocol::Http, Some(Cow::Borrowed(route))) => {
                Some(call.of_route(route, self.scan.user_agent_bytes()))
            }
            (Protocol::Http, _) => None,
        }
    }

    /// Whether the call is recorded. Gives the caller's state back where that is for the API to tell.
    #[inline]
    fn begin(&self, tracer: &Tracer, parent: &mut Parent) -> Result<Begun, TraceState> {
        let state = parent.remote.take_state();
        if parent.base.is_telemetry_suppressed() {
            return Err(state);
        }
        if self.is_never_sampled() {
            return Ok(Begun::NotRecorded(unsampled_span(&parent.span(state))));
        }
        let (trace_id, span, state) = match &parent.remote.span {
            Some(caller) => (caller.trace_id, Some(caller.as_parent()), state),
            None if !parent.base.has_active_span() => (tracer.new_trace_id(), None, state),
            None => {
                let span = parent.base.span();
                let span = span.span_context();
                if !span.is_valid() {
                    return Err(state);
                }
                let parent = ParentSpan {
                    span_id: span.span_id(),
                    flags: span.trace_flags(),
                    is_remote: span.is_remote(),
                };
                (span.trace_id(), Some(parent), span.trace_state().clone())
            }
        };
        match tracer.decide(span.map(|span| span.flags), trace_id) {
            None => Err(state),
            Some(decision) => {
                let (kind, start) = (&self.kind, self.began.unix_nanos);
                Ok(tracer.begin(decision, trace_id, span, state, kind, start))
            }
        }
    }
}

/// Opens a span whose attributes are in the room, and gives the context that it is in.
#[inline]
pub(super) fn open(
    tracer: &Tracer,
    base: &Context,
    span: SpanContext,
    start: Start,
    name: Cow<'static, str>,
    link: Option<Box<Link>>,
    room: &mut CallBox,
) -> (Context, Open) {
    let Lists { ending, users, .. } = room.lists();
    let ending = ending.get_or_insert_default();
    ending.name = name;
    ending.start_bytes = ending.attributes.len();
    let (mut span, mut open) = tracer.open(span, start, users);
    if let Some(link) = link {
        open.add_link(*link);
    }
    open.note(&mut span, ending);
    (base.with_span(span), open)
}
