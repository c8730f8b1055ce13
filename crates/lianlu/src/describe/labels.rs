//! The labels of a call's metrics.

use opentelemetry::KeyValue;

/// The labels of a call's metrics, in the current and in the old conventions.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Labels {
    pub(crate) current: Vec<KeyValue>,
    pub(crate) old: Vec<KeyValue>,
    /// Of the size metrics, beside the current ones.
    pub(crate) sizes: Vec<KeyValue>,
    /// Of the active requests, which have only current conventions.
    pub(crate) active: Vec<KeyValue>,
}

impl Labels {
    /// Forgets all labels, and keeps the allocations.
    #[inline]
    pub(crate) fn clear(&mut self) {
        let lists = [
            &mut self.current,
            &mut self.old,
            &mut self.sizes,
            &mut self.active,
        ];
        // Most calls leave them empty, and clearing a list is a function call.
        for list in lists.into_iter().filter(|list| !list.is_empty()) {
            list.clear();
        }
    }
}
