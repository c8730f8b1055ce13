//! What a handler does to the span of its call: three attributes and a child span, in the way that
//! each peer documents.

use std::sync::Arc;

use fastrace::local::LocalSpan;
use opentelemetry::global::{self, BoxedTracer};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{Kind, Peer};
use crate::calls::handler;

/// A peer's way to do it.
#[derive(Clone)]
pub(crate) enum Work {
    Nothing,
    /// Through OpenTelemetry's API, with a tracer that the handler keeps.
    Api(Arc<BoxedTracer>),
    /// Through `tracing` and tracing-opentelemetry.
    Tracing,
    Fastrace,
}

impl Work {
    /// The pipeline has to be installed already.
    pub(crate) fn of(peer: Peer) -> Self {
        match peer.kind() {
            Kind::None => Self::Nothing,
            Kind::Lianlu | Kind::Sdk => Self::Api(Arc::new(global::tracer("shop"))),
            Kind::SdkByTracing => Self::Tracing,
            Kind::Fastrace => Self::Fastrace,
        }
    }

    pub(crate) fn run(&self) {
        match self {
            Self::Nothing => {}
            Self::Api(tracer) => {
                handler::set_attributes();
                handler::make_child(tracer);
            }
            Self::Tracing => by_tracing(),
            Self::Fastrace => by_fastrace(),
        }
    }
}

fn by_tracing() {
    let span = tracing::Span::current();
    span.set_attribute("shop.item", "unicorn");
    span.set_attribute("shop.warehouse", "north");
    span.set_attribute("shop.quantity", 3);
    tracing::info_span!("price").in_scope(|| ());
}

fn by_fastrace() {
    LocalSpan::add_property(|| ("shop.item", "unicorn"));
    LocalSpan::add_property(|| ("shop.warehouse", "north"));
    // Its properties are strings only.
    LocalSpan::add_property(|| ("shop.quantity", "3"));
    let _child = LocalSpan::enter_with_local_parent("price");
}
