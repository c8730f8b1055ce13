//! lianlu follows the sampling strategies of the real Jaeger.
//!
//! With lianlu's provider only: the sampler is an option of its pipelines.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lianlu::sampling::JaegerRemote;
use lianlu::{Guard, Resource, Sampler};
use lianlu_interop::jaeger::Jaeger;
use lianlu_interop::peers::peers;
use lianlu_interop::process::PATIENCE;
use opentelemetry::trace::{Span as _, Tracer, TracerProvider};

/// A strategies file, removed at the end.
struct Strategies(PathBuf);

impl Strategies {
    fn new(text: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("lianlu-sampling-{}.json", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    /// Replaces the file at once.
    fn set(&self, text: &str) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &self.0).unwrap();
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Strategies {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn pipeline(jaeger: &Jaeger, service: &'static str, initial: Sampler) -> Guard {
    lianlu::otlp::pipeline()
        .with_protocol(lianlu::otlp::Protocol::Grpc)
        .with_endpoint(jaeger.otlp_grpc())
        .with_resource(Resource::builder_empty().with_service_name(service).build())
        .with_remote_sampler(
            JaegerRemote::new(jaeger.sampling())
                .with_poll_interval(Duration::from_millis(50))
                .with_initial_sampler(initial),
        )
        .build()
        .unwrap()
}

/// The number of sampled spans, of a hundred with this name.
fn sampled(guard: &Guard, name: &'static str) -> usize {
    let tracer = guard.tracer_provider().tracer("interop");
    (0..100)
        .filter(|_| {
            let mut span = tracer.start(name);
            span.end();
            span.span_context().is_sampled()
        })
        .count()
}

fn wait(what: &str, guard: &Guard, name: &'static str, wanted: impl Fn(usize) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = sampled(guard, name);
        if wanted(found) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {found} of 100");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn services_follow_each_kind_of_strategy_and_its_changes() {
    let Some(peers) = peers() else {
        return;
    };
    let strategies = Strategies::new(
        r#"{
            "service_strategies": [
                {"service": "never", "type": "probabilistic", "param": 0},
                {"service": "always", "type": "probabilistic", "param": 1},
                {"service": "limited", "type": "ratelimiting", "param": 3},
                {"service": "by operation", "type": "probabilistic", "param": 0,
                 "operation_strategies": [
                    {"operation": "wanted", "type": "probabilistic", "param": 1}]}
            ],
            "default_strategy": {"type": "probabilistic", "param": 0.5}
        }"#,
    );
    let jaeger = Jaeger::start_with_strategies(&peers, Some(strategies.path()));

    let never = pipeline(&jaeger, "never", Sampler::AlwaysOn);
    wait("never", &never, "x", |found| found == 0);
    let always = pipeline(&jaeger, "always", Sampler::AlwaysOff);
    wait("always", &always, "x", |found| found == 100);
    let limited = pipeline(&jaeger, "limited", Sampler::AlwaysOff);
    wait("limited", &limited, "x", |found| (1..=4).contains(&found));
    let by_operation = pipeline(&jaeger, "by operation", Sampler::AlwaysOff);
    wait("wanted", &by_operation, "wanted", |found| found == 100);
    assert_eq!(sampled(&by_operation, "unwanted"), 0);
    let other = pipeline(&jaeger, "some other", Sampler::AlwaysOff);
    wait("the default", &other, "x", |found| {
        (20..=80).contains(&found)
    });

    // A span that was sampled by the strategy arrives.
    always.flush().unwrap();
    let trace = jaeger.trace_of("always", 1);
    assert_eq!(trace.spans[0].name, "x");

    // Running services follow a change.
    strategies.set(
        r#"{"service_strategies": [
            {"service": "never", "type": "probabilistic", "param": 1},
            {"service": "always", "type": "probabilistic", "param": 0}]}"#,
    );
    wait("never, now always", &never, "x", |found| found == 100);
    wait("always, now never", &always, "x", |found| found == 0);

    // Without Jaeger the last strategy is kept.
    drop(jaeger);
    assert_eq!(sampled(&never, "x"), 100);
    assert_eq!(sampled(&always, "x"), 0);
    // There is no collector for their last spans.
    for guard in [never, always, limited, by_operation, other] {
        let _ = guard.shutdown_timeout(Duration::ZERO);
    }
}
