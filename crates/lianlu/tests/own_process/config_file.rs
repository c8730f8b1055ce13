//! `OTEL_CONFIG_FILE`: the pipeline and the layers do as the file says, and as it alone says.

use ::http::{Method, StatusCode, Version};
use lianlu::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::FutureExt;

use crate::common::http as net;
use crate::common::seen::Seen;
use crate::from_env::{Collector, child, run};
use crate::own_process::{self, role};

/// A file with this text.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otel.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Variables that the file replaces.
const IGNORED: [(&str, &str); 5] = [
    ("OTEL_SERVICE_NAME", "wrong"),
    ("OTEL_RESOURCE_ATTRIBUTES", "a%"),
    ("OTEL_TRACES_SAMPLER", "always_off"),
    ("OTEL_TRACES_EXPORTER", "foo"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "none"),
];

#[test]
fn the_pipeline_is_as_the_file_says() {
    if child() {
        return;
    }
    let collector = Collector::start();
    let (_folder, path) = file(&format!(
        "
file_format: '1.1'
resource:
  attributes: [ {{ name: service.name, value: '${{NAME:-shop}}' }} ]
propagator: {{ composite: [ {{ tracecontext: }} ] }}
tracer_provider:
  processors:
    - batch:
        max_queue_size: 99
        exporter:
          otlp_http:
            endpoint: {}/here
            headers_list: team=till
            headers: [ {{ name: api-key, value: s3cret }}, {{ name: team, value: }} ]
",
        collector.url
    ));
    let variables = [
        &[("OTEL_CONFIG_FILE", path.as_str()), ("NAME", "till")],
        &IGNORED[..],
    ];
    let outcome = run(&this_test!(), &variables.concat());
    let [warning] = &outcome.errors[..] else {
        panic!("{outcome:#?}")
    };
    assert!(warning.contains("otlp_http.headers[1].value"), "{warning}");
    outcome.has("exported=1").has("name=till").has("queue=99");
    let head = collector.request().head;
    assert!(head.starts_with("POST /here "), "{head}");
    for header in ["api-key: s3cret", "team: till"] {
        assert!(head.contains(header), "{head}");
    }
}

#[test]
fn a_refused_file_is_an_error_of_install() {
    if role().is_some() {
        let error = lianlu::pipeline_from_env().install().unwrap_err();
        println!("error: {error}");
        return;
    }
    for (text, expected) in [
        (
            Some("file_format: '1.1'\ntracer_provider: 7"),
            "tracer_provider: needs a mapping",
        ),
        (None, "No such file"),
    ] {
        let (folder, path) = file(text.unwrap_or_default());
        if text.is_none() {
            drop(folder);
        }
        let mut child = own_process::child(&this_test!(), "child");
        let printed = own_process::run(child.env("OTEL_CONFIG_FILE", &path));
        let [error] = printed.marked("error: ")[..] else {
            panic!("{printed:?}")
        };
        assert!(error.starts_with("OTEL_CONFIG_FILE: "), "{error}");
        assert!(error.contains(expected) && error.contains(&path), "{error}");
    }
}

#[test]
fn layers_do_as_the_file_says() {
    if role().is_none() {
        let (_folder, path) = file(
            "
file_format: '1.1'
propagator: { composite: [ { b3: }, { baggage: } ] }
tracer_provider: {}
instrumentation/development:
  general:
    http:
      client: { known_methods: [ GET ], request_captured_headers: [ x-shop ] }
    sanitization: { url: { sensitive_query_parameters: [ key ] } }
",
        );
        let mut child = own_process::child(&this_test!(), "child");
        let child = child.env("OTEL_CONFIG_FILE", path);
        let child = child.env("OTEL_PROPAGATORS", "jaeger");
        own_process::run(child.env("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PUT"));
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let traces = crate::common::traces::Traces::default();
        let seen = Seen::default();
        let address = seen.serve().await;
        let client = net::connect(traces.client(), Version::HTTP_11);
        for method in [Method::GET, Method::PUT] {
            let mut request = net::request(method, address, "/a?key=secret&sig=1");
            request.headers_mut().insert("x-shop", "7".parse().unwrap());
            let baggage = [lianlu::KeyValue::new("tenant", "acme")];
            let context = Context::new().with_baggage(baggage);
            let call = tower::ServiceExt::oneshot(client.clone(), request).with_context(context);
            assert_eq!(call.await.unwrap().status(), StatusCode::OK);
            let headers = seen.take();
            let names = ["b3", "baggage", "uber-trace-id", "traceparent"];
            let has = names.map(|name| headers.contains_key(name));
            assert_eq!(has, [true, true, false, false], "{headers:?}");
        }
        let spans = traces.all(2).await;
        let of = |at: usize, key: &str| {
            let value = crate::common::traces::attr(&spans[at], key);
            value.map(|it| it.to_string()).unwrap_or_default()
        };
        assert_eq!(of(0, "http.request.method"), "GET");
        assert_eq!(of(1, "http.request.method"), "_OTHER");
        assert_eq!(of(0, "http.request.header.x-shop"), "[\"7\"]");
        assert!(
            of(0, "url.full").ends_with("/a?key=REDACTED&sig=1"),
            "{}",
            of(0, "url.full")
        );
    });
}
