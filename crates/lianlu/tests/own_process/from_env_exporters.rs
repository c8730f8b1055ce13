//! Exporters of `pipeline_from_env`: choice, endpoint, headers, compression, time-out.

use crate::from_env::{Collector, child, run};

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

    for quiet in ["console", "logging"] {
        let outcome = run(&[("OTEL_TRACES_EXPORTER", quiet)]);
        outcome.is_silent().has("exported=1");
    }
    run(&[("OTEL_TRACES_EXPORTER", "none")])
        .is_silent()
        .has("exported=0")
        .has("recording=true");
    assert!(collector.is_idle());
}

/// Variable, bad value, and the warning after `variable=`.
const BAD_OTLP_VALUES: &str = r#"
OTEL_TRACES_EXPORTER | foo | "foo": not an exporter (otlp, jaeger, zipkin, console, none); otlp is used
OTEL_TRACES_EXPORTER | otlp,zipkin | "otlp,zipkin": lianlu has one
OTEL_EXPORTER_OTLP_TRACES_PROTOCOL | foo | "foo": not a protocol
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT | ftp://ann:pw@h | "ftp://***@h": unknown scheme
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT | h:4317 | "h:4317": not a URL
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT | http://ann:p/w@h:4317 | "http://***@h:4317": not a URL, its port
OTEL_EXPORTER_OTLP_HEADERS | secret | "***": not name=value
OTEL_EXPORTER_OTLP_TRACES_HEADERS | a b=c | "***": not name=value
OTEL_EXPORTER_OTLP_TIMEOUT | soon | "soon": needs a whole number
OTEL_EXPORTER_OTLP_TRACES_TIMEOUT | 0 | "0": needs a whole number
OTEL_EXPORTER_OTLP_TRACES_COMPRESSION | foo | "foo": not a compression (none, gzip, zstd); none is used
OTEL_EXPORTER_OTLP_CERTIFICATE | /no/such/ca.pem | "/no/such/ca.pem": No such file or directory (os error 2); the system's are used
OTEL_EXPORTER_OTLP_CERTIFICATE | /dev/null | "/dev/null": certificates need this crate's feature `tls`
OTEL_EXPORTER_OTLP_CLIENT_KEY | /key | "/key": OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not set; no certificate is shown
OTEL_BSP_EXPORT_TIMEOUT | -1 | "-1": needs a whole number, 1 or more; 30000 is used
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

    run(&[
        http,
        all,
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%2Cb,x-two=2"),
    ])
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
