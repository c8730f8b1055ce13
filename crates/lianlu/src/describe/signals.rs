//! Writes each value to the span and to the metrics that the table lists for it.

use opentelemetry::KeyValue;

use super::labels::Labels;
use super::opt_in::OptIns;
use super::stability::Generation;
use super::surface::Surface;
use super::table::{AttributeSpec, Level, Requirement};
use super::value::AttributeValue;
use super::writer::AttributeWriter;

/// The signals of a call, and their conventions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) surface: Surface,
    pub(crate) conventions: Generation,
    pub(crate) opt_ins: OptIns,
    /// Whether metrics are recorded, and active requests among them.
    pub(crate) metrics: bool,
    pub(crate) active: bool,
}

impl Style {
    fn wants(self, level: Level) -> bool {
        self.conventions.current()
            && match level {
                Level::Never => false,
                Level::Known => true,
                Level::Asked(opt_in) => self.opt_ins.contains(opt_in),
            }
    }

    fn old(self, requirement: &Requirement) -> Option<&'static str> {
        requirement.old.filter(|_| self.conventions.old())
    }
}

/// Collects a call's attributes and labels.
#[derive(Debug)]
pub(crate) struct SignalWriter<'a> {
    pub(crate) style: Style,
    pub(crate) attributes: AttributeWriter<'a>,
    /// `None` if the call is not measured, or only its span is written.
    labels: Option<&'a mut Labels>,
}

impl<'a> SignalWriter<'a> {
    pub(crate) fn new(
        style: Style,
        attributes: AttributeWriter<'a>,
        labels: &'a mut Labels,
    ) -> Self {
        Self {
            style,
            attributes,
            labels: style.metrics.then_some(labels),
        }
    }

    /// Without labels.
    #[inline]
    pub(crate) fn of_span(style: Style, attributes: AttributeWriter<'a>) -> Self {
        Self {
            style,
            attributes,
            labels: None,
        }
    }

    /// True if the span has the attribute. Check it before making an expensive value.
    #[inline]
    pub(crate) fn wants(&self, spec: &AttributeSpec) -> bool {
        let requirement = spec.requirement(self.style.surface);
        self.attributes.is_wanted()
            && (self.style.wants(requirement.span) || self.style.old(requirement).is_some())
    }

    /// True if a metric has the attribute.
    pub(crate) fn wants_label(&self, spec: &AttributeSpec) -> bool {
        let requirement = spec.requirement(self.style.surface);
        self.labels.is_some()
            && (self.style.wants(requirement.metric)
                || self.style.wants(requirement.active)
                || (requirement.old_metric && self.style.old(requirement).is_some()))
    }

    /// True if the old conventions are written.
    pub(crate) fn has_old(&self) -> bool {
        self.style.conventions.old()
    }

    /// True if only the old conventions are written.
    pub(crate) fn only_old(&self) -> bool {
        !self.style.conventions.current()
    }

    /// Writes `value` to the span and to the metrics that have the attribute.
    #[inline]
    pub(crate) fn put<'v>(
        &mut self,
        spec: &'static AttributeSpec,
        value: impl Into<AttributeValue<'v>>,
    ) {
        let value = value.into();
        self.put_label(spec, &value);
        self.put_attribute(spec, &value);
    }

    /// Writes `value` to the span only.
    #[inline]
    pub(crate) fn span<'v>(
        &mut self,
        spec: &'static AttributeSpec,
        value: impl Into<AttributeValue<'v>>,
    ) {
        self.put_attribute(spec, &value.into());
    }

    #[inline]
    fn put_attribute(&mut self, spec: &'static AttributeSpec, value: &AttributeValue<'_>) {
        if !self.attributes.is_wanted() {
            return;
        }
        let requirement = spec.requirement(self.style.surface);
        let is_current = self.style.wants(requirement.span);
        if let Some(old) = self.style.old(requirement)
            && !(is_current && old == spec.key.as_str())
        {
            self.attributes.put_old(old, value);
        }
        if is_current {
            self.attributes.put(spec.key, value);
        }
    }

    /// Writes `value` to metrics only. Takes only values of low cardinality.
    pub(crate) fn label<'v>(
        &mut self,
        spec: &'static AttributeSpec,
        value: impl Into<AttributeValue<'v>>,
    ) {
        self.put_label(spec, &value.into());
    }

    fn put_label(&mut self, spec: &'static AttributeSpec, value: &AttributeValue<'_>) {
        let Some(labels) = &mut self.labels else {
            return;
        };
        let requirement = spec.requirement(self.style.surface);
        let key = spec.key.as_str();
        let label = |key: &'static str| KeyValue::new(key, value.to_value());
        if requirement.old_metric
            && let Some(old) = self.style.old(requirement)
        {
            labels.old.push(label(old));
        }
        if self.style.active && self.style.wants(requirement.active) {
            labels.active.push(label(key));
        }
        if self.style.wants(requirement.metric) {
            labels.current.push(label(key));
        } else if requirement.size && self.style.conventions.current() {
            labels.sizes.push(label(key));
        }
    }
}
