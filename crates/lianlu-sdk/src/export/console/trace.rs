//! The spans of one trace, and the order in which a tree shows them.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use opentelemetry::trace::SpanId;

use super::node::Node;

/// A trace is taken for whole when nothing has come for this long after its root.
const SETTLE: Duration = Duration::from_millis(500);

/// A trace whose root is elsewhere, or never comes, is printed after this long without a span.
const ABANDONED: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Trace {
    pub(super) nodes: Vec<Node>,
    /// Spans that were counted and not kept.
    pub(super) left_out: usize,
    pub(super) last: Option<Instant>,
}

impl Trace {
    /// Whether every parent is there, up to the root.
    pub(super) fn is_whole(&self) -> bool {
        let ids: HashSet<SpanId> = self.nodes.iter().map(|node| node.id).collect();
        let is_root = |node: &Node| node.parent == SpanId::INVALID;
        self.nodes.iter().any(is_root)
            && self
                .nodes
                .iter()
                .all(|node| is_root(node) || ids.contains(&node.parent))
    }

    /// Whether nothing more is to be expected.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        let quiet = self.last.map_or(Duration::ZERO, |last| now - last);
        let has_root = self.nodes.iter().any(|node| node.parent == SpanId::INVALID);
        quiet >= if has_root { SETTLE } else { ABANDONED }
    }
}

/// The order in which a tree is printed: each node with the marks in front of it.
pub(super) struct Line {
    pub(super) index: usize,
    /// For each ancestor, whether more of its siblings follow; the last is the node itself.
    pub(super) more: Vec<bool>,
}

/// Walks the forest depth first, children by their start. Every node comes up once, also in a
/// cycle; a node whose parent is not there is a root.
pub(super) fn order(nodes: &[Node]) -> Vec<Line> {
    /// Deeper than this, lines are no longer indented.
    const MAX_INDENT: usize = 40;

    let mut by_start: Vec<usize> = (0..nodes.len()).collect();
    by_start.sort_by_key(|&index| nodes.get(index).map(|node| node.start));
    let ids: HashMap<SpanId, usize> = nodes.iter().map(|node| node.id).zip(0..).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut roots = Vec::new();
    for &index in &by_start {
        let parent = nodes.get(index).and_then(|node| ids.get(&node.parent));
        match parent.and_then(|&parent| children.get_mut(parent)) {
            Some(siblings) => siblings.push(index),
            None => roots.push(index),
        }
    }

    let mut lines = Vec::with_capacity(nodes.len());
    let mut seen = vec![false; nodes.len()];
    // Whatever the roots don't reach hangs on a cycle: it is entered at its earliest node.
    for root in roots.into_iter().chain(by_start) {
        let mut stack = vec![(root, Vec::new())];
        while let Some((index, more)) = stack.pop() {
            let Some(seen) = seen.get_mut(index) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            let below = children.get(index).map(Vec::as_slice).unwrap_or_default();
            for (place, &child) in below.iter().enumerate().rev() {
                let mut marks: Vec<bool> = more.iter().copied().take(MAX_INDENT).collect();
                marks.push(place + 1 < below.len());
                stack.push((child, marks));
            }
            lines.push(Line { index, more });
        }
    }
    lines
}
