//! The rules of the conventions for spans, metrics and attributes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::facts::{Expected, Fact, Group};
use crate::generation::{self, Generation, Old, Signal};

const TABLE: &str = include_str!("../model/semconv-1.44.0.json");
const OVERLAY: &str = include_str!("../model/overlay.json");

/// A table cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the model: {0}")]
pub struct ModelError(#[from] serde_json::Error);

/// The key of a gRPC status after v1.44.0.
pub(crate) const LATER_STATUS_KEY: &str = "rpc.status_code";

/// The key of a gRPC status, which was renamed on the main branch after v1.44.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StatusKey {
    /// `rpc.response.status_code`, of v1.39 to v1.44.
    #[default]
    Released,
    /// `rpc.status_code`, of the main branch.
    Main,
}

/// The [requirement
/// level](https://opentelemetry.io/docs/specs/semconv/general/attribute-requirement-level/) of an
/// attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Level {
    /// Always present.
    Required,
    /// Present if and only if a condition holds.
    ConditionallyRequired,
    /// Present if its value is available.
    Recommended,
    /// Present only by opt-in.
    OptIn,
}

/// An attribute of a span or of a metric.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// The attribute's key; of a template the key without its last part.
    pub key: String,
    /// The requirement level.
    pub level: Level,
    /// The condition of the level.
    pub when: Option<Fact>,
    /// Whether it must be set when the span starts, for samplers.
    #[serde(default)]
    pub sampling_relevant: bool,
    /// In the old conventions: the current attribute that has the same value.
    #[serde(default)]
    pub from: Option<String>,
}

/// A span's rules.
#[derive(Debug, Clone, Deserialize)]
pub struct SpanModel {
    /// `client` or `server`.
    pub kind: String,
    /// The allowed attributes.
    pub attributes: Vec<Row>,
}

/// A metric's rules.
#[derive(Debug, Clone, Deserialize)]
pub struct MetricModel {
    /// `histogram` or `updowncounter`.
    pub instrument: String,
    /// In UCUM notation.
    pub unit: String,
    /// The allowed attributes of a series.
    pub attributes: Vec<Row>,
}

/// The allowed values of an attribute.
#[derive(Debug, Clone, Deserialize)]
pub struct AttributeModel {
    /// `string`, `int`, `string[]`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the key is a prefix, as of headers.
    #[serde(default)]
    pub template: bool,
    /// The values that the conventions list.
    #[serde(default)]
    pub values: Vec<serde_json::Value>,
}

/// The statuses that are errors.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Errors {
    pub(crate) from_status: Option<u16>,
    #[serde(default)]
    pub(crate) not: Vec<String>,
    #[serde(default)]
    pub(crate) codes: Vec<String>,
}

#[derive(Deserialize)]
struct Table {
    version: String,
    spans: BTreeMap<String, SpanModel>,
    metrics: BTreeMap<String, MetricModel>,
    attributes: BTreeMap<String, AttributeModel>,
}

#[derive(Deserialize)]
struct Overlay {
    closed: Vec<String>,
    only_if: Vec<String>,
    values: BTreeMap<String, Vec<String>>,
    renamed: BTreeMap<String, String>,
    errors: BTreeMap<String, Errors>,
    buckets: BTreeMap<String, String>,
    seconds: Vec<f64>,
}

/// The conventions to check against.
#[derive(Debug, Clone)]
pub struct Model {
    version: String,
    spans: BTreeMap<String, SpanModel>,
    metrics: BTreeMap<String, MetricModel>,
    attributes: BTreeMap<String, AttributeModel>,
    values: BTreeMap<String, Vec<String>>,
    only_if: Vec<String>,
    errors: BTreeMap<String, Errors>,
    buckets: BTreeMap<String, Vec<f64>>,
    status_key: String,
    generation: Generation,
    /// The old conventions' rows of spans.
    old: BTreeMap<String, Vec<Row>>,
}

impl Model {
    /// The bundled tables, with the released key of a gRPC status.
    ///
    /// # Errors
    ///
    /// If the table or its overlay is malformed.
    pub fn bundled() -> Result<Self, ModelError> {
        Self::with_status_key(StatusKey::Released)
    }

