//! Exporters of `pipeline_from_env`: choice, endpoint, headers, compression, time-out.

use opentelemetry::trace::{Tracer, TracerProvider};

use crate::from_env::{Collector, child, run};
use crate::own_process::{self, role};

#[test]
fn the_variable_chooses_the_exporter() {
    if child() {
        return;
    }
    let run = |variables: &[(&str, &str)]| run(&this_test!(), variables);
    let collector = Collector::start();
    let url = format!("{}/here", collector.url);
    let variables = [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", url.as_str()),
    ];
    run(&variables).is_silent().has("exported=1");
    assert!(collector.request().head.starts_with("POST /here "));

    let variables = [
        ("OTEL_TRACES_EXPORTER", "Jaeger"),
        ("OTEL_EXPORTER_JAEGER_ENDPOINT", url.as_str()),
        ("OTEL_EXPORTER_JAEGER_USER", "ann"),
        ("OTEL_EXPORTER_JAEGER_PASSWORD", "secret"),
        ("OTEL_EXPORTER_JAEGER_TIMEOUT", "20000"),
    ];
    run(&variables).is_silent().has("exported=1");
    let head = collector.request().head.to_ascii_lowercase();
    assert!(head.contains("application/x-thrift"), "{head}");
    assert!(
        head.contains("authorization: basic yw5uonnly3jlda=="),
        "{head}"
    );

    let outcome = run(&[("OTEL_TRACES_EXPORTER", "console")]);
    outcome.is_silent().has("exported=1");
    run(&[("OTEL_TRACES_EXPORTER", "none")])
        .is_silent()
        .has("exported=0")
        .has("recording=true");
    assert!(collector.is_idle());
}

/// Variable, bad value, and the warning after `variable=`.
const BAD_OTLP_VALUES: &str = r#"
OTEL_TRACES_EXPORTER | foo | "foo": not an exporter (otlp, otlp/stdout, jaeger, zipkin, console, none); otlp is used
OTEL_TRACES_EXPORTER | logging | "logging": not an exporter
OTEL_TRACES_EXPORTER | otlp,foo | "foo": not an exporter (otlp, otlp/stdout, jaeger, zipkin, console, none); it is left out
OTEL_TRACES_EXPORTER | none,otlp | "none": none stands alone; it is left out
OTEL_TRACES_EXPORTER | OTLP, otlp | "otlp": it is there twice; it is left out
OTEL_EXPORTER_OTLP_INSECURE | yes | "yes": neither true nor false
OTEL_EXPORTER_OTLP_TRACES_PROTOCOL | foo | "foo": not a protocol
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT | ftp://ann:pw@h | "ftp://***@h": unknown scheme
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT | h:4317 | "h:4317": not a URL
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT | http://ann:p/w@h:4317 | "http://***@h:4317": not a URL, its port
OTEL_EXPORTER_OTLP_HEADERS | secret | "***": not name=value
OTEL_EXPORTER_OTLP_TRACES_HEADERS | a b=c | "***": not name=value
OTEL_EXPORTER_OTLP_TIMEOUT | soon | "soon": needs a whole number
OTEL_EXPORTER_OTLP_TRACES_TIMEOUT | -1 | "-1": needs a whole number
OTEL_EXPORTER_OTLP_TRACES_COMPRESSION | foo | "foo": not a compression (none, gzip, zstd); none is used
OTEL_EXPORTER_OTLP_CERTIFICATE | /no/such/ca.pem | "/no/such/ca.pem": No such file or directory (os error 2); the system's are used
OTEL_EXPORTER_OTLP_CERTIFICATE | /dev/null | "/dev/null": certificates need this crate's feature `tls`
OTEL_EXPORTER_OTLP_CLIENT_KEY | /key | "/key": OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not set; no certificate is shown
OTEL_BSP_EXPORT_TIMEOUT | -1 | "-1": needs a whole number; 30000 is used
"#;

