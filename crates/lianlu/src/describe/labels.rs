//! The labels of a call's metrics.

use opentelemetry::KeyValue;

/// The labels of a call's metrics, in the current and in the old conventions.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Labels {
    pub(crate) current: Vec<KeyValue>,
    pub(crate) old: Vec<KeyValue>,
    /// Additional labels of the size metrics.
    pub(crate) sizes: Vec<KeyValue>,
    /// Labels of the active requests, which exist only in the current conventions.
    pub(crate) active: Vec<KeyValue>,
}

impl Labels {
    /// Removes all labels, and keeps the allocations.
    #[inline]
    pub(crate) fn clear(&mut self) {
        let lists = [
            &mut self.current,
            &mut self.old,
            &mut self.sizes,
            &mut self.active,
        ];
        // Most calls leave these lists empty; the check saves a function call.
        for list in lists.into_iter().filter(|list| !list.is_empty()) {
            list.clear();
        }
    }
}
