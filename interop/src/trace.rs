//! Traces from Jaeger's query API.

use std::collections::BTreeMap;

use serde_json::Value;

/// The type, by Jaeger's name, and the value of each key.
pub type Tags = BTreeMap<String, (String, Value)>;

/// A trace.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The spans, by time of their start.
    pub spans: Vec<Span>,
}

/// A span.
#[derive(Debug, Clone)]
pub struct Span {
    /// 16 hex digits.
    pub id: String,
    /// The id in the `CHILD_OF` reference.
    pub parent: Option<String>,
    /// The span's name.
    pub name: String,
    /// The resource's `service.name`.
    pub service: String,
    /// Attributes, with Jaeger's tags for kind, status and scope.
    pub tags: Tags,
    /// Events, each with its fields.
    pub logs: Vec<Tags>,
    /// The resource's other attributes.
    pub process_tags: Tags,
    /// Microseconds.
    pub duration: u64,
}

impl Trace {
    pub(crate) fn read(trace: &Value) -> Self {
        let mut spans: Vec<_> = list(&trace["spans"]).collect();
        spans.sort_by_key(|span| span["startTime"].as_u64());
        let spans = spans
            .into_iter()
            .map(|span| {
                let process = &trace["processes"][text(&span["processID"])];
                Span {
                    id: text(&span["spanID"]).to_owned(),
                    parent: list(&span["references"])
                        .find(|reference| reference["refType"] == "CHILD_OF")
                        .map(|reference| text(&reference["spanID"]).to_owned()),
                    name: text(&span["operationName"]).to_owned(),
                    service: text(&process["serviceName"]).to_owned(),
                    tags: tags(&span["tags"]),
                    logs: list(&span["logs"])
                        .map(|log| tags(&log["fields"]))
                        .collect(),
                    process_tags: tags(&process["tags"]),
                    duration: span["duration"].as_u64().expect("a duration"),
                }
            })
            .collect();
        Self { spans }
    }

    /// The only span of this service and kind (`client`, `server`, `internal`).
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
    #[must_use]
    pub fn span(&self, service: &str, kind: &str) -> &Span {
        let found: Vec<_> = self
            .spans
            .iter()
            .filter(|span| span.service == service && span.text("span.kind") == kind)
            .collect();
        match found.as_slice() {
            [span] => span,
            found => panic!("{} {kind} spans of {service} in {self:#?}", found.len()),
        }
    }

    /// Asserts that the trace is a chain of these spans, given as service and kind.
    ///
    /// # Panics
    ///
    /// If it is not.
    pub fn assert_chain(&self, chain: &[(&str, &str)]) {
        assert_eq!(self.spans.len(), chain.len(), "{self:#?}");
        let mut parent = None;
        for (service, kind) in chain {
            let span = self.span(service, kind);
            assert_eq!(span.parent, parent, "the parent of {service} {kind}");
            parent = Some(span.id.clone());
        }
    }
}

impl Span {
    /// A tag's value as text, or empty.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.tags.get(key).map_or("", |(_, value)| text(value))
    }

    /// A tag's value.
    ///
    /// # Panics
    ///
    /// If it is missing.
    #[must_use]
    pub fn tag(&self, key: &str) -> &Value {
        match self.tags.get(key) {
            Some((_, value)) => value,
            None => panic!("no {key} in {self:#?}"),
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn tags(value: &Value) -> Tags {
    list(value)
        .map(|tag| {
            let typed = (text(&tag["type"]).to_owned(), tag["value"].clone());
            (text(&tag["key"]).to_owned(), typed)
        })
        .collect()
}