#[test]
fn otlp_is_the_default_and_takes_its_variables() {
    if child() {
        return;
    }
    let run = |variables: &[(&str, &str)]| run(&this_test!(), variables);
    let collector = Collector::start();
    let url = collector.url.as_str();
    let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", url);

    // http/protobuf is the default.
    run(&[all, ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%2Cb,x-two=2")])
        .is_silent()
        .has("exported=1");
    let request = collector.request();
    assert!(request.head.starts_with("POST /v1/traces "), "{request:?}");
    let head = request.head.to_ascii_lowercase();
    assert!(
        head.contains("x-key: a,b\r\n") && head.contains("x-two: 2\r\n"),
        "{head}"
    );
    assert!(request.has("test-span"));

    let traces = format!("{url}/mine");
    run(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=all"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-key=traces"),
    ])
    .is_silent()
    .has("exported=1");
    let head = collector.request().head.to_ascii_lowercase();
    assert!(head.starts_with("post /mine "), "{head}");
    assert!(head.contains("x-key: traces\r\n"), "{head}");

    for (suffix, target) in [
        ("/base?key=v", "/base/v1/traces?key=v"),
        ("/base/?key=v#part", "/base/v1/traces?key=v"),
        ("?key=v", "/v1/traces?key=v"),
        ("/base/", "/base/v1/traces"),
    ] {
        let url = format!("{url}{suffix}");
        run(&[http, ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str())])
            .is_silent()
            .has("exported=1");
        let head = collector.request().head;
        assert!(head.starts_with(&format!("POST {target} ")), "{head}");
    }

    // A bad value is warned of, and the span still arrives.
    for line in BAD_OTLP_VALUES.trim().lines() {
        let [variable, value, warning] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        // With the feature `tls` a file without certificates has another problem, which is warned of too.
        let warning = match cfg!(feature = "tls") && warning.ends_with("feature `tls`") {
            true => "\"/dev/null\": ",
            false => warning,
        };
        run(&[http, all, (variable, value)])
            .warns(&format!("{variable}={warning}"))
            .has("exported=1");
        assert!(collector.request().has("test-span"), "{variable}");
    }
    let certificate = ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/dev/null");
    run(&[http, all, certificate])
        .warns("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=\"/dev/null\": OTEL_EXPORTER_OTLP_CLIENT_KEY is not set")
        .has("exported=1");
    for (key, warning) in [
        (
            "/no/such.key",
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=\"/no/such.key\": No such file",
        ),
        (
            "/dev/null",
            match cfg!(feature = "tls") {
                true => "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=\"/dev/null\": ",
                false => {
                    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=\"/dev/null\": certificates need this crate's feature"
                }
            },
        ),
    ] {
        let key = ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", key);
        run(&[http, all, certificate, key])
            .warns(warning)
            .has("exported=1");
    }
    run(&[http, all, ("OTEL_EXPORTER_OTLP_COMPRESSION", "none")]).is_silent();
}

#[test]
fn otlp_can_be_json_and_compressed() {
    if child() {
        return;
    }
    let run = |variables: &[(&str, &str)]| run(&this_test!(), variables);
    let collector = Collector::start();
    let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    let json = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");

    run(&[json, all]).is_silent().has("exported=1");
    let request = collector.request();
    let head = request.head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/traces "), "{head}");
    assert!(
        head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    assert!(request.has("\"name\":\"test-span\""));

    for (variable, value, sent) in [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "gzip"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "ZSTD", "zstd"),
    ] {
        run(&[json, all, (variable, value)])
            .is_silent()
            .has("exported=1");
        let request = collector.request();
        let wanted = format!("content-encoding: {sent}\r\n");
        let head = request.head.to_ascii_lowercase();
        assert!(head.contains(&wanted), "{head}");
        assert!(!request.has("test-span"));
    }
}

#[test]
fn each_exporter_obeys_its_timeout() {
    if child() {
        return;
    }
    // Accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    for variables in [
        [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
        ],
        [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_BSP_EXPORT_TIMEOUT", "50"),
        ],
        [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
        ],
        [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "50"),
        ],
        [
            ("OTEL_TRACES_EXPORTER", "jaeger"),
            ("OTEL_EXPORTER_JAEGER_TIMEOUT", "50"),
        ],
    ] {
        let endpoints = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
            ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", url.as_str()),
            ("OTEL_EXPORTER_JAEGER_ENDPOINT", url.as_str()),
        ];
        // The export fails long before the flush would time out.
        let outcome = run(&this_test!(), &[&variables[..], &endpoints[..]].concat());
        outcome
            .warns("spans wait, the collector does not take them")
            .has("exported=0")
            .has("flushed=retrying");
    }
}

