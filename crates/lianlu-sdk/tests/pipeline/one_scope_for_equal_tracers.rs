//! Spans of equal tracers (name, version, schema URL and attributes) are exported under one scope,
//! even if the tracers were created separately.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, Limits, TracerProvider};
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry::{InstrumentationScope, KeyValue};

use crate::common::PATIENCE;

/// The scopes of each batch, with the names of their spans.
#[derive(Clone, Default)]
struct Scopes(Arc<Mutex<Vec<Vec<Scope>>>>);

#[derive(Debug, Clone, PartialEq)]
struct Scope {
    name: String,
    version: String,
    schema_url: String,
    attributes: usize,
    spans: Vec<String>,
}

impl Export for Scopes {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let scopes = batch.scopes().map(|spans| {
            let scope = spans.parse_scope().unwrap();
            let names = spans.spans().map(|span| span.unwrap().name.to_owned());
            let names: Vec<_> = names.collect();
            assert_eq!(names.len(), spans.len());
            Scope {
                name: scope.name.to_owned(),
                version: scope.version.to_owned(),
                schema_url: spans.schema_url().to_owned(),
                attributes: scope.attributes().count(),
                spans: names,
            }
        });
        self.0.lock().unwrap().push(scopes.collect());
        Ok(())
    }
}

fn provider() -> (TracerProvider, Scopes) {
    let scopes = Scopes::default();
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(3600);
    let provider = TracerProvider::builder()
        .with_exporter(scopes.clone())
        .with_limits(limits)
        .build()
        .unwrap();
    (provider, scopes)
}

fn full(size: i64) -> InstrumentationScope {
    InstrumentationScope::builder("shop")
        .with_version("1.2")
        .with_schema_url("https://example.com/1")
        .with_attributes([KeyValue::new("size", size)])
        .build()
}

#[test]
fn of_one_thread() {
    let (provider, scopes) = provider();
    provider.tracer("shop").start("a").end();
    provider.tracer("shop").start("b").end();
    for (size, name) in [(1, "c"), (1, "d"), (2, "e")] {
        let tracer = provider.tracer_with_scope(full(size));
        tracer.start(name).end();
    }
    provider.clone().tracer("shop").start("f").end();
    provider.flush(PATIENCE).unwrap();
    let exported = scopes.0.lock().unwrap().concat();
    let scope = |version: &str, url: &str, attributes, spans: &[&str]| Scope {
        name: "shop".to_owned(),
        version: version.to_owned(),
        schema_url: url.to_owned(),
        attributes,
        spans: spans.iter().map(ToString::to_string).collect(),
    };
    let url = "https://example.com/1";
    assert_eq!(
        exported,
        [
            scope("", "", 0, &["a", "b", "f"]),
            scope("1.2", url, 1, &["c", "d"]),
            scope("1.2", url, 1, &["e"]),
        ]
    );
}

#[test]
fn of_several_threads() {
    let (provider, scopes) = provider();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let provider = provider.clone();
            std::thread::spawn(move || {
                for size in [1, 2] {
                    let tracer = provider.tracer_with_scope(full(size));
                    tracer.start("span").end();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    provider.flush(PATIENCE).unwrap();
    let batches = scopes.0.lock().unwrap();
    // A flush of few spans is one batch.
    assert_eq!(batches.len(), 1, "{batches:#?}");
    let spans: Vec<_> = batches[0].iter().map(|scope| scope.spans.len()).collect();
    assert_eq!(spans, [4, 4]);
}

/// More scopes than the cache holds: they are not cached, but still correct.
#[test]
fn of_very_many_scopes() {
    let (provider, scopes) = provider();
    for round in 0..2 {
        for scope in 0..300 {
            let tracer = provider.tracer(format!("scope {scope}"));
            tracer.start(format!("span {scope} {round}")).end();
        }
    }
    provider.flush(PATIENCE).unwrap();
    let exported = scopes.0.lock().unwrap().concat();
    let mut seen = 0;
    for scope in &exported {
        let number = scope.name.strip_prefix("scope ").unwrap();
        for span in &scope.spans {
            assert!(span.starts_with(&format!("span {number} ")), "{scope:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 600);
}
