//! Samplers of `pipeline_from_env`.

use crate::from_env::{Collector, child, run, run_until};

/// Sampler, its argument, and the warning.
const BAD_SAMPLERS: &str = r#"
foo |  | OTEL_TRACES_SAMPLER="foo": not a sampler (always_on, always_off, traceidratio, jaeger_remote, each also with parentbased_ before it); parentbased_always_on is used
parentbased_xray |  | OTEL_TRACES_SAMPLER="parentbased_xray": not a sampler
xray |  | OTEL_TRACES_SAMPLER="xray": AWS X-Ray's sampler is not in lianlu
traceidratio | 7 | OTEL_TRACES_SAMPLER_ARG="7": a ratio is between 0 and 1; 1 is used
parentbased_traceidratio | NaN | OTEL_TRACES_SAMPLER_ARG="NaN": a ratio
traceidratio | half | OTEL_TRACES_SAMPLER_ARG="half": a ratio
"#;

#[test]
fn the_variables_choose_the_sampler() {
    if child() {
        return;
    }
    let run = |sampler: &str, argument: &str| {
        run(
            &this_test!(),
            &[
                ("OTEL_TRACES_EXPORTER", "console"),
                ("OTEL_TRACES_SAMPLER", sampler),
                ("OTEL_TRACES_SAMPLER_ARG", argument),
            ],
        )
    };
    for (sampler, argument, started) in [
        ("", "", "started=1"),
        ("always_on", "", "started=1"),
        ("ALWAYS_OFF", "", "started=0"),
        ("parentbased_always_on", "", "started=1"),
        ("parentbased_always_off", "", "started=0"),
        ("traceidratio", "", "started=1"),
        ("traceidratio", "0", "started=0"),
        ("parentbased_traceidratio", " 1.0 ", "started=1"),
        ("parentbased_traceidratio", "0.0", "started=0"),
        ("always_on", "ignored", "started=1"),
    ] {
        run(sampler, argument).is_silent().has(started);
    }
    for line in BAD_SAMPLERS.trim().lines() {
        let [sampler, argument, warning] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        run(sampler, argument).warns(warning).has("started=1");
    }
}

#[test]
fn a_remote_sampler_asks_its_endpoint() {
    if child() {
        return;
    }
    let jaeger = Collector::answering(r#"{"probabilisticSampling":{"samplingRate":1}}"#);
    let run = |argument: &str| {
        run_until(
            &this_test!(),
            &[
                ("OTEL_TRACES_EXPORTER", "console"),
                ("OTEL_SERVICE_NAME", "my shop"),
                ("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote"),
                ("OTEL_TRACES_SAMPLER_ARG", argument),
            ],
            || jaeger.request().head,
        )
    };
    let endpoint = format!("endpoint={}", jaeger.url);
    let (outcome, head) = run(&format!(
        "{endpoint},pollingIntervalMs=5000,initialSamplingRate=1"
    ));
    outcome.is_silent().has("started=1");
    assert!(
        head.starts_with("GET /sampling?service=my%20shop "),
        "{head}"
    );
    for (argument, warning) in [
        (
            "pollingIntervalMs=-1",
            "\"pollingIntervalMs=-1\": needs a whole number of milliseconds; 60000 is used",
        ),
        (
            "initialSamplingRate=2",
            "\"initialSamplingRate=2\": a ratio is between 0 and 1; 0.001 is used",
        ),
        ("foo=1", "\"foo=1\": not one of"),
        ("foo", "\"foo\": not one of"),
    ] {
        let (outcome, head) = run(&format!("{endpoint},{argument}"));
        outcome.warns(&format!("OTEL_TRACES_SAMPLER_ARG={warning}"));
        assert!(head.starts_with("GET /sampling?"));
    }
}

#[test]
fn a_bad_endpoint_of_a_remote_sampler_is_warned_of() {
    if child() {
        return;
    }
    let outcome = run(
        &this_test!(),
        &[
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_TRACES_SAMPLER_ARG", "endpoint=nonsense"),
        ],
    );
    // The default endpoint is used, and may be warned of as well.
    let warning = "lianlu: OTEL_TRACES_SAMPLER_ARG=\"nonsense\": not a URL";
    assert!(outcome.errors[0].starts_with(warning), "{outcome:#?}");
}