    /// The bundled tables, with this key of a gRPC status.
    ///
    /// # Errors
    ///
    /// As [`bundled`](Self::bundled).
    pub fn with_status_key(key: StatusKey) -> Result<Self, ModelError> {
        let mut table = TABLE.to_owned();
        let mut overlay: Overlay = serde_json::from_str(OVERLAY)?;
        if key == StatusKey::Released {
            for (new, old) in &overlay.renamed {
                table = table.replace(&format!("\"{new}\""), &format!("\"{old}\""));
                if let Some(values) = overlay.values.remove(new) {
                    overlay.values.insert(old.clone(), values);
                }
            }
        }
        let table: Table = serde_json::from_str(&table)?;
        let mut values = overlay.values;
        for key in overlay.closed {
            let known = table.attributes.get(&key);
            let known = known.into_iter().flat_map(|model| &model.values);
            let known = known.filter_map(|value| Some(value.as_str()?.to_owned()));
            values.insert(key, known.collect());
        }
        Ok(Self {
            version: table.version,
            spans: table.spans,
            metrics: table.metrics,
            attributes: table.attributes,
            values,
            only_if: overlay.only_if,
            errors: overlay.errors,
            buckets: overlay
                .buckets
                .into_keys()
                .map(|name| (name, overlay.seconds.clone()))
                .collect(),
            generation: Generation::Current,
            old: BTreeMap::new(),
            status_key: match key {
                StatusKey::Released => "rpc.response.status_code".to_owned(),
                StatusKey::Main => LATER_STATUS_KEY.to_owned(),
            },
        })
    }

    /// The bundled tables of `generation`.
    ///
    /// # Errors
    ///
    /// As [`bundled`](Self::bundled).
    pub fn of(generation: Generation) -> Result<Self, ModelError> {
        let mut model = Self::bundled()?;
        let old = Old::bundled()?;
        for (group, rules) in &mut model.spans {
            let rows = old.spans.get(group).map_or(&[][..], Vec::as_slice);
            generation::apply(generation, rules, rows);
        }
        if !generation.has_current() {
            model.metrics.clear();
        }
        if generation.has_old() {
            for name in old.metrics.keys() {
                let bounds = old.milliseconds.clone();
                model.buckets.insert(name.clone(), bounds);
            }
            model.metrics.extend(old.metrics);
            model.only_if.extend(old.only_if);
            model.values.extend(old.values);
            for (key, attribute) in old.attributes {
                model.attributes.entry(key).or_insert(attribute);
            }
            model.old = old.spans;
        }
        model.generation = generation;
        if generation == Generation::Both {
            model.add_later_status_key();
        }
        Ok(model)
    }

    /// In a migration the status is under the key of the next conventions too.
    fn add_later_status_key(&mut self) {
        let own = self.status_key.clone();
        let spans = self.spans.values_mut().map(|rules| &mut rules.attributes);
        let metrics = self.metrics.values_mut().map(|rules| &mut rules.attributes);
        for rows in spans.chain(metrics) {
            if let Some(mut row) = rows.iter().find(|row| row.key == own).cloned() {
                LATER_STATUS_KEY.clone_into(&mut row.key);
                rows.push(row);
            }
        }
        if let Some(attribute) = self.attributes.get(&own).cloned() {
            self.attributes
                .insert(LATER_STATUS_KEY.to_owned(), attribute);
        }
        if let Some(values) = self.values.get(&own).cloned() {
            self.values.insert(LATER_STATUS_KEY.to_owned(), values);
        }
    }

    /// The generation of the conventions.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The expectations of `call` on its span.
    pub(crate) fn of_span(&self, call: &Expected) -> Expected {
        let rows = self
            .old
            .get(call.group.name())
            .map_or(&[][..], Vec::as_slice);
        generation::translate(call, self.generation, rows, Signal::Span)
    }

    /// The expectations of `call` on its series in the metric `name`.
    pub(crate) fn of_metric(&self, call: &Expected, name: &str) -> Expected {
        let generation = match name == call.group.old_duration() {
            true => Generation::Old,
            false => Generation::Current,
        };
        let rules = self.metrics.get(name);
        let rows = rules.map_or(&[][..], |rules| rules.attributes.as_slice());
        generation::translate(call, generation, rows, Signal::Metric)
    }

