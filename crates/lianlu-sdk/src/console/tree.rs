//! Gathers spans until a trace is whole.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::trace::{SpanId, TraceId};

use super::node::Node;
use super::render::render;

/// A trace is taken for whole when nothing has come for this long after its root.
const SETTLE: Duration = Duration::from_millis(500);

/// A trace whose root is elsewhere, or never comes, is printed after this long without a span.
const ABANDONED: Duration = Duration::from_secs(5);

const MAX_TRACES: usize = 1_000;
const MAX_SPANS: usize = 5_000;

/// Prints traces to one place. Cheap to clone; clones print to the same.
#[derive(Clone)]
pub struct Tree {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    colour: bool,
    traces: HashMap<TraceId, Trace>,
    exporters: usize,
}

#[derive(Default)]
pub(super) struct Trace {
    pub(super) nodes: Vec<Node>,
    /// Spans that were counted and not kept.
    pub(super) left_out: usize,
    pub(super) last: Option<Instant>,
}

impl Tree {
    /// Prints to standard output, in colour if that is a terminal and `NO_COLOR` is not set.
    #[must_use]
    pub fn stdout() -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(io::stdout(), io::stdout().is_terminal() && !no_colour)
    }

    /// Prints plain text to `out`.
    #[must_use]
    pub fn to_writer(out: impl Write + Send + 'static) -> Self {
        Self::new(out, false)
    }

    fn new(out: impl Write + Send + 'static, colour: bool) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                out: Box::new(out),
                colour,
                traces: HashMap::new(),
                exporters: 0,
            })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, nodes: impl Iterator<Item = (TraceId, Node)>) {
        let mut inner = self.lock();
        let now = Instant::now();
        for (id, node) in nodes {
            if inner.traces.len() >= MAX_TRACES && !inner.traces.contains_key(&id) {
                inner.print_oldest();
            }
            let trace = inner.traces.entry(id).or_default();
            trace.last = Some(now);
            if trace.nodes.len() < MAX_SPANS {
                trace.nodes.push(node);
            } else {
                trace.left_out += 1;
            }
        }
        inner.print_where(|trace| trace.is_settled(now));
    }

    pub(super) fn print_settled(&self) {
        let now = Instant::now();
        self.lock().print_where(|trace| trace.is_settled(now));
    }

    pub(super) fn exporter_came(&self) {
        self.lock().exporters += 1;
    }

    pub(super) fn exporter_went(&self) {
        let mut inner = self.lock();
        inner.exporters = inner.exporters.saturating_sub(1);
        if inner.exporters == 0 {
            inner.print_where(|_| true);
        }
    }

    /// Prints what is there; of a shared tree, what is whole.
    pub(super) fn flush(&self) {
        let mut inner = self.lock();
        if inner.exporters > 1 {
            inner.print_where(Trace::is_whole);
        } else {
            inner.print_where(|_| true);
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").finish_non_exhaustive()
    }
}

impl Inner {
    fn print_where(&mut self, is_due: impl Fn(&Trace) -> bool) {
        let mut due: Vec<_> = self
            .traces
            .iter()
            .filter(|(_, trace)| is_due(trace))
            .map(|(id, trace)| (trace.nodes.iter().map(|node| node.start).min(), *id))
            .collect();
        due.sort_unstable_by_key(|(start, _)| *start);
        for (_, id) in due {
            self.print(id);
        }
    }

    fn print_oldest(&mut self) {
        let oldest = self.traces.iter().min_by_key(|(_, trace)| trace.last);
        if let Some((&id, _)) = oldest {
            self.print(id);
        }
    }

    fn print(&mut self, id: TraceId) {
        if let Some(trace) = self.traces.remove(&id) {
            let text = render(id, trace, self.colour);
            // A closed pipe has nobody reading.
            let _ = self.out.write_all(text.as_bytes());
            let _ = self.out.flush();
        }
    }
}

impl Trace {
    /// Whether every parent is there, up to the root.
    fn is_whole(&self) -> bool {
        let ids: HashSet<SpanId> = self.nodes.iter().map(|node| node.id).collect();
        let is_root = |node: &Node| node.parent == SpanId::INVALID;
        self.nodes.iter().any(is_root)
            && self
                .nodes
                .iter()
                .all(|node| is_root(node) || ids.contains(&node.parent))
    }

    fn is_settled(&self, now: Instant) -> bool {
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
