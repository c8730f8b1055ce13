//! A gRPC call of which there is nothing special to say so far.
//!
//! Nearly all calls are such from their start to their end: messages that come in one piece each, then trailers that say
//! `OK`, and no hook that wants to hear of it. They take little room and few steps. When anything else happens, the call
//! [unfolds](UsualCall::unfold) into a [`Call`], which knows what to do with it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Buf;
use http::{HeaderMap, Response, StatusCode, Version};
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::head::Seen;
use super::{Call, Lists, deadline};
use crate::conventions::Protocol;
use crate::conventions::usual::Method;
use crate::grpc::{FrameCounter, parse_timeout};
use crate::metrics::{Measured, Meters};
use crate::scan::Scan;
use crate::trace::clock::Began;
use crate::trace::content::Content;
use crate::trace::direct::Open;
use crate::trace::message_events::MessageEvents;
use crate::trace::options::Options;
use crate::trace::request_body::{RequestMeter, Wanted, meter};
use crate::trace::stream_end::StreamEnd;

#[derive(Debug)]
pub(in crate::trace) struct UsualCall {
    options: Arc<Options>,
    kind: SpanKind,
    method: &'static Method,
    began: Began,
    deadline: Option<Instant>,
    open: Option<Open>,
    /// Which of the layer's instruments measure it.
    meters: Option<u64>,
    pub(super) requests: Option<Arc<RequestMeter>>,
    /// The response's version, once its head is there.
    version: Option<Version>,
    messages: u64,
    bytes: u64,
    /// Whether its trailers have said so.
    pub(super) is_ok: bool,
}

impl UsualCall {
    #[inline]
    pub(in crate::trace) fn new(
        options: &Arc<Options>,
        kind: SpanKind,
        method: &'static Method,
        began: Began,
        scan: &Scan<'_>,
        meters: Option<(u64, &Arc<Meters>)>,
        open: Option<Open>,
    ) -> Self {
        let timeout = scan.grpc_timeout().and_then(parse_timeout);
        Self {
            options: Arc::clone(options),
            kind,
            method,
            began,
            deadline: timeout.and_then(|timeout| deadline(began.instant, timeout)),
            open,
            meters: meters.map(|(generation, _)| generation),
            requests: None,
            version: None,
            messages: 0,
            bytes: 0,
            is_ok: false,
        }
    }

    #[inline]
    pub(super) fn meter_request<B: 'static>(
        &mut self,
        body: &mut B,
        context: &Context,
        spare: &mut Option<Arc<RequestMeter>>,
    ) {
        let wanted = Wanted {
            messages: true,
            size: false,
            is_text: false,
            events: 0,
            sent: false,
            content: 0,
        };
        self.requests = meter(body, context, wanted, spare);
    }

    /// Whether a response's head is as usual, and then takes note of it.
    #[inline]
    pub(in crate::trace) fn on_head<B>(
        &mut self,
        response: &Response<B>,
        seen: &Seen,
        body_ended: bool,
    ) -> bool {
        let is_usual = response.status() == StatusCode::OK
            && !body_ended
            && seen.is_plain_grpc()
            && response.extensions().is_empty();
        if is_usual {
            self.version = Some(response.version());
        }
        is_usual
    }

    /// Whether a piece of the response's body is a whole message, and then counts it.
    #[inline]
    pub(in crate::trace) fn on_data(&mut self, data: &impl Buf) -> bool {
        let chunk = data.chunk();
        let Some(message) = FrameCounter::whole_message(chunk) else {
            return false;
        };
        let is_all = chunk.len() == data.remaining();
        if is_all {
            self.messages += 1;
            self.bytes += message as u64;
        }
        is_all
    }

    /// Whether trailers say that all is well.
    #[inline]
    pub(in crate::trace) fn on_trailers(&mut self, trailers: &HeaderMap) -> bool {
        let mut trailers = trailers.iter();
        let status = trailers.find(|(name, _)| name.as_str() == "grpc-status");
        self.is_ok = status.is_some_and(|(_, value)| value.as_bytes() == b"0");
        self.is_ok
    }

    /// Says that the call went well.
    #[inline]
    pub(super) fn end(&mut self, lists: &mut Lists, context: &Context, is_current: bool) {
        let requests = self.requests.as_ref();
        let requests = requests.and_then(|meter| meter.messages.as_ref()?.totals());
        let counted = [requests, Some((self.messages, self.bytes))];
        let duration = self.began.instant.elapsed();
        let success = self.method.success();
        if self.open.is_some()
            && let Some(ending) = &mut lists.ending
        {
            success.describe(counted, ending);
        }
        if let Some(generation) = self.meters {
            let _current = (!is_current).then(|| context.clone().attach());
            let measured = Measured::grpc(generation);
            measured.record(&self.options.meter, &success.labels, [None; 2], duration);
        }
        // Last: who waits for spans finds the metrics there too.
        if let Some(open) = self.open.take()
            && let Some(ending) = &lists.ending
        {
            let at = self.began.plus(duration);
            lists.users = Some(open.end(context.span().span_context(), ending, at));
        }
    }

    /// The same call, for all that can happen to one.
    #[cold]
    pub(super) fn unfold(self) -> Call {
        let mut responses = FrameCounter::default();
        responses.begin_with(self.messages, self.bytes);
        Call {
            response_events: MessageEvents::new(self.kind != SpanKind::Client),
            kind: self.kind,
            protocol: Protocol::Grpc,
            began: self.began,
            recording: self.open.is_some(),
            open: self.open,
            carried: self.method.carried(),
            measured: self.meters.map(Measured::grpc),
            is_head: false,
            is_connect: false,
            is_text: false,
            answers_text: false,
            deadline: self.deadline,
            stream_end: StreamEnd::Body,
            slices: None,
            named: false,
            http_status: self.version.map(|_| StatusCode::OK),
            version: self.version,
            peer: None,
            is_unreadable: false,
            grpc_status: None,
            late_route: None,
            requests: self.requests,
            request_length: None,
            responses,
            response_size: Some(0),
            response_content: Content::new(0),
            options: self.options,
        }
    }
}