    /// The metrics that are always recorded for a call of `group`.
    pub(crate) fn durations(&self, group: Group) -> Vec<&'static str> {
        let current = self.generation.has_current().then(|| group.duration());
        let old = self.generation.has_old().then(|| group.old_duration());
        current.into_iter().chain(old).collect()
    }

    /// Pairs of a current key and an old one with the same value.
    pub(crate) fn pairs(&self, group: Group) -> impl Iterator<Item = (&str, &str)> {
        let rows = self.old.get(group.name()).map_or(&[][..], Vec::as_slice);
        let rows = rows.iter().filter(|_| self.generation == Generation::Both);
        let pairs = rows.filter_map(|row| Some((row.from.as_deref()?, row.key.as_str())));
        let has_both = self.generation == Generation::Both;
        pairs.chain(has_both.then_some((self.status_key(), LATER_STATUS_KEY)))
    }

    /// The version of the conventions.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The key of a gRPC status.
    pub fn status_key(&self) -> &str {
        &self.status_key
    }

    /// A span's rules.
    pub fn span(&self, group: Group) -> Option<&SpanModel> {
        self.spans.get(group.name())
    }

    /// A metric's rules.
    pub fn metric(&self, name: &str) -> Option<&MetricModel> {
        self.metrics.get(name)
    }

    /// The allowed values of a key, also of a key with a template's prefix.
    pub fn attribute(&self, key: &str) -> Option<&AttributeModel> {
        self.attributes.get(key).or_else(|| {
            let mut models = self.attributes.iter();
            let found = models.find(|(name, model)| model.template && is_below(key, name))?;
            Some(found.1)
        })
    }

    /// The row of `key` in the table of a span or a metric.
    pub(crate) fn row<'a>(&self, rows: &'a [Row], key: &str) -> Option<&'a Row> {
        rows.iter().find(|row| {
            let model = self.attributes.get(&row.key);
            row.key == key || model.is_some_and(|model| model.template && is_below(key, &row.key))
        })
    }

    /// All allowed values of `key`, if they are enumerated.
    pub(crate) fn values(&self, key: &str) -> Option<&[String]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// True if a recommended attribute must be absent unless its condition holds.
    pub(crate) fn is_only_if(&self, key: &str) -> bool {
        self.only_if.iter().any(|known| known == key)
    }

    /// True if an HTTP status or the name of a gRPC status is an error on this side.
    pub(crate) fn is_error(&self, group: Group, status: &str) -> bool {
        let Some(errors) = self.errors.get(group.name()) else {
            return false;
        };
        match (errors.from_status, status.parse::<u16>()) {
            (Some(from), Ok(status)) => status >= from,
            _ if !errors.not.is_empty() => !errors.not.iter().any(|known| known == status),
            _ => errors.codes.iter().any(|known| known == status),
        }
    }

    /// The required bucket boundaries of a metric.
    pub(crate) fn buckets(&self, metric: &str) -> Option<&[f64]> {
        self.buckets.get(metric).map(Vec::as_slice)
    }
}

fn is_below(key: &str, name: &str) -> bool {
    key.strip_prefix(name)
        .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_status_key_can_be_chosen() {
        for (key, present, absent) in [
            (
                StatusKey::Released,
                "rpc.response.status_code",
                "rpc.status_code",
            ),
            (
                StatusKey::Main,
                "rpc.status_code",
                "rpc.response.status_code",
            ),
        ] {
            let model = Model::with_status_key(key).unwrap();
            assert_eq!(model.status_key(), present);
            let rows = &model.span(Group::RpcServer).unwrap().attributes;
            assert_eq!(model.row(rows, present).unwrap().level, Level::Required);
            assert!(model.row(rows, absent).is_none());
            assert_eq!(model.values(present).unwrap().len(), 17);
            assert!(model.attribute(present).is_some() && model.attribute(absent).is_none());
        }
    }

    #[test]
    fn header_keys_match_their_template() {
        let model = Model::bundled().unwrap();
        assert_eq!(
            model.attribute("http.request.header.x-a").unwrap().kind,
            "string[]"
        );
        assert!(model.attribute("http.request.header.").is_none());
        assert!(model.attribute("http.request.headers").is_none());
    }

    #[test]
    fn statuses_are_errors_by_side() {
        let model = Model::bundled().unwrap();
        let errors = |group| {
            let codes = model.values(model.status_key()).unwrap().iter();
            codes.filter(|code| model.is_error(group, code)).count()
        };
        assert_eq!(errors(Group::RpcClient), 16);
        assert_eq!(errors(Group::RpcServer), 6);
        assert!(!model.is_error(Group::HttpClient, "399"));
        assert!(model.is_error(Group::HttpClient, "400"));
        assert!(!model.is_error(Group::HttpServer, "499"));
        assert!(model.is_error(Group::HttpServer, "500"));
    }
}
