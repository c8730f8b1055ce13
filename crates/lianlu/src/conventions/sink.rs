//! Takes what is known of a call, and keeps what the table and the options want of it.

use opentelemetry::KeyValue;

use super::datum::Datum;
use super::description::Description;
#[cfg(feature = "pipeline")]
use super::memo;
#[cfg(feature = "pipeline")]
pub(crate) use super::memo::Part;
use super::opt_in::OptIns;
use super::stability::Conventions;
use super::table::{Place, Row, Surface, When};

/// How a call is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Forgets all but the room.
    #[inline]
    pub(crate) fn clear(&mut self) {
        let lists = [
            &mut self.current,
            &mut self.old,
            &mut self.sizes,
            &mut self.active,
        ];
        // Most calls leave them empty, and emptying one is a call of its own.
        for list in lists.into_iter().filter(|list| !list.is_empty()) {
            list.clear();
        }
    }
}

/// What a remembered part is about.
#[cfg(not(feature = "pipeline"))]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Method,
    Server,
    Peer,
}

/// Collects a call's attributes and labels.
#[derive(Debug)]
pub(crate) struct Sink<'a> {
    pub(super) style: Style,
    pub(crate) attributes: Description<'a>,
    pub(crate) labels: &'a mut Labels,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(style: Style, attributes: Description<'a>, labels: &'a mut Labels) -> Self {
        Self {
            style,
            attributes,
            labels,
        }
    }

    /// Whether a span has the attribute. Saves making a value that nobody wants.
    #[inline]
    pub(crate) fn wants(&self, row: &Row) -> bool {
        let place = row.place(self.style.surface);
        self.attributes.is_wanted()
            && (self.style.wants(place.span) || self.style.old(place).is_some())
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

    /// Writes a part of the span's description that comes up again and again. What `write` writes hangs on these and
    /// the style alone, and nothing of it is a label.
    #[inline]
    #[cfg_attr(not(feature = "pipeline"), allow(unused_variables))]
    pub(crate) fn remembered(
        &mut self,
        part: Part,
        text: &str,
        number: u64,
        write: impl FnOnce(&mut Self),
    ) {
        #[cfg(feature = "pipeline")]
        if let Description::Bytes(ending) = &mut self.attributes {
            let key = (part, text, number);
            if memo::recall(key, self.style, ending) {
                return;
            }
            let before = (ending.attributes.len(), ending.count);
            write(self);
            if let Description::Bytes(ending) = &mut self.attributes {
                memo::remember(key, self.style, ending, before);
            }
            return;
        }
        write(self);
    }

    /// Writes `value` wherever the table has the attribute: on the span and on metrics.
    #[inline]
    pub(crate) fn put<'v>(&mut self, row: &'static Row, value: impl Into<Datum<'v>>) {
        let value = value.into();
        if self.style.metrics {
            self.label_datum(row, &value);
        }
        self.span_datum(row, &value);
    }

    /// Writes `value` on the span alone.
    #[inline]
    pub(crate) fn span<'v>(&mut self, row: &'static Row, value: impl Into<Datum<'v>>) {
        self.span_datum(row, &value.into());
    }

    #[inline]
    fn span_datum(&mut self, row: &'static Row, value: &Datum<'_>) {
        if !self.attributes.is_wanted() {
            return;
        }
        let place = row.place(self.style.surface);
        let is_current = self.style.wants(place.span);
        if let Some(old) = self.style.old(place)
            && !(is_current && old == row.key.as_str())
        {
            self.attributes.add_old(old, value);
        }
        if is_current {
            self.attributes.add(row.key, value);
        }
    }

    /// Writes `value` on metrics alone. Takes only values of which there are few.
    pub(crate) fn label<'v>(&mut self, row: &'static Row, value: impl Into<Datum<'v>>) {
        if self.style.metrics {
            self.label_datum(row, &value.into());
        }
    }

    fn label_datum(&mut self, row: &'static Row, value: &Datum<'_>) {
        let place = row.place(self.style.surface);
        let key = row.key.as_str();
        let label = |key: &'static str| KeyValue::new(key, value.to_value());
        if place.old_metric
            && let Some(old) = self.style.old(place)
        {
            self.labels.old.push(label(old));
        }
        if self.style.active && self.style.wants(place.active) {
            self.labels.active.push(label(key));
        }
        if self.style.wants(place.metric) {
            self.labels.current.push(label(key));
        } else if place.size && self.style.conventions.current() {
            self.labels.sizes.push(label(key));
        }
    }
}
