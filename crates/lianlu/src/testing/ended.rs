//! Spans that have ended: which ones, and what they look like.

use std::ops::Deref;
use std::sync::Arc;

use opentelemetry::Value;
use opentelemetry::trace::SpanKind;

use super::span::TestSpan;
use super::{diff, tree};

/// Spans that have ended, by time of their start.
///
/// [`named`](Self::named), [`kind`](Self::kind) and [`with`](Self::with) select some of them, one
/// after the other; [`only`](Self::only) is the last step.
#[derive(Debug, Clone)]
pub struct EndedSpans {
    spans: Vec<TestSpan>,
    /// What was selected from, for messages.
    all: Arc<[TestSpan]>,
}

impl EndedSpans {
    pub(super) fn new(mut spans: Vec<TestSpan>) -> Self {
        spans.sort_by_key(|span| span.start);
        let all = spans.as_slice().into();
        Self { spans, all }
    }

    fn retain(&self, is_it: impl Fn(&TestSpan) -> bool) -> Self {
        let mut selected = self.clone();
        selected.spans.retain(is_it);
        selected
    }

    /// Those of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        self.retain(|span| span.name == name)
    }

    /// Those of this kind.
    #[must_use]
    pub fn kind(&self, kind: SpanKind) -> Self {
        self.retain(|span| span.kind == kind)
    }

    /// Those with this attribute.
    #[must_use]
    pub fn with(&self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.retain(|span| span.attribute(key) == Some(&value))
    }

    /// The only span.
    ///
    /// # Panics
    ///
    /// If there is none, or there are several. The message shows all.
    #[must_use]
    #[track_caller]
    pub fn only(&self) -> TestSpan {
        let [span] = &*self.spans else {
            let (count, all) = (self.spans.len(), tree::render(&self.all, false));
            panic!("{count} spans where one was expected, in\n{all}");
        };
        span.clone()
    }

    /// The traces as text: a line for each span, children indented, with kind and status.
    ///
    /// Siblings and traces are in alphabetical order, so concurrency does not change the text. Ports
    /// and ids are masked. A call that was dropped is `cancelled`, or `body never read` if there was
    /// a response.
    #[must_use]
    pub fn tree(&self) -> String {
        tree::render(&self.spans, false)
    }

    /// The [`tree`](Self::tree) with links, attributes and events, sorted.
    #[must_use]
    pub fn snapshot(&self) -> String {
        tree::render(&self.spans, true)
    }

    /// Compares the [`tree`](Self::tree). Empty lines at both ends and the common indentation of
    /// `expected` are ignored.
    ///
    /// # Panics
    ///
    /// If it differs. The message has the tree with the lines that are missing (`-`) and those that
    /// are not expected (`+`).
    #[track_caller]
    pub fn assert_tree(&self, expected: &str) {
        diff::assert_same(expected, &self.tree());
    }

    /// Compares the [`snapshot`](Self::snapshot), as [`assert_tree`](Self::assert_tree) does.
    ///
    /// # Panics
    ///
    /// If it differs.
    #[track_caller]
    pub fn assert_snapshot(&self, expected: &str) {
        diff::assert_same(expected, &self.snapshot());
    }
}

impl Deref for EndedSpans {
    type Target = [TestSpan];

    fn deref(&self) -> &[TestSpan] {
        &self.spans
    }
}
