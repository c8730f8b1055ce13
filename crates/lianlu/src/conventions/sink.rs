//! Takes what is known of a call, and keeps what the table and the options want of it.

use opentelemetry::{KeyValue, Value};

use super::opt_in::OptIns;
use super::stability::Conventions;
use super::table::{Place, Row, Surface, When};

/// How a call is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) surface: Surface,
    pub(crate) conventions: Conventions,
    pub(crate) opt_ins: OptIns,
    pub(crate) metrics: bool,
    pub(crate) active: bool,
}

impl Style {
    fn wants(self, when: When) -> bool {
        self.conventions.current()
            && match when {
                When::Never => false,
                When::Known => true,
                When::Asked(opt_in) => self.opt_ins.contains(opt_in),
            }
    }

    fn old(self, place: &Place) -> Option<&'static str> {
        place.old.filter(|_| self.conventions.old())
    }
}

/// The labels of a call's metrics, in the current and in the old conventions.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    pub(crate) current: Vec<KeyValue>,
    pub(crate) old: Vec<KeyValue>,
    /// Of the size metrics, beside the current ones.
    pub(crate) sizes: Vec<KeyValue>,
    /// Of the active requests, which have only current conventions.
    pub(crate) active: Vec<KeyValue>,
}

/// Collects a call's attributes and labels.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(super) style: Style,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) labels: Labels,
}

impl Sink {
    pub(crate) fn new(style: Style, attributes: usize) -> Self {
        Self {
            style,
            attributes: Vec::with_capacity(attributes),
            labels: Labels {
                current: Vec::with_capacity(if style.metrics { 8 } else { 0 }),
                ..Labels::default()
            },
        }
    }

    /// Whether a span has the attribute. Saves making a value that nobody wants.
    pub(crate) fn wants(&self, row: &Row) -> bool {
        let place = row.place(self.style.surface);
        self.style.wants(place.span) || self.style.old(place).is_some()
    }

    /// Whether a metric has the attribute.
    pub(crate) fn labels(&self, row: &Row) -> bool {
        let place = row.place(self.style.surface);
        self.style.metrics
            && (self.style.wants(place.metric)
                || self.style.wants(place.active)
                || (place.old_metric && self.style.old(place).is_some()))
    }

    /// Whether the old conventions are written.
    pub(crate) fn has_old(&self) -> bool {
        self.style.conventions.old()
    }

    /// Whether only the old conventions are written.
    pub(crate) fn only_old(&self) -> bool {
        !self.style.conventions.current()
    }

    /// Writes `value` wherever the table has the attribute: on the span and on metrics.
    pub(crate) fn put(&mut self, row: &'static Row, value: impl Into<Value>) {
        let value = value.into();
        if self.style.metrics {
            self.label(row, value.clone());
        }
        self.span(row, value);
    }

    /// Writes `value` on the span alone.
    pub(crate) fn span(&mut self, row: &'static Row, value: impl Into<Value>) {
        let place = row.place(self.style.surface);
        let old = self.style.old(place);
        if self.style.wants(place.span) {
            let value = value.into();
            if let Some(old) = old.filter(|old| *old != row.key) {
                self.attributes.push(KeyValue::new(old, value.clone()));
            }
            self.attributes.push(KeyValue::new(row.key, value));
        } else if let Some(old) = old {
            self.attributes.push(KeyValue::new(old, value));
        }
    }

    /// Writes `value` on metrics alone. Takes only values of which there are few.
    pub(crate) fn label(&mut self, row: &'static Row, value: impl Into<Value>) {
        if !self.style.metrics {
            return;
        }
        let value = value.into();
        let place = row.place(self.style.surface);
        if place.old_metric
            && let Some(old) = self.style.old(place)
        {
            self.labels.old.push(KeyValue::new(old, value.clone()));
        }
        if self.style.active && self.style.wants(place.active) {
            let label = KeyValue::new(row.key, value.clone());
            self.labels.active.push(label);
        }
        if place.size && self.style.conventions.current() && !self.style.wants(place.metric) {
            self.labels
                .sizes
                .push(KeyValue::new(row.key, value.clone()));
        }
        if self.style.wants(place.metric) {
            self.labels.current.push(KeyValue::new(row.key, value));
        }
    }
}
