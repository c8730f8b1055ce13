//! Standard environment variables apply to settings that the code does not make.
//!
//! A process cannot change its environment safely, so each test starts its own executable again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::process::Command;

use common::PATIENCE;
use common::decoded::Collected;
use lianlu_sdk::TracerProvider;
use opentelemetry::trace::{
    Event, Link, Span as _, SpanContext, SpanId, TraceFlags, TraceId, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SpanLimits};

/// Set in the child process: whether the code makes settings too.
const CHILD: &str = "LIANLU_TEST_CHILD";

/// The result of a child process.
#[derive(Debug)]
struct Outcome {
    /// `sampled=2 attributes=128 …`.
    line: String,
    /// Lines on standard error.
    stderr: Vec<String>,
    /// Events received by a listener.
    events: Vec<String>,
}

impl Outcome {
    #[track_caller]
    fn has(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.line.split(' ').any(|it| it == *part), "{self:#?}");
        }
        self
    }

    #[track_caller]
    fn reports(&self, lines: &[&str]) -> &Self {
        let lines: Vec<_> = lines.iter().map(|it| format!("lianlu: {it}")).collect();
        assert_eq!(self.stderr, lines, "{self:#?}");
        self
    }
}

/// Runs a child process with only these variables.
fn run(code: &str, variables: &[(&str, &str)]) -> Outcome {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env_clear()
        .envs(variables.iter().copied())
        .env(CHILD, code)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{stderr}");
    let (_, line) = out.split_once("outcome: ").unwrap();
    let stderr = stderr.lines().filter(|line| line.starts_with("lianlu: "));
    let events = out.lines().filter_map(|line| line.strip_prefix("event: "));
    Outcome {
        line: line.lines().next().unwrap().to_owned(),
        stderr: stderr.map(str::to_owned).collect(),
        events: events.map(str::to_owned).collect(),
    }
}

fn many() -> Vec<KeyValue> {
    let key = |at| KeyValue::new(format!("key {at}"), "链路追踪系统");
    (0..200).map(key).collect()
}

/// Many links, the first with many attributes.
fn links() -> Vec<Link> {
    let ids = (TraceId::from(1), SpanId::from(1));
    let context = SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED, true, TraceState::NONE);
    let mut links = vec![Link::with_context(context); 200];
    links[0].attributes = many();
    links
}

/// The child process.
#[test]
fn child() {
    let Ok(code) = std::env::var(CHILD) else {
        return;
    };
    let collected = Collected::default();
    let mut builder = TracerProvider::builder().with_exporter(collected.clone());
    if code == "reports it all" {
        builder = builder
            .with_sampler(Sampler::AlwaysOn)
            .with_span_limits(SpanLimits::default())
            .with_attribute_value_length_limit(6);
    }
    if code == "listens" {
        builder = builder.with_loss_listener(|event| println!("\nevent: {event}"));
    }
    let provider = builder.build().unwrap();
    let tracer = provider.tracer("test");
    let mut span = tracer
        .span_builder("span")
        .with_events(vec![Event::with_name("event"); 200])
        .with_links(links())
        .start_with_context(&tracer, &Context::new());
    span.set_attributes(many());
    span.end();
    let mut other = tracer.start_with_context("other", &Context::new());
    other.add_event("event", many());
    other.end();
    provider.flush(PATIENCE).unwrap();
    let all = collected.all();
    print!("\noutcome: sampled={}", all.len());
    if let [span, other] = all.as_slice() {
        let text = span.attributes.first().map(|it| it.value.to_string());
        print!(
            " attributes={} events={} links={} of-event={} of-link={} length={}",
            span.attributes.len(),
            span.events.len(),
            span.links.len(),
            other.events.first().map_or(0, |it| it.attributes.len()),
            span.links.first().map_or(0, |it| it.attributes.len()),
            text.map_or(0, |text| text.chars().count()),
        );
    }
    println!();
}

const DEFAULT: [&str; 7] = [
    "sampled=2",
    "attributes=128",
    "events=128",
    "links=128",
    "of-event=128",
    "of-link=128",
    "length=6",
];

#[test]
fn valid_values_cause_no_warnings() {
    run("", &[]).has(&DEFAULT).reports(&[]);
    let empty = [
        ("OTEL_TRACES_SAMPLER", " "),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", ""),
    ];
    run("", &empty).has(&DEFAULT).reports(&[]);
}

