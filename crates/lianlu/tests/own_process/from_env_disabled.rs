//! `OTEL_SDK_DISABLED` makes no spans and no warnings, and passes callers' contexts on. Warnings
//! can be taken by the program.

use opentelemetry::Context;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};

use crate::from_env::{Collector, child, run};

#[test]
fn a_disabled_pipeline_exports_nothing_and_does_not_warn() {
    if child() {
        return;
    }
    let collector = Collector::start();
    let run = |disabled: &str| {
        run(
            &this_test!(),
            &[
                ("OTEL_SDK_DISABLED", disabled),
                ("OTEL_TRACES_EXPORTER", "zipkin"),
                ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", collector.url.as_str()),
                ("OTEL_SERVICE_NAME", "shop"),
            ],
        )
    };
    for disabled in ["true", "TRUE"] {
        run(disabled)
            .is_silent()
            .has("started=0")
            .has("exported=0")
            .has("recording=false")
            .has("flushed=true")
            .has("name=shop");
    }
    assert!(collector.is_idle());
    for enabled in ["false", ""] {
        run(enabled).is_silent().has("exported=1");
    }
    run("yes")
        .warns("OTEL_SDK_DISABLED=\"yes\": neither true nor false; false is used")
        .has("exported=1");
}

#[test]
fn a_disabled_pipeline_does_not_warn_of_other_variables() {
    if child() {
        return;
    }
    run(
        &this_test!(),
        &[
            ("OTEL_SDK_DISABLED", "true"),
            ("OTEL_TRACES_SAMPLER", "foo"),
            ("OTEL_TRACES_EXPORTER", "foo"),
            ("OTEL_RESOURCE_ATTRIBUTES", "foo"),
        ],
    )
    .is_silent()
    .has("recording=false");
}

#[test]
fn a_disabled_pipeline_passes_the_context_on() {
    if std::env::var_os("OTEL_SDK_DISABLED").is_none() {
        run(&this_test!(), &[("OTEL_SDK_DISABLED", "true")]).has("same=true");
        return;
    }
    let guard = lianlu::pipeline_from_env().install().unwrap();
    let id = (TraceId::from(7), SpanId::from(9));
    let parent = SpanContext::new(id.0, id.1, TraceFlags::SAMPLED, true, TraceState::NONE);
    let cx = Context::new().with_remote_span_context(parent.clone());
    let span = opentelemetry::global::tracer("test").start_with_context("x", &cx);
    println!("outcome: same={}", *span.span_context() == parent);
    drop(guard);
}

#[test]
fn taken_warnings_are_not_printed() {
    if std::env::var_os("OTEL_TRACES_SAMPLER").is_none() {
        run(
            &this_test!(),
            &[
                ("OTEL_TRACES_SAMPLER", "foo"),
                ("OTEL_TRACES_EXPORTER", "none"),
            ],
        )
        .is_silent()
        .has("variable=OTEL_TRACES_SAMPLER");
        return;
    }
    let mut pipeline = lianlu::pipeline_from_env();
    assert_eq!(pipeline.warnings().len(), 1);
    let warnings = pipeline.take_warnings();
    println!("outcome: variable={}", warnings[0].variable);
    drop(pipeline.build().unwrap());
}

#[test]
fn code_takes_precedence_over_the_environment() {
    if std::env::var_os("OTEL_TRACES_SAMPLER").is_none() {
        run(
            &this_test!(),
            &[
                ("OTEL_TRACES_SAMPLER", "always_off"),
                ("OTEL_SERVICE_NAME", "env"),
            ],
        )
        .has("name=code")
        .has("recording=true");
        return;
    }
    let guard = lianlu::pipeline_from_env()
        .with_sampler(lianlu::Sampler::AlwaysOn)
        .with_resource(
            lianlu::Resource::builder()
                .with_service_name("code")
                .build(),
        )
        .build()
        .unwrap();
    use opentelemetry::trace::TracerProvider;
    let span = guard.tracer_provider().tracer("test").start("x");
    println!(
        "outcome: recording={} name={}",
        span.is_recording(),
        guard.service_name().unwrap()
    );
    // Skips the guard's drop: there is no collector for the span.
    std::process::exit(0);
}
