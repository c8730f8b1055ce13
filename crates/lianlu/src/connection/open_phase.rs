//! A connection phase in progress: owns the span and ends it exactly once.

use std::net::SocketAddr;
use std::time::SystemTime;

use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::handshake::{ConnectState, Handshake};
use crate::describe::address::Address;
use crate::describe::response::Failure;
use crate::describe::{keys, target::Target};
use crate::net::redact::clip;
use crate::span::source::TracerSource;

/// A drop before the end records the phase as cancelled.
#[derive(Debug)]
pub(super) struct OpenPhase {
    context: Context,
    span: Span,
}

#[derive(Debug)]
enum Span {
    /// The span is in the context. A handshake may be waiting for its end.
    Started(Option<Handshake>),
    /// The span starts when the connection below is established, which is known only at the end.
    AfterConnect(Box<AfterConnect>),
    Ended,
}

#[derive(Debug)]
struct AfterConnect {
    tracer: TracerSource,
    builder: SpanBuilder,
    called: SystemTime,
    handshake: Handshake,
}

enum Outcome {
    Succeeded(Option<SocketAddr>),
    Failed(Failure),
    Dropped,
}

impl OpenPhase {
    pub(super) fn start(
        tracer: &TracerSource,
        name: &'static str,
        parent: Context,
        server: Option<Target>,
    ) -> Self {
        let span = builder(name, server).start_with_context(&tracer.find().tracer, &parent);
        Self {
            context: parent.with_span(span),
            span: Span::Started(None),
        }
    }

    pub(super) fn after_connect(
        tracer: &TracerSource,
        name: &'static str,
        server: Option<Target>,
    ) -> Self {
        let handshake = Handshake::new();
        Self {
            context: Context::current_with_value(handshake.clone()),
            span: Span::AfterConnect(Box::new(AfterConnect {
                tracer: tracer.clone(),
                builder: builder(name, server),
                called: SystemTime::now(),
                handshake,
            })),
        }
    }

    pub(super) fn set_handshake(&mut self, handshake: Handshake) {
        if let Span::Started(waiting) = &mut self.span {
            *waiting = Some(handshake);
        }
    }

    /// Runs `run` with the phase's context current.
    pub(super) fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        let _current = self.context.clone().attach();
        run()
    }

    pub(super) fn succeed(mut self, peer: Option<SocketAddr>) {
        self.end(Outcome::Succeeded(peer));
    }

    pub(super) fn fail(mut self, failure: Failure) {
        self.end(Outcome::Failed(failure));
    }

    fn end(&mut self, outcome: Outcome) {
        match std::mem::replace(&mut self.span, Span::Ended) {
            Span::Started(handshake) => {
                let now = SystemTime::now();
                if let (Some(handshake), Outcome::Succeeded(_)) = (handshake, &outcome) {
                    handshake.set(ConnectState::Connected(now));
                }
                end_span(&self.context, outcome, now);
            }
            Span::AfterConnect(after) => {
                let start = match after.handshake.state() {
                    ConnectState::Unknown => after.called,
                    ConnectState::Connected(at) => at,
                    // No connection was established, so there was no handshake.
                    ConnectState::Connecting => return,
                };
                let builder = after.builder.with_start_time(start);
                let span = builder.start_with_context(&after.tracer.find().tracer, &self.context);
                let context = self.context.with_span(span);
                end_span(&context, outcome, SystemTime::now());
            }
            Span::Ended => {}
        }
    }
}

impl Drop for OpenPhase {
    fn drop(&mut self) {
        self.end(Outcome::Dropped);
    }
}

fn builder(name: &'static str, server: Option<Target>) -> SpanBuilder {
    let mut attributes = Vec::with_capacity(4);
    if let Some(server) = server {
        let host = clip(&server.host).to_owned();
        attributes.push(KeyValue::new(keys::SERVER_ADDRESS, host));
        if let Some(port) = server.port {
            attributes.push(KeyValue::new(keys::SERVER_PORT, i64::from(port)));
        }
    }
    SpanBuilder::from_name(name)
        .with_kind(SpanKind::Internal)
        .with_attributes(attributes)
}

fn end_span(context: &Context, outcome: Outcome, end: SystemTime) {
    let span = context.span();
    match outcome {
        Outcome::Succeeded(Some(peer)) => {
            span.set_attribute(KeyValue::new(
                keys::NETWORK_PEER_ADDRESS,
                Address::of(peer).as_str().to_owned(),
            ));
            let port = i64::from(peer.port());
            span.set_attribute(KeyValue::new(keys::NETWORK_PEER_PORT, port));
        }
        Outcome::Succeeded(None) => {}
        Outcome::Failed(Failure::Error { class, message, .. }) => {
            span.set_attribute(KeyValue::new(keys::ERROR_TYPE, class));
            span.set_status(Status::error(message));
        }
        Outcome::Failed(_) | Outcome::Dropped => {
            span.set_attribute(KeyValue::new(keys::LIANLU_CANCELLED, true));
        }
    }
    span.end_with_timestamp(end);
}
