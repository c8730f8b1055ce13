//! Collects spans until a trace is complete.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use opentelemetry::trace::TraceId;

use super::node::Node;
use super::render::render;
use super::trace::Trace;

const MAX_TRACES: usize = 1_000;
const MAX_SPANS: usize = 5_000;

/// Prints traces to one output. Cheap to clone; clones share the output.
#[derive(Clone)]
pub struct Tree {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    colour: bool,
    traces: HashMap<TraceId, Trace>,
    /// The last traces that were printed.
    printed: VecDeque<TraceId>,
    exporters: usize,
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
                printed: VecDeque::new(),
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
            let Inner {
                traces, printed, ..
            } = &mut *inner;
            let trace = traces.entry(id).or_insert_with(|| Trace {
                is_continued: printed.contains(&id),
                ..Trace::default()
            });
            trace.last = Some(now);
            if trace.nodes.len() < MAX_SPANS {
                trace.nodes.push(node);
            } else {
                trace.omitted += 1;
            }
        }
    }

    pub(super) fn print_settled(&self) {
        let now = Instant::now();
        let mut inner = self.lock();
        let is_shared = inner.exporters > 1;
        inner.print_where(|trace| trace.is_settled(now, is_shared));
    }

    pub(super) fn register_exporter(&self) {
        self.lock().exporters += 1;
    }

    pub(super) fn unregister_exporter(&self) {
        let mut inner = self.lock();
        inner.exporters = inner.exporters.saturating_sub(1);
        if inner.exporters == 0 {
            inner.print_where(|_| true);
        }
    }

    /// Prints all traces; in a shared tree, only complete ones.
    pub(super) fn flush(&self) {
        let mut inner = self.lock();
        if inner.exporters > 1 {
            inner.print_where(|trace| trace.is_complete(false));
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
            if self.printed.len() >= MAX_TRACES {
                self.printed.pop_front();
            }
            self.printed.push_back(id);
            let text = render(id, trace, self.colour);
            // Errors are ignored: a closed pipe has no reader.
            let _ = self.out.write_all(text.as_bytes());
            let _ = self.out.flush();
        }
    }
}
