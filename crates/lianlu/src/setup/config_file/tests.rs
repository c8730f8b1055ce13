use opentelemetry::trace::SpanKind;
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};

use super::*;
use crate::setup::sampler::SamplerOption;

fn parsed(text: &str) -> (Config, Vec<String>) {
    let variable = |name: &str| (name == "NUMBER").then(|| "7".to_owned());
    let (config, notes) = parse(text, &variable).unwrap();
    let notes = notes
        .into_iter()
        .map(|it| format!("{}: {}", it.path, it.problem));
    (config, notes.collect())
}

fn problem(text: &str) -> String {
    let Err(Problem { path, problem }) = parse(text, &|_| None) else {
        panic!("accepted: {text}")
    };
    format!("{path}: {problem}")
}

#[test]
fn the_published_example_is_read() {
    let (config, notes) = parsed(include_str!("example.yaml"));
    assert_eq!(
        format!("{:?}", config.targets),
        "[otlp, otlp, otlp/stdout, console]"
    );
    let Environment {
        sampler,
        resource,
        limits,
        span_limits,
        value_length,
        output,
    } = config.environment;
    let Some(SamplerOption::Fixed(sampler)) = sampler else {
        panic!("{sampler:?}")
    };
    assert_eq!(
        format!("{sampler:?}"),
        "ParentBased(TraceIdRatioBased(0.0001))"
    );
    assert_eq!((limits.queue_size, limits.batch_size), (2048, 512));
    assert_eq!(
        (limits.schedule_delay.as_secs(), value_length),
        (5, Some(4096))
    );
    let span_limits = span_limits.unwrap();
    assert_eq!(span_limits.max_events_per_span, 127);
    assert_eq!(span_limits.max_attributes_per_link, 124);
    assert_eq!(output, Output::Export);
    let resource = resource.unwrap();
    for (key, value) in [
        ("service.name", "unknown_service"),
        ("bool_key", "true"),
        ("int_key", "1"),
        ("double_key", "1.1"),
        ("string_array_key", "[\"value1\",\"value2\"]"),
        ("double_array_key", "[1.1,2.2]"),
        ("service.namespace", "my-namespace"),
        ("process.pid", &std::process::id().to_string()),
    ] {
        let found = resource.get(&Key::from(key.to_owned()));
        assert_eq!(
            found.map(|it| it.to_string()).as_deref(),
            Some(value),
            "{key}"
        );
    }
    for excluded in ["process.runtime.name", "host.name"] {
        assert_eq!(resource.get(&Key::from(excluded)), None);
    }
    let general = &config.general;
    let propagators = general.variable("OTEL_PROPAGATORS");
    assert_eq!(
        propagators.unwrap(),
        "tracecontext,baggage,b3,b3multi,jaeger,xray"
    );
    assert_eq!(general.client.request, ["Content-Type", "Accept"]);
    assert_eq!(general.server.response, ["Content-Encoding"]);
    assert_eq!(
        notes,
        [
            "propagator.composite[3]: is not a known propagator",
            "propagator.composite_list: is not a known propagator",
            "tracer_provider.processors[1].batch: has other limits than the first processor, whose limits are used",
            "tracer_provider.processors[2].batch.exporter.otlp_file/development: is supported for stdout only",
            "tracer_provider.processors[3].batch: has other limits than the first processor, whose limits are used",
            "tracer_provider.tracer_configurator/development: is not supported",
            "instrumentation/development.general.peer: is not supported",
            "meter_provider: is not supported, set it up with opentelemetry_sdk",
            "log_level: is not supported",
        ]
    );
}