/// With a configuration file, which a pipeline reads, all other variables are ignored.
#[test]
fn a_configuration_file_replaces_all_variables() {
    let variables = [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "seven"),
        ("OTEL_RESOURCE_ATTRIBUTES", "malformed"),
        ("OTEL_CONFIG_FILE", "otel.yaml"),
    ];
    // Only where it can be read; else it is one warning more.
    let is_read = cfg!(feature = "config-file");
    let with = run("", &variables);
    assert_eq!(with.stderr.len(), if is_read { 0 } else { 3 }, "{with:?}");
    with.has(if is_read { &DEFAULT } else { &["sampled=0"] });
    for path in ["", " "] {
        let none = [&variables[..3], &[("OTEL_CONFIG_FILE", path)]].concat();
        let without = run("", &none);
        assert_eq!(without.stderr.len(), 2, "{without:?}");
        without.has(&["sampled=0"]);
    }
}

#[test]
fn samplers() {
    let run = |sampler, argument| {
        let variables = [
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", argument),
        ];
        run("", &variables)
    };
    for (sampler, argument, sampled) in [
        ("always_on", "no ratio", "sampled=2"),
        ("always_off", "", "sampled=0"),
        ("ALWAYS_OFF", "", "sampled=0"),
        ("Parentbased_Always_Off", "", "sampled=0"),
        ("traceidratio", "", "sampled=2"),
        ("traceidratio", "0", "sampled=0"),
        (" parentbased_traceidratio ", " 0.0 ", "sampled=0"),
    ] {
        run(sampler, argument).has(&[sampled]).reports(&[]);
    }
    for argument in ["-1", "1.5", "NaN", "inf", "half"] {
        let stderr =
            format!("OTEL_TRACES_SAMPLER_ARG={argument:?}: a ratio is between 0 and 1; 1 is used");
        for sampler in ["traceidratio", "parentbased_traceidratio"] {
            run(sampler, argument)
                .has(&["sampled=2"])
                .reports(&[&stderr]);
        }
    }
    for sampler in ["nonsense", "parentbased_", "parentbased_jaeger_remote"] {
        let stderr = format!(
            "OTEL_TRACES_SAMPLER={sampler:?}: not a sampler (always_on, always_off, traceidratio, each also with \
             parentbased_ before it); parentbased_always_on is used"
        );
        run(sampler, "").has(&["sampled=2"]).reports(&[&stderr]);
    }
}

#[test]
fn limits() {
    for (variable, what) in [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "attributes"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "attributes"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "events"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "links"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "of-event"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "of-link"),
    ] {
        for most in ["0", "5", " 150 "] {
            let expected = format!("{what}={}", most.trim());
            run("", &[(variable, most)]).has(&[&expected]).reports(&[]);
        }
        for (bad, problem) in [
            ("-3", "needs a whole number"),
            ("many", "needs a whole number"),
            ("99999999999", "needs a whole number, 4294967295 at most"),
        ] {
            let stderr = format!("{variable}={bad:?}: {problem}; 128 is used");
            run("", &[(variable, bad)])
                .has(&DEFAULT)
                .reports(&[&stderr]);
        }
    }
    let both = [
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3"),
    ];
    run("", &both).has(&["attributes=3"]);
}

#[test]
fn lengths() {
    const OWN: &str = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT";
    const GENERAL: &str = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT";
    for variable in [OWN, GENERAL] {
        run("", &[(variable, "4")]).has(&["length=4"]).reports(&[]);
        let stderr = format!("{variable}=\"long\": needs a whole number; no limit is used");
        run("", &[(variable, "long")])
            .has(&DEFAULT)
            .reports(&[&stderr]);
    }
    run("", &[(OWN, "5"), (GENERAL, "2")]).has(&["length=5"]);
}

#[test]
fn settings_in_code_override_the_environment() {
    let all = [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "nonsense"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "5"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2"),
    ];
    run("reports it all", &all).has(&DEFAULT).reports(&[]);
}

/// With a listener, nothing is written to standard error.
#[test]
fn a_listener_receives_the_warnings() {
    let nonsense = run("listens", &[("OTEL_TRACES_SAMPLER", "nonsense")]);
    nonsense.has(&DEFAULT).reports(&[]);
    assert_eq!(nonsense.events.len(), 1, "{nonsense:?}");
    let stderr = "OTEL_TRACES_SAMPLER=\"nonsense\": not a sampler";
    assert!(nonsense.events[0].starts_with(stderr), "{nonsense:?}");
}
