//! `OTEL_SDK_DISABLED` makes no spans and no warnings, and passes callers' contexts on. Warnings
//! can be taken by the program.

use axum::Router;
use axum::http::{HeaderMap, Version};
use axum::routing::get;
use opentelemetry::trace::{Span, Tracer};

use crate::common::{TRACEPARENT, http as net};
use crate::from_env::{Collector, child as is_child, run};
use crate::own_process::{self, child, role};

#[test]
fn a_disabled_pipeline_exports_nothing_and_does_not_warn() {
    if is_child() {
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
    if is_child() {
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

/// How a pipeline comes not to record spans, and whether it is the global one.
const SILENT: [(&str, bool, &str); 4] = [
    ("disabled", false, "true"),
    ("disabled", true, "true"),
    ("shut down", false, "false"),
    ("shut down", true, "false"),
];

#[tokio::test]
async fn a_disabled_or_stopped_pipeline_keeps_the_trace() {
    let Some(role) = role() else {
        for (state, is_global, disabled) in SILENT {
            let test = this_test!();
            let mut child = child(&test, &format!("{state} {is_global}"));
            child.env("OTEL_SDK_DISABLED", disabled);
            child.env("OTEL_TRACES_EXPORTER", "none");
            let printed = own_process::run(&mut child);
            let headers = printed.marked("outcome: ");
            assert_eq!(headers, [TRACEPARENT, "none"], "{state} {is_global}");
            assert_eq!(printed.warnings(), [""; 0], "{state} {is_global}");
        }
        return;
    };
    let pipeline = lianlu::pipeline_from_env();
    let (server, client) = (lianlu::server(), lianlu::client());
    let (server, client) = if role.ends_with("true") {
        drop(pipeline.install().unwrap());
        (server, client)
    } else {
        let guard = pipeline.build().unwrap();
        let provider = guard.tracer_provider().clone();
        drop(guard);
        (
            server.with_tracer_provider(provider.clone()),
            client.with_tracer_provider(provider),
        )
    };
    let last = async |headers: HeaderMap| match headers.get("traceparent") {
        Some(value) => value.to_str().unwrap().to_owned(),
        None => "none".to_owned(),
    };
    let last = net::serve(Router::new().route("/", get(last))).await;
    let client = net::connect(client, Version::HTTP_11);
    let first = async move || {
        let answer = net::get(&client, last, "/").await.unwrap();
        net::read(answer).await.unwrap()
    };
    let first = net::serve_root(server, first).await;
    for headers in [&[("traceparent", TRACEPARENT)][..], &[]] {
        let request = net::request_with(first, "/", headers);
        let answer = net::send(Version::HTTP_11, request).await;
        println!("outcome: {}", net::read(answer).await.unwrap());
    }
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
