//! What the standard variables say where the code says nothing.
//!
//! A process can't change its environment safely, so a test starts itself again.
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
use common::decoded::Kept;
use lianlu_sdk::TracerProvider;
use opentelemetry::trace::{
    Event, Link, Span as _, SpanContext, SpanId, TraceFlags, TraceId, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SpanLimits};

/// Set in the started process: whether the code says something too.
const CHILD: &str = "LIANLU_TEST_CHILD";

/// How a started process went.
#[derive(Debug)]
struct Outcome {
    /// `sampled=2 attributes=128 …`.
    line: String,
    /// What was said on standard error.
    said: Vec<String>,
    /// What a listener has heard.
    heard: Vec<String>,
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
    fn says(&self, lines: &[&str]) -> &Self {
        let lines: Vec<_> = lines.iter().map(|it| format!("lianlu: {it}")).collect();
        assert_eq!(self.said, lines, "{self:#?}");
        self
    }
}

/// Records with these variables and no others.
fn run(code: &str, variables: &[(&str, &str)]) -> Outcome {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env_clear()
        .envs(variables.iter().copied())
        .env(CHILD, code)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{said}");
    let (_, line) = out.split_once("outcome: ").unwrap();
    let said = said.lines().filter(|line| line.starts_with("lianlu: "));
    let heard = out.lines().filter_map(|line| line.strip_prefix("heard: "));
    Outcome {
        line: line.lines().next().unwrap().to_owned(),
        said: said.map(str::to_owned).collect(),
        heard: heard.map(str::to_owned).collect(),
    }
}

fn many() -> Vec<KeyValue> {
    let key = |at| KeyValue::new(format!("key {at}"), "链路追踪系统");
    (0..200).map(key).collect()
}

/// Many, the first with many attributes.
fn links() -> Vec<Link> {
    let ids = (TraceId::from(1), SpanId::from(1));
    let context = SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED, true, TraceState::NONE);
    let mut links = vec![Link::with_context(context); 200];
    links[0].attributes = many();
    links
}

/// The started process.
#[test]
fn child() {
    let Ok(code) = std::env::var(CHILD) else {
        return;
    };
    let kept = Kept::default();
    let mut builder = TracerProvider::builder().with_exporter(kept.clone());
    if code == "says it all" {
        builder = builder
            .with_sampler(Sampler::AlwaysOn)
            .with_span_limits(SpanLimits::default())
            .with_attribute_value_length_limit(6);
    }
    if code == "listens" {
        builder = builder.with_loss_listener(|notice| println!("\nheard: {notice}"));
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
    let all = kept.all();
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
fn nothing_is_said() {
    run("", &[]).has(&DEFAULT).says(&[]);
    let empty = [
        ("OTEL_TRACES_SAMPLER", " "),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", ""),
    ];
    run("", &empty).has(&DEFAULT).says(&[]);
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
        run(sampler, argument).has(&[sampled]).says(&[]);
    }
    for argument in ["-1", "1.5", "NaN", "inf", "half"] {
        let said =
            format!("OTEL_TRACES_SAMPLER_ARG={argument:?}: a ratio is between 0 and 1; 1 is used");
        for sampler in ["traceidratio", "parentbased_traceidratio"] {
            run(sampler, argument).has(&["sampled=2"]).says(&[&said]);
        }
    }
    for sampler in ["nonsense", "parentbased_", "parentbased_jaeger_remote"] {
        let said = format!(
            "OTEL_TRACES_SAMPLER={sampler:?}: not a sampler (always_on, always_off, traceidratio, each also with \
             parentbased_ before it); parentbased_always_on is used"
        );
        run(sampler, "").has(&["sampled=2"]).says(&[&said]);
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
            run("", &[(variable, most)]).has(&[&expected]).says(&[]);
        }
        for (bad, problem) in [
            ("-3", "needs a whole number"),
            ("many", "needs a whole number"),
            ("99999999999", "needs a whole number, 4294967295 at most"),
        ] {
            let said = format!("{variable}={bad:?}: {problem}; 128 is used");
            run("", &[(variable, bad)]).has(&DEFAULT).says(&[&said]);
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
        run("", &[(variable, "4")]).has(&["length=4"]).says(&[]);
        let said = format!("{variable}=\"long\": needs a whole number; no limit is used");
        run("", &[(variable, "long")]).has(&DEFAULT).says(&[&said]);
    }
    run("", &[(OWN, "5"), (GENERAL, "2")]).has(&["length=5"]);
}

#[test]
fn the_code_goes_before_it() {
    let all = [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "nonsense"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "5"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2"),
    ];
    run("says it all", &all).has(&DEFAULT).says(&[]);
}

/// As of losses: nothing is on standard error then.
#[test]
fn who_listens_hears_it() {
    let nonsense = run("listens", &[("OTEL_TRACES_SAMPLER", "nonsense")]);
    nonsense.has(&DEFAULT).says(&[]);
    assert_eq!(nonsense.heard.len(), 1, "{nonsense:?}");
    let said = "OTEL_TRACES_SAMPLER=\"nonsense\": not a sampler";
    assert!(nonsense.heard[0].starts_with(said), "{nonsense:?}");
}