#[test]
fn zipkin_and_jaeger_fall_back_to_their_defaults() {
    if child() {
        return;
    }
    let run = |variables: &[(&str, &str)]| run(&this_test!(), variables);
    let zipkin = ("OTEL_TRACES_EXPORTER", "zipkin");
    let jaeger = ("OTEL_TRACES_EXPORTER", "jaeger");
    for (exporter, variable, value, warning) in [
        (
            zipkin,
            "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
            "nonsense",
            "not a URL, it needs a scheme such as http://host:port; http://localhost:9411/api/v2/spans is used",
        ),
        (
            jaeger,
            "OTEL_EXPORTER_JAEGER_ENDPOINT",
            "nonsense",
            "not a URL",
        ),
        (
            jaeger,
            "OTEL_EXPORTER_JAEGER_AGENT_PORT",
            "port",
            "not a port; http://localhost:14268/api/traces",
        ),
        (
            jaeger,
            "OTEL_EXPORTER_JAEGER_AGENT_PORT",
            "+6831",
            "not a port; http://localhost:14268/api/traces",
        ),
        (
            jaeger,
            "OTEL_EXPORTER_JAEGER_TIMEOUT",
            "x",
            "needs a whole number",
        ),
    ] {
        let outcome = run(&[exporter, (variable, value)]);
        let expected = format!("lianlu: {variable}=\"{value}\": {warning}");
        assert!(outcome.errors[0].starts_with(&expected), "{outcome:#?}");
        outcome.has("started=1");
    }
    let agent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    agent
        .set_read_timeout(Some(std::time::Duration::from_secs(30)))
        .unwrap();
    let port = agent.local_addr().unwrap().port().to_string();
    // Without its brackets; not refused.
    let outcome = run(&[jaeger, ("OTEL_EXPORTER_JAEGER_AGENT_HOST", "::1")]);
    assert!(
        !format!("{outcome:?}").contains("host:port"),
        "{outcome:#?}"
    );
    run(&[
        jaeger,
        ("OTEL_EXPORTER_JAEGER_AGENT_HOST", "127.0.0.1"),
        ("OTEL_EXPORTER_JAEGER_AGENT_PORT", port.as_str()),
    ])
    .is_silent()
    .has("exported=1");
    let mut packet = [0; 65_536];
    assert!(agent.recv(&mut packet).unwrap() > 100);
}

#[test]
fn one_exporter_or_several() {
    if child() {
        return;
    }
    let (one, other) = (Collector::start(), Collector::start());
    let endpoints = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", one.url.as_str()),
        ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", other.url.as_str()),
    ];
    let run = |list| {
        let list = ("OTEL_TRACES_EXPORTER", list);
        run(&this_test!(), &[&[list], &endpoints[..]].concat())
    };
    run(" otlp , Zipkin,").is_silent().has("exported=1");
    assert!(one.request().has("test-span") && other.request().has("test-span"));
    let outcome = run("otlp/stdout,zipkin");
    outcome.is_silent().has("exported=1");
    assert!(other.request().has("test-span"));
    let (_, json) = outcome.out.split_once("{\"resourceSpans\"").unwrap();
    let json = format!("{{\"resourceSpans\"{}", json.lines().next().unwrap());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["name"], "test-span");
    assert!(one.is_idle());
}

#[test]
fn a_pipeline_exports_to_several() {
    let (one, other) = (Collector::start(), Collector::start());
    let zipkin = lianlu::zipkin::pipeline().with_collector_endpoint(&other.url);
    let pipeline = lianlu::otlp::pipeline().with_endpoint(&one.url);
    let guard = pipeline.and(zipkin).build().unwrap();
    drop(guard.tracer_provider().tracer("test").start("test-span"));
    guard.flush().unwrap();
    assert!(one.request().has("test-span") && other.request().has("test-span"));
}

#[test]
fn a_second_destination_does_not_need_the_first() {
    if role().is_none() {
        let mut child = own_process::child(&this_test!(), "none");
        own_process::run(child.env("OTEL_TRACES_EXPORTER", "none"));
        return;
    }
    let collector = Collector::start();
    let zipkin = lianlu::zipkin::pipeline().with_collector_endpoint(&collector.url);
    let guard = lianlu::pipeline_from_env().and(zipkin).build().unwrap();
    drop(guard.tracer_provider().tracer("test").start("test-span"));
    guard.flush().unwrap();
    assert!(collector.request().has("test-span"));
}

