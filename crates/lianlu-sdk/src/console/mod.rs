//! Finished traces as trees, for people.
//!
//! ```text
//! trace 4bf92f3577b34da6a3ce929d0e0e4736 · 4 spans · 12.4 ms
//! gateway  POST /orders                       ▕████████████████████▏  12.4 ms
//! └─ gateway  shop.v1.Orders/PlaceOrder →     ▕ ██████████████████ ▏  11.0 ms
//!    └─ orders  shop.v1.Orders/PlaceOrder     ▕  ████████████████  ▏  10.2 ms  ✗ NOT_FOUND: no such item
//! ```
//!
//! Colours on a terminal (unless `NO_COLOR` is set), plain text elsewhere. A [`Tree`] may be shared
//! by the exporters of several services in one process, whose spans then meet in one tree.
//!
//! A trace is printed when its root has ended and no span of it has come for half a second, and at a
//! flush. A flush of one of several exporters leaves traces alone that lack a root or a parent, which
//! may still come from another; the last exporter prints all when it goes. Memory is bounded: of a trace beyond the 1,000th the oldest is printed as it is, and spans
//! beyond the 5,000th of a trace are only counted.

mod node;
mod render;
mod trace;
mod tree;

pub use tree::Tree;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::export::{Export, Failure};
use crate::resource::service_name;
use node::Node;

/// Hands spans to a [`Tree`].
#[derive(Debug)]
pub struct Exporter {
    tree: Tree,
    service_name: String,
}

impl Exporter {
    /// An exporter that adds the spans of one service to `tree`.
    #[must_use]
    pub fn new(tree: Tree, resource: &Resource) -> Self {
        tree.exporter_came();
        Self {
            tree,
            service_name: service_name(resource),
        }
    }

    fn add(&self, batch: &[SpanData]) {
        self.tree.add(batch.iter().map(|span| {
            (
                span.span_context.trace_id(),
                Node::new(span, &self.service_name),
            )
        }));
    }
}

impl Export for Exporter {
    fn export(&mut self, batch: Vec<SpanData>) -> Result<(), Failure> {
        self.add(&batch);
        Ok(())
    }

    fn idle(&mut self) {
        self.tree.print_settled();
    }

    fn flush(&mut self) {
        self.tree.flush();
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.tree.exporter_went();
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.add(&batch);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.tree.flush();
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.service_name = service_name(resource);
    }
}
