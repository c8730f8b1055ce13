//! Prints ended traces as trees.
//!
//! ```text
//! trace 4bf92f3577b34da6a3ce929d0e0e4736 · 4 spans · 12.4 ms
//! gateway  POST /orders                       ▕████████████████████▏  12.4 ms
//! └─ gateway  shop.v1.Orders/PlaceOrder →     ▕ ██████████████████ ▏  11.0 ms
//!    └─ orders  shop.v1.Orders/PlaceOrder     ▕  ████████████████  ▏  10.2 ms  ✗ NOT_FOUND: no such item
//! ```
//!
//! Colours are used on a terminal unless `NO_COLOR` is set. The exporters of several services in
//! one process may share a [`Tree`], which then shows their spans in one tree.
//!
//! A trace is printed as soon as its root, or the span that a caller in another process has begun
//! it with, has ended and arrives with its descendants; spans that end later are printed as a
//! further tree of the trace. A trace without such a span is printed after five seconds without
//! news, and everything at a flush and at the end.
//!
//! If several exporters share the tree, the trace waits for half a second without news after its
//! root, and a flush leaves traces without a root or a parent, which another exporter may still
//! deliver; dropping the last exporter prints everything.
//! Memory is bounded: beyond 1,000 traces the oldest is printed as it is, and spans beyond 5,000 of
//! a trace are only counted.

mod node;
mod render;
mod trace;
mod tree;

pub use tree::Tree;

use opentelemetry::trace::TraceId;

use crate::export::batch::Batch;
use crate::export::value::service_name;
use crate::export::{Component, Export, Failure};
use lianlu_wire::otlp::ReadError;
use node::Node;

/// Adds spans to a [`Tree`].
#[derive(Debug)]
pub struct Exporter {
    tree: Tree,
}

impl Exporter {
    /// An exporter that adds the spans of one service to `tree`.
    #[must_use]
    pub fn new(tree: Tree) -> Self {
        tree.register_exporter();
        Self { tree }
    }
}

fn nodes(batch: &Batch) -> Result<Vec<(TraceId, Node)>, ReadError> {
    let service = service_name(&batch.parse_resource()?)?;
    let mut nodes = Vec::with_capacity(batch.len());
    for scope in batch.scopes() {
        for span in scope.spans() {
            let span = span?;
            let trace = TraceId::from_bytes(span.trace_id);
            nodes.push((trace, Node::new(&span, &service)?));
        }
    }
    Ok(nodes)
}

impl Export for Exporter {
    fn destination(&self) -> String {
        "console".to_owned()
    }

    fn component(&self) -> Component {
        Component::new("console_span_exporter")
    }

    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let nodes = nodes(batch).map_err(|error| Failure::new(batch.len(), error.to_string()))?;
        self.tree.add(nodes.into_iter());
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
        self.tree.unregister_exporter();
    }
}