#[test]
fn a_grpc_endpoint_needs_no_scheme() {
    if role().is_some() {
        let pipeline = lianlu::pipeline_from_env();
        let warning = pipeline.warnings().first().map(ToString::to_string);
        println!("outcome: {}", warning.unwrap_or_default());
        return;
    }
    let https = "\"h:4317\": without a scheme it is https";
    for (endpoint, insecure, warning) in [
        ("h:4317", "true", ""),
        ("h", "TRUE", ""),
        ("h:4317", "false", https),
        ("h:4317", "", https),
        ("h:x?key=secret", "true", "\"http://h:x?***\": not a URL"),
    ] {
        for traces in ["", "TRACES_"] {
            let variable = format!("OTEL_EXPORTER_OTLP_{traces}ENDPOINT");
            let mut child = own_process::child(&this_test!(), "pipeline");
            child.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
            child.env(format!("OTEL_EXPORTER_OTLP_{traces}INSECURE"), insecure);
            let printed = own_process::run(child.env(&variable, endpoint));
            let outcome = printed.marked("outcome: ")[0];
            if warning.is_empty() || (cfg!(feature = "tls") && warning == https) {
                assert_eq!(outcome, "", "{endpoint} {insecure}");
            } else {
                let warning = format!("{variable}={warning}");
                assert!(outcome.starts_with(&warning), "{outcome}");
            }
        }
    }
}

/// Variable, number, and the warning after `variable=` if it has no such number.
const NUMBERS: &str = r#"
OTEL_EXPORTER_OTLP_TIMEOUT | 0 |
OTEL_EXPORTER_OTLP_TRACES_TIMEOUT | 0 |
OTEL_EXPORTER_ZIPKIN_TIMEOUT | 0 |
OTEL_EXPORTER_JAEGER_TIMEOUT | 0 |
OTEL_BSP_EXPORT_TIMEOUT | 0 |
OTEL_BSP_SCHEDULE_DELAY | 0 |
OTEL_BSP_MAX_QUEUE_SIZE | 0 | "0": needs a whole number, 1 or more; 16384 is used
OTEL_BSP_MAX_EXPORT_BATCH_SIZE | 0 | "0": needs a whole number, 1 or more; 512 is used
OTEL_ATTRIBUTE_COUNT_LIMIT | 0 |
OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT | 0 |
OTEL_SPAN_EVENT_COUNT_LIMIT | 0 |
OTEL_SPAN_LINK_COUNT_LIMIT | 0 |
OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT | 0 |
OTEL_LINK_ATTRIBUTE_COUNT_LIMIT | 0 |
OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT | 0 |
OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT | 0 |
OTEL_TRACES_SAMPLER_ARG | 0 |
OTEL_TRACES_SAMPLER_ARG | pollingIntervalMs=0 |
OTEL_TRACES_SAMPLER_ARG | initialSamplingRate=0 |
"#;

#[test]
fn zero_follows_the_rule_of_each_number() {
    if child() {
        return;
    }
    let collector = Collector::start();
    for line in NUMBERS.trim().lines() {
        let [variable, value, warning] = line.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        let sampler = match (variable, value) {
            ("OTEL_TRACES_SAMPLER_ARG", "0") => "traceidratio",
            ("OTEL_TRACES_SAMPLER_ARG", _) => "jaeger_remote",
            _ => "always_on",
        };
        let variables = [
            (variable, value),
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_EXPORTER", "otlp,zipkin,jaeger"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
            ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", collector.url.as_str()),
            ("OTEL_EXPORTER_JAEGER_ENDPOINT", collector.url.as_str()),
        ];
        let outcome = run(&this_test!(), &variables);
        let errors = outcome.errors.iter();
        // The sampler's collector is not there.
        let mut warnings = errors.filter(|line| !line.contains("no sampling strategy"));
        let first = warnings.next().map(String::as_str).unwrap_or_default();
        match warning {
            "" => assert_eq!(first, "", "{outcome:#?}"),
            _ => assert_eq!(first, format!("lianlu: {variable}={warning}")),
        }
        if sampler == "always_on" {
            outcome.has("exported=1");
        }
    }
}

/// A program like that in the README, whose collector is away.
#[test]
fn a_collector_that_is_away_does_not_decide_the_exit_code() {
    let ends: [fn(lianlu::Guard); 2] = [drop, |guard| {
        let _ = guard.shutdown();
    }];
    if let Some(end) = role() {
        let guard = lianlu::otlp::pipeline().with_endpoint("http://127.0.0.1:1");
        let guard = guard.build().unwrap();
        drop(guard.tracer_provider().tracer("test").start("span"));
        return ends[end.parse::<usize>().unwrap()](guard);
    }
    for end in 0..ends.len() {
        let printed = own_process::run(&mut own_process::child(&this_test!(), &end.to_string()));
        let last = printed.warnings().pop().unwrap().to_owned();
        let reason = "at the shutdown: ";
        assert!(
            last.contains(reason) && last.contains("127.0.0.1:1"),
            "{last}"
        );
    }
}
