//! The table: what the conventions say of each span, metric and attribute.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::facts::{Expected, Fact, Group};
use crate::generation::{self, Generation, Old, Place};

const TABLE: &str = include_str!("../model/semconv-1.44.0.json");
const OVERLAY: &str = include_str!("../model/overlay.json");

/// Why a table can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the model can't be read: {0}")]
pub struct ModelError(#[from] serde_json::Error);

/// Which name a gRPC call's status goes by: renamed on the main branch after v1.44.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StatusKey {
    /// `rpc.response.status_code`, of v1.39 to v1.44.
    #[default]
    Released,
    /// `rpc.status_code`, of the main branch.
    Main,
}

/// How strongly an attribute is asked for, see
/// [requirement levels](https://opentelemetry.io/docs/specs/semconv/general/attribute-requirement-level/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Level {
    /// Always there.
    Required,
    /// There if and only if a condition holds.
    ConditionallyRequired,
    /// There where it can be known.
    Recommended,
    /// There only if the user said so.
    OptIn,
}

/// An attribute of a span or of a metric.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// The attribute's name, without the last part if it is a template's.
    pub key: String,
    /// How strongly it is asked for.
    pub level: Level,
    /// What a condition or a recommendation hangs on.
    pub when: Option<Fact>,
    /// Whether a sampler must see it: it has to be there when the span starts.
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
    /// What the span may have.
    pub attributes: Vec<Row>,
}

/// A metric's rules.
#[derive(Debug, Clone, Deserialize)]
pub struct MetricModel {
    /// `histogram` or `updowncounter`.
    pub instrument: String,
    /// As UCUM writes it.
    pub unit: String,
    /// What each of its series may have.
    pub attributes: Vec<Row>,
}

/// What an attribute's value may be.
#[derive(Debug, Clone, Deserialize)]
pub struct AttributeModel {
    /// `string`, `int`, `string[]`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the key is the beginning of many.
    #[serde(default)]
    pub template: bool,
    /// The values that the conventions know.
    #[serde(default)]
    pub values: Vec<serde_json::Value>,
}

/// Which statuses are errors.
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

/// The conventions, ready to check against.
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
    /// The table that is checked in, with the released name of a gRPC call's status.
    ///
    /// # Errors
    ///
    /// When the table or its overlay are not what they should be.
    pub fn bundled() -> Result<Self, ModelError> {
        Self::with_status_key(StatusKey::Released)
    }

    /// The same, with the name of a gRPC call's status that `key` says.
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
                StatusKey::Main => "rpc.status_code".to_owned(),
            },
        })
    }

    /// The checked-in table of `generation`.
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
        Ok(model)
    }

    /// Which conventions it is of.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// What a span of `call` must say.
    pub(crate) fn of_span(&self, call: &Expected) -> Expected {
        let rows = self
            .old
            .get(call.group.name())
            .map_or(&[][..], Vec::as_slice);
        generation::translate(call, self.generation, rows, Place::Span)
    }

    /// What the series of `call` in the metric `name` must say.
    pub(crate) fn of_metric(&self, call: &Expected, name: &str) -> Expected {
        let generation = match name == call.group.old_duration() {
            true => Generation::Old,
            false => Generation::Current,
        };
        let rules = self.metrics.get(name);
        let rows = rules.map_or(&[][..], |rules| rules.attributes.as_slice());
        generation::translate(call, generation, rows, Place::Metric)
    }

    /// The metrics that a call of `group` is measured by in any case.
    pub(crate) fn durations(&self, group: Group) -> Vec<&'static str> {
        let current = self.generation.has_current().then(|| group.duration());
        let old = self.generation.has_old().then(|| group.old_duration());
        current.into_iter().chain(old).collect()
    }

    /// The old attributes of a span that have the value of a current one, with its key.
    pub(crate) fn pairs(&self, group: Group) -> impl Iterator<Item = (&str, &str)> {
        let rows = self.old.get(group.name()).map_or(&[][..], Vec::as_slice);
        let rows = rows.iter().filter(|_| self.generation == Generation::Both);
        rows.filter_map(|row| Some((row.from.as_deref()?, row.key.as_str())))
    }

    /// The version of the conventions.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The key of a gRPC call's status.
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

    /// What a key's value may be, also of a template's key.
    pub fn attribute(&self, key: &str) -> Option<&AttributeModel> {
        self.attributes.get(key).or_else(|| {
            let mut models = self.attributes.iter();
            let found = models.find(|(name, model)| model.template && begins(key, name))?;
            Some(found.1)
        })
    }

    /// The row of `key` in a span's or a metric's table.
    pub(crate) fn row<'a>(&self, rows: &'a [Row], key: &str) -> Option<&'a Row> {
        rows.iter().find(|row| {
            let model = self.attributes.get(&row.key);
            row.key == key || model.is_some_and(|model| model.template && begins(key, &row.key))
        })
    }

    /// The only values that `key` may have, if they are few.
    pub(crate) fn values(&self, key: &str) -> Option<&[String]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// Whether a recommended attribute is wrong where its condition does not hold.
    pub(crate) fn is_only_if(&self, key: &str) -> bool {
        self.only_if.iter().any(|known| known == key)
    }

    /// Whether an HTTP status or the name of a gRPC status is an error on this side.
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

    /// The bucket boundaries that a metric must have.
    pub(crate) fn buckets(&self, metric: &str) -> Option<&[f64]> {
        self.buckets.get(metric).map(Vec::as_slice)
    }
}

fn begins(key: &str, name: &str) -> bool {
    key.strip_prefix(name)
        .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_status_goes_by_either_name() {
        for (key, there, gone) in [
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
            assert_eq!(model.status_key(), there);
            let rows = &model.span(Group::RpcServer).unwrap().attributes;
            assert_eq!(model.row(rows, there).unwrap().level, Level::Required);
            assert!(model.row(rows, gone).is_none());
            assert_eq!(model.values(there).unwrap().len(), 17);
            assert!(model.attribute(there).is_some() && model.attribute(gone).is_none());
        }
    }

    #[test]
    fn headers_are_templates() {
        let model = Model::bundled().unwrap();
        assert_eq!(
            model.attribute("http.request.header.x-a").unwrap().kind,
            "string[]"
        );
        assert!(model.attribute("http.request.header.").is_none());
        assert!(model.attribute("http.request.headers").is_none());
    }

    #[test]
    fn statuses_that_are_errors() {
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
