//! The spans of one trace, and their order in the tree.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use opentelemetry::trace::SpanId;

use super::node::Node;

/// In a tree of several exporters, a trace is complete if no span arrives for this long after its
/// root.
const SETTLE: Duration = Duration::from_millis(500);

/// A trace with a parent that has not ended is printed if no span arrives for this long.
const ABANDONED: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Trace {
    pub(super) nodes: Vec<Node>,
    /// Number of spans that were counted but not kept.
    pub(super) omitted: usize,
    /// A part of the trace was printed before.
    pub(super) is_continued: bool,
    pub(super) last: Option<Instant>,
}

impl Trace {
    /// Whether all parents are present, up to a span without a parent or, if the trace
    /// `may_begin_elsewhere`, with a parent in another process.
    pub(super) fn is_complete(&self, may_begin_elsewhere: bool) -> bool {
        let ids: HashSet<SpanId> = self.nodes.iter().map(|node| node.id).collect();
        let is_root = |node: &Node| {
            node.parent == SpanId::INVALID || may_begin_elsewhere && node.is_parent_remote
        };
        self.nodes.iter().any(is_root)
            && self
                .nodes
                .iter()
                .all(|node| is_root(node) || ids.contains(&node.parent))
    }

    /// Whether no more spans are expected. `is_shared`: other exporters may deliver some.
    pub(super) fn is_settled(&self, now: Instant, is_shared: bool) -> bool {
        let quiet = self.last.map_or(Duration::ZERO, |last| now - last);
        let has_root = self.nodes.iter().any(|node| node.parent == SpanId::INVALID);
        match is_shared {
            true => quiet >= if has_root { SETTLE } else { ABANDONED },
            false => quiet >= ABANDONED || self.is_continued || self.is_complete(true),
        }
    }
}

/// A line of the printed tree: a node and its tree marks.
pub(super) struct Line {
    pub(super) index: usize,
    /// For each ancestor, whether more siblings follow; the last entry is for the node itself.
    pub(super) more: Vec<bool>,
}

/// Walks the forest depth-first, children ordered by start. Every node occurs once, even in a
/// cycle; a node whose parent is absent is a root.
pub(super) fn order(nodes: &[Node]) -> Vec<Line> {
    /// Maximum depth of indentation.
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
    // Nodes not reachable from roots are on or below a cycle, which is entered at its earliest
    // node.
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
            for (position, &child) in below.iter().enumerate().rev() {
                let mut marks: Vec<bool> = more.iter().copied().take(MAX_INDENT).collect();
                marks.push(position + 1 < below.len());
                stack.push((child, marks));
            }
            lines.push(Line { index, more });
        }
    }
    lines
}
