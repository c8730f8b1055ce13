//! `resource`.

use lianlu_sdk::env::decode;
use lianlu_sdk::resource::Detector;
use lianlu_sdk::sampling::Glob;
use opentelemetry::{Array, KeyValue, StringValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::ResourceDetector;
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

use super::section::{Result, Value};
use super::yaml::Node;

/// The resource: attributes of the file before those of its list, and these before detected ones.
pub(super) fn read(value: Option<Value<'_>>) -> Result<Resource> {
    let mut attributes = Vec::new();
    let mut url = String::new();
    if let Some(value) = value {
        let mut section = value.section()?;
        if let Some(detection) = section.take("detection/development") {
            attributes.extend(detect(detection)?);
        }
        attributes.extend(section.read("attributes_list", list)?.unwrap_or_default());
        for value in section.read("attributes", Value::list)?.unwrap_or_default() {
            attributes.extend(attribute(value)?);
        }
        url = section.read("schema_url", Value::text)?.unwrap_or_default();
        section.finish();
    }
    let is_named = |it: &KeyValue| it.key.as_str() == SERVICE_NAME;
    if !attributes.iter().any(is_named) {
        let name = lianlu_sdk::env::unknown_service();
        attributes.push(KeyValue::new(SERVICE_NAME, name));
    }
    let resource = Resource::builder_empty().with_schema_url(attributes, url);
    Ok(resource.build())
}

fn list(value: Value<'_>) -> Result<Vec<KeyValue>> {
    let path = value.path.clone();
    let text = value.text()?;
    let entries = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    let parse = |entry: &str| {
        let (key, value) = entry.split_once('=')?;
        let key = decode(key.trim()).filter(|key| !key.is_empty())?;
        Some(KeyValue::new(key, decode(value.trim())?))
    };
    let parsed: Option<Vec<_>> = entries.map(parse).collect();
    parsed.ok_or_else(|| super::Problem {
        path,
        problem: "needs key=value,… with other characters percent-encoded".to_owned(),
    })
}

/// `None` without a value: a variable that is not set.
fn attribute(value: Value<'_>) -> Result<Option<KeyValue>> {
    let mut section = value.section()?;
    let name = section.needs("name", Value::text)?;
    let kind = section.read("type", Value::text)?;
    let kind = kind.unwrap_or_default();
    if let Some(value) = section.take_null("value") {
        value.unsupported("has no value");
        return Ok(None);
    }
    let value = section.needs("value", |value| typed(value, &kind))?;
    section.finish();
    Ok(Some(KeyValue::new(name, value)))
}

fn typed(value: Value<'_>, kind: &str) -> Result<opentelemetry::Value> {
    let each = |node: &Node| match node {
        Node::Int(number) => Some(*number as f64),
        Node::Float(number) => Some(*number),
        _ => None,
    };
    let typed = match (kind, &value.node) {
        ("" | "string", Node::Text(text)) => text.clone().into(),
        ("" | "bool", Node::Bool(value)) => (*value).into(),
        ("" | "int", Node::Int(number)) => (*number).into(),
        ("" | "double", Node::Float(number)) => (*number).into(),
        ("double", Node::Int(number)) => (*number as f64).into(),
        (kind, Node::List(list)) => {
            let first = list.first();
            let array = match (kind, first) {
                ("string_array", _) | ("", Some(Node::Text(_)) | None) => {
                    let all: Option<Vec<StringValue>> = list.iter().map(text).collect();
                    all.map(Array::String)
                }
                ("bool_array", _) | ("", Some(Node::Bool(_))) => {
                    let all: Option<Vec<bool>> = list.iter().map(boolean).collect();
                    all.map(Array::Bool)
                }
                ("int_array", _) | ("", Some(Node::Int(_))) => {
                    let all: Option<Vec<i64>> = list.iter().map(integer).collect();
                    all.map(Array::I64)
                }
                ("double_array", _) | ("", Some(Node::Float(_))) => {
                    let all: Option<Vec<f64>> = list.iter().map(each).collect();
                    all.map(Array::F64)
                }
                _ => None,
            };
            match array {
                Some(array) => opentelemetry::Value::Array(array),
                None => return value.problem(format!("is not of type {kind}")),
            }
        }
        _ => return value.problem(format!("is not of type {kind}")),
    };
    Ok(typed)
}

fn text(node: &Node) -> Option<StringValue> {
    match node {
        Node::Text(text) => Some(text.clone().into()),
        _ => None,
    }
}

fn boolean(node: &Node) -> Option<bool> {
    match node {
        Node::Bool(value) => Some(*value),
        _ => None,
    }
}

fn integer(node: &Node) -> Option<i64> {
    match node {
        Node::Int(number) => Some(*number),
        _ => None,
    }
}

fn detect(value: Value<'_>) -> Result<Vec<KeyValue>> {
    let mut section = value.section()?;
    let mut found = Vec::new();
    for value in section.read("detectors", Value::list)?.unwrap_or_default() {
        let (kind, value) = value.choice()?;
        let detector = match kind.as_str() {
            "host" => Detector::Host,
            "process" => Detector::Process,
            "container" => Detector::Container,
            "service" => {
                // Every resource has an instance id.
                let name = std::env::var("OTEL_SERVICE_NAME").unwrap_or_default();
                if !name.is_empty() {
                    found.push(KeyValue::new(SERVICE_NAME, name));
                }
                continue;
            }
            _ => {
                value.unsupported("is not a known detector");
                continue;
            }
        };
        let detected = detector.detect();
        let pairs = detected.iter();
        found.extend(pairs.map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
    }
    if let Some(attributes) = section.take("attributes") {
        let mut attributes = attributes.section()?;
        let mut patterns = |key| {
            let texts = attributes.read(key, Value::texts)?;
            let globs = |texts: Vec<String>| texts.into_iter().map(Glob::with_question_marks);
            Ok(texts.map(|texts| globs(texts).collect::<Vec<_>>()))
        };
        let (included, excluded) = (patterns("included")?, patterns("excluded")?);
        let matches = |globs: &Vec<Glob>, it: &KeyValue| {
            globs.iter().any(|glob| glob.matches(it.key.as_str()))
        };
        found.retain(|it| {
            included.as_ref().is_none_or(|globs| matches(globs, it))
                && !excluded.as_ref().is_some_and(|globs| matches(globs, it))
        });
        attributes.finish();
    }
    section.finish();
    Ok(found)
}
