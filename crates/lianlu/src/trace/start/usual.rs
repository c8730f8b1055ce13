//! The shortest way to a span: of a server's gRPC call that is like one before, but for its parent.
//!
//! What has a say in a call and does not change from call to call was looked at when the layer was made
//! (`Options::is_plain`). What is left is looked at here; where it is not as usual, the call goes the general way.

use std::sync::Arc;

use lianlu_sdk::direct::Begun;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::by_bytes::open;
use super::parent::Parent;
use crate::conventions::familiar::{self, Familiar};
use crate::conventions::usual::Usual;
use crate::propagation::CallerService;
use crate::request::RequestHead;
use crate::scan::Scan;
use crate::trace::call::{CallBox, UsualCall};
use crate::trace::clock::Began;
use crate::trace::options::Options;
use crate::trace::peer::peer;
use crate::trace::scope::Scope;
use crate::trace_options::TraceOptions;

/// Starts a call that is as usual. `None` if it isn't: then `parent` is as it was.
#[inline]
pub(super) fn start(
    options: &Arc<Options>,
    head: &RequestHead<'_>,
    scan: &Scan<'_>,
    parent: &mut Parent,
) -> Option<Scope> {
    let base = &parent.base;
    let is_usual = scan.is_plain_grpc()
        && !base.is_telemetry_suppressed()
        && base.get::<CallerService>().is_none()
        && base.get::<TraceOptions>().is_none()
        && !parent.remote.has_service()
        && TraceOptions::of(head).is_none();
    let caller = parent.remote.span.as_mut().filter(|_| is_usual)?;
    let tracer = options.tracer.find().direct.as_ref()?;
    let decision = tracer.decide(Some(caller.flags), caller.trace_id)?;
    let meters = options.meter.meters(&SpanKind::Server);
    let familiar = Familiar::grpc(options.id, head, scan, peer(head), meters.is_some());
    let mut room = CallBox::empty();
    let ending = &mut room.lists().ending;
    let ending = decision.records().then(|| ending.get_or_insert_default());
    let method = match familiar::recall(&familiar, &options.settings, head, ending) {
        Some(Usual::Method(method)) => method,
        _ => {
            room.keep();
            return None;
        }
    };
    let began = Began::now();
    let span = caller.as_parent();
    let trace_id = caller.trace_id;
    let state = std::mem::take(&mut caller.state);
    let kind = SpanKind::Server;
    let begun = tracer.begin(
        decision,
        trace_id,
        Some(span),
        state,
        &kind,
        began.unix_nanos,
    );
    let base = parent.base(false);
    let (context, open) = match begun {
        Begun::Recording(span, start) => {
            let name = method.name().into();
            let (context, open) = open(tracer, &base, span, start, name, None, &mut room);
            (context, Some(open))
        }
        Begun::NotRecorded(span) => {
            let context = base.with_remote_span_context(span);
            if meters.is_none() && !options.exceptions.are_logged() {
                room.keep();
                return Some(Scope::unheard(context, true));
            }
            (context, None)
        }
    };
    room.fill_usual(UsualCall::new(
        options, kind, method, began, scan, meters, open,
    ));
    Some(Scope::traced(context, room))
}