#[test]
fn settings_of_layers() {
    let (config, notes) = parsed(
        r#"
file_format: "1.1"
propagator: { composite: [ { tracecontext: } ] }
instrumentation/development:
  general:
    http:
      semconv: { version: 1, experimental: true, dual_emit: true }
      client: { known_methods: [ GET, PUT ] }
      server: { known_methods: [ GET ] }
    rpc: { semconv: { version: 0 } }
    sanitization: { url: { sensitive_query_parameters: [ key ] } }
"#,
    );
    let general = &config.general;
    let of = |name| general.variable(name).unwrap_or_default();
    assert_eq!(of("OTEL_PROPAGATORS"), "tracecontext");
    assert_eq!(of("OTEL_SEMCONV_STABILITY_OPT_IN"), "http/dup,rpc/old");
    assert_eq!(of("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"), "GET,PUT");
    assert_eq!(of("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"), "");
    assert_eq!(general.sensitive_query_keys.as_deref().unwrap(), ["key"]);
    assert_eq!(
        config.environment.output,
        Output::Disabled,
        "no provider is asked for"
    );
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn samplers() {
    for (sampler, expected) in [
        ("always_on:", "AlwaysOn"),
        ("always_off: {}", "AlwaysOff"),
        (
            "trace_id_ratio_based: { ratio: 0.5 }",
            "TraceIdRatioBased(0.5)",
        ),
        ("probability/development: { ratio: 1 }", "Probability(1.0)"),
        ("parent_based:", "ParentBased(AlwaysOn)"),
        (
            "always_record: { sampler: { always_off: } }",
            "AlwaysRecord(AlwaysOff)",
        ),
        (
            "composite/development: { parent_threshold: { root: { probability: { ratio: 0.25 } } } }",
            "Composite(ParentBased(Probability(0.25)))",
        ),
    ] {
        let text = format!("file_format: '1.1'\ntracer_provider:\n  sampler: {{ {sampler} }}\n");
        let (config, _) = parsed(&text);
        let sampler = config.environment.sampler;
        assert_eq!(format!("{sampler:?}"), format!("Some(Fixed({expected}))"));
    }
    let (config, _) = parsed(
        r#"
file_format: "1.1"
tracer_provider:
  sampler:
    composite/development:
      rule_based:
        rules:
          - attribute_values: { key: http.route, values: [ /healthz, /livez ] }
            sampler: { always_off: }
          - span_kinds: [ server, client ]
            attribute_patterns: { key: http.route, included: [ "/orders/*" ] }
            sampler: { probability: { ratio: 0.5 } }
"#,
    );
    let sampler = format!("{:?}", config.environment.sampler);
    assert_eq!(sampler.matches("http.route").count(), 4, "{sampler}");
    assert_eq!(sampler.matches("Probability(0.5)").count(), 2, "{sampler}");
    assert!(sampler.contains("otherwise: AlwaysOff"), "{sampler}");
}

/// `?` is any one character.
#[test]
fn patterns_of_samplers_have_question_marks() {
    let (config, _) = parsed(
        r#"
file_format: "1.1"
tracer_provider:
  sampler:
    composite/development:
      rule_based:
        rules:
          - attribute_patterns: { key: http.route, included: [ "/v?/*" ] }
            sampler: { always_on: }
"#,
    );
    let Some(SamplerOption::Fixed(sampler)) = config.environment.sampler else {
        panic!("no sampler")
    };
    for (route, decision) in [
        ("/v1/orders", SamplingDecision::RecordAndSample),
        ("/v?/orders", SamplingDecision::RecordAndSample),
        ("/v10/orders", SamplingDecision::Drop),
    ] {
        let attributes = [KeyValue::new("http.route", route)];
        let (id, kind) = (7.into(), SpanKind::Server);
        let result = sampler.should_sample(None, id, "", &kind, &attributes, &[]);
        assert_eq!(result.decision, decision, "{route}");
    }
}

#[test]
fn scalars_are_typed_after_the_substitution() {
    let limits = |value: &str| {
        let limits = format!("attribute_limits:\n  attribute_count_limit: {value}");
        format!("file_format: '1.1'\n{limits}\ntracer_provider:\n  processors: []\n")
    };
    for (value, count) in [
        ("${NUMBER}", 7),
        ("${UNSET:-9}", 9),
        ("0x10", 16),
        ("${UNSET}", 128),
    ] {
        let (config, _) = parsed(&limits(value));
        assert_eq!(
            config
                .environment
                .span_limits
                .unwrap()
                .max_attributes_per_span,
            count
        );
    }
    let quoted = problem(&limits("'${UNSET:-9}'"));
    assert_eq!(
        quoted,
        "attribute_limits.attribute_count_limit: needs a whole number, 0 or more"
    );
}

/// A reference to a variable that is not set is a value of its own: none.
#[test]
fn an_attribute_without_a_value_is_left_out() {
    let (config, notes) = parsed(
        "
file_format: '1.1'
propagator: {}
resource:
  attributes:
    - name: a
      value: ${UNSET}
    - name: b
      value: ${NUMBER}
",
    );
    let resource = config.environment.resource.unwrap();
    assert_eq!(resource.get(&Key::from("a")), None);
    assert_eq!(resource.get(&Key::from("b")), Some(7.into()));
    assert_eq!(notes, ["resource.attributes[0].value: has no value"]);
}

#[test]
fn invalid_files_are_refused_by_the_path() {
    let provider = |text: &str| format!("file_format: '1.1'\ntracer_provider: {{ {text} }}");
    let deep = "[".repeat(100_000);
    let bomb = (1..40).fold(
        "file_format: '1.1'\na0: &a0 [x, x]\n".to_owned(),
        |text, at| format!("{text}a{at}: &a{at} [*a{0}, *a{0}]\n", at - 1),
    );
    for (text, expected) in [
        ("", "file_format: is missing"),
        (
            "file_format: '0.4'",
            "file_format: Text(\"0.4\") is not supported",
        ),
        ("file_format: 2", "file_format: needs a text"),
        ("[]", ": needs a mapping"),
        ("a: b: c", ": "),
        ("a: 1\na: 2", ": line 2: a key is there twice"),
        (&deep, ": "),
        (&bomb, ": more than"),
        (
            "a: 1\nb: pa${s3cret",
            ": line 2: a reference to a variable has no end: ",
        ),
        (
            "a:\n  - ${s3cret:?}",
            ": line 2: not a reference to a variable: ",
        ),
        (
            "file_format: '1.1'\ndisabled: 'true'",
            "disabled: needs true or false",
        ),
        (
            &provider("processors: [ { batch: {} } ]"),
            "tracer_provider.processors[0].batch.exporter: is missing",
        ),
        (
            &provider("processors: [ { batch: {}, simple: {} } ]"),
            "tracer_provider.processors[0]: needs one key, has 2",
        ),
        (
            &provider("processors: [ { batch: { max_queue_size: 0 } } ]"),
            "tracer_provider.processors[0].batch.max_queue_size: needs a whole number, 1",
        ),
        (
            &provider(
                "processors: [ { batch: { exporter: { otlp_http: { endpoint: 'ftp://h' } } } } ]",
            ),
            "tracer_provider.processors[0].batch.exporter.otlp_http: ",
        ),
        (
            &provider(
                "processors: [ { batch: { exporter: { otlp_grpc: { tls: { ca_file: /no } } } } } ]",
            ),
            "tracer_provider.processors[0].batch.exporter.otlp_grpc.tls.ca_file: /no: ",
        ),
        (
            &provider(
                "processors: [ { batch: { exporter: { otlp_http: { headers: [ { name: a } ] } } } } ]",
            ),
            "tracer_provider.processors[0].batch.exporter.otlp_http.headers[0].value: is missing",
        ),
        (
            &provider("sampler: { trace_id_ratio_based: { ratio: 7 } }"),
            "tracer_provider.sampler.trace_id_ratio_based.ratio: needs a number from 0 to 1",
        ),
        (
            &provider("sampler: { dice: }"),
            "tracer_provider.sampler.dice: is not a supported",
        ),
        (
            &provider("sampler: { parent_based: { remote_parent_sampled: { always_off: } } }"),
            "tracer_provider.sampler.parent_based.remote_parent_sampled: is not supported",
        ),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{expected}\n{problem}");
        assert!(!problem.contains("s3cret"), "{problem}");
    }
}
