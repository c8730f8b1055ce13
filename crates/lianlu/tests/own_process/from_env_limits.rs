//! Span limits, queue and resource of `pipeline_from_env`.

use crate::from_env::{Collector, Request, child, run};

/// Exports a span with these variables, and returns the collector's request.
fn sent(test: &str, collector: &Collector, variables: &[(&str, &str)]) -> Request {
    let to = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
    ];
    run(test, &[&to[..], variables].concat())
        .is_silent()
        .has("exported=1");
    collector.request()
}

#[test]
fn counts_are_limited() {
    if child() {
        return;
    }
    let collector = Collector::start();
    let all = sent(&this_test!(), &collector, &[]);
    for there in ["span-2", "event2", "event0-2", "link3-0", "link1-2"] {
        assert!(all.has(there), "{there}");
    }
    for (variable, kept, gone) in [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "span-1", "span-2"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "span-1", "span-2"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "event1", "event2"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "link2-0", "link3-0"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "event0-1", "event0-2"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "link1-1", "link1-2"),
    ] {
        let some = sent(&this_test!(), &collector, &[(variable, "2")]);
        assert!(some.has(kept) && !some.has(gone), "{variable}");
        let none = sent(&this_test!(), &collector, &[(variable, "0")]);
        assert!(!none.has(kept), "{variable}");
        let to = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ];
        run(&this_test!(), &[&to[..], &[(variable, "-1")]].concat()).warns(&format!(
            "{variable}=\"-1\": needs a whole number; 128 is used"
        ));
        assert!(collector.request().has(gone), "{variable}");
    }
    let both = [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "1"),
    ];
    assert!(sent(&this_test!(), &collector, &both).has("span-2"));
}

#[test]
fn lengths_are_limited() {
    if child() {
        return;
    }
    let collector = Collector::start();
    assert!(sent(&this_test!(), &collector, &[]).has("链路追踪系统"));
    for variable in [
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    ] {
        let cut = sent(&this_test!(), &collector, &[(variable, "2")]);
        assert!(cut.has("链路") && !cut.has("链路追"), "{variable}");
        assert!(cut.has("st") && !cut.has("stu"), "{variable}");
        assert!(cut.has("test-span"), "names are not cut");
        run(
            &this_test!(),
            &[("OTEL_TRACES_EXPORTER", "none"), (variable, "long")],
        )
        .warns(&format!(
            "{variable}=\"long\": needs a whole number; no limit is used"
        ));
    }
    let both = [
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1"),
    ];
    assert!(sent(&this_test!(), &collector, &both).has("链路追"));
}

#[test]
fn the_queue_is_configured() {
    if child() {
        return;
    }
    let run = |variables: &[(&str, &str)]| {
        let to = [("OTEL_TRACES_EXPORTER", "console")];
        run(&this_test!(), &[&to[..], variables].concat())
    };
    run(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "77"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "7"),
        ("OTEL_BSP_SCHEDULE_DELAY", "123"),
    ])
    .is_silent()
    .has("queue=77")
    .has("batch=7")
    .has("delay=123ms");
    for (variable, rule) in [
        ("OTEL_BSP_MAX_QUEUE_SIZE", ", 1 or more; 16384"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", ", 1 or more; 512"),
        ("OTEL_BSP_SCHEDULE_DELAY", "; 1000"),
    ] {
        let warning = format!("\"many\": needs a whole number{rule} is used");
        run(&[("OTEL_TRACES_EXPORTER", "otlp/stdout"), (variable, "many")])
            .warns(&format!("{variable}={warning}"))
            .has("queue=16384")
            .has("batch=512")
            .has("delay=1s");
    }
    run(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "5"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "6"),
    ])
    .warns("OTEL_BSP_MAX_EXPORT_BATCH_SIZE=\"6\": larger than the queue; 5 is used")
    .has("batch=5");
}

#[test]
fn the_resource_is_configured() {
    if child() {
        return;
    }
    let collector = Collector::start();
    let sent = |variables: &[(&str, &str)]| sent(&this_test!(), &collector, variables);
    let attributes = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "team=a%2Cb, service.name=%E9%93%BE,x=y=z",
    );
    let request = sent(&[attributes]);
    for there in [
        "team",
        "a,b",
        "service.name",
        "链",
        "y=z",
        "telemetry.sdk.language",
    ] {
        assert!(request.has(there), "{there}");
    }
    let request = sent(&[attributes, ("OTEL_SERVICE_NAME", "shop")]);
    assert!(request.has("shop") && !request.has("链\u{12}"));

    let run = |variables: &[(&str, &str)]| {
        let to = [("OTEL_TRACES_EXPORTER", "none")];
        run(&this_test!(), &[&to[..], variables].concat())
    };
    run(&[attributes]).is_silent().has("name=链");
    run(&[attributes, ("OTEL_SERVICE_NAME", "shop")])
        .is_silent()
        .has("name=shop");
    let nameless = run(&[]);
    assert!(
        nameless.line.contains("name=unknown_service:"),
        "{nameless:?}"
    );
}
