//! Each environment variable of a pipeline is read, and an error names the one with a bad value.

use std::net::TcpListener;
use std::time::Duration;

use lianlu::pipeline::PipelineError;
use opentelemetry::trace::{Tracer, TracerProvider};

use crate::own_process::{child, role, run};

/// In the child: makes the pipeline and sends a span. Describes the outcome.
fn make(pipeline: &str) -> Result<String, PipelineError> {
    let guard = match pipeline {
        "jaeger" => lianlu::jaeger::pipeline().build()?,
        "otlp" => lianlu::otlp::pipeline().build()?,
        "zipkin" => lianlu::zipkin::pipeline().build()?,
        "env" => lianlu::pipeline_from_env().build()?,
        "resource" => {
            let resource = lianlu::Resource::builder().build();
            let pipeline = lianlu::console::pipeline().with_resource(resource);
            pipeline.build()?
        }
        "named" => {
            let resource = lianlu::Resource::builder().with_service_name("shop");
            let pipeline = lianlu::console::pipeline().with_resource(resource.build());
            pipeline.build()?
        }
        "detected" => {
            let process = [lianlu::pipeline::Detector::Process];
            let pipeline = lianlu::console::pipeline().with_resource_detectors(process);
            pipeline.build()?
        }
        _ => lianlu::console::pipeline().build()?,
    };
    drop(guard.tracer_provider().tracer("test").start("span"));
    let sent = guard.counts().started;
    let name = guard.service_name().unwrap_or_default().to_owned();
    let resource = guard.tracer_provider().resource().clone();
    let of = |key: &'static str| resource.get(&key.into()).map(|value| value.to_string());
    assert_eq!(of("service.name").as_ref(), Some(&name));
    assert_eq!(of("team"), None);
    let runtime = of("process.runtime.name");
    assert_eq!(runtime.is_some(), pipeline == "detected");
    let error = guard.shutdown_timeout(Duration::from_secs(2)).err();
    let error = error.map(|error| error.to_string()).unwrap_or_default();
    Ok(format!("started={sent} name={name} {error}"))
}

#[test]
fn each_variable_is_read() {
    if let Some(pipeline) = role() {
        let outcome = make(&pipeline).unwrap_or_else(|error| format!("error: {error}"));
        println!("outcome: {outcome}");
        return;
    }
    let outcome = |pipeline: &str, variables: &[(&str, &str)]| {
        let printed = run(child(&this_test!(), pipeline).envs(variables.iter().copied()));
        printed.marked("outcome: ")[0].to_owned()
    };
    let closed_port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed_port}/from-env");

    for (pipeline, variable) in [
        ("jaeger", "OTEL_EXPORTER_JAEGER_ENDPOINT"),
        ("zipkin", "OTEL_EXPORTER_ZIPKIN_ENDPOINT"),
    ] {
        let refused = outcome(pipeline, &[(variable, &url)]);
        assert!(refused.contains(&url), "{variable}: {refused}");
        let bad = outcome(pipeline, &[(variable, "nonsense")]);
        assert!(bad.starts_with(&format!("error: {variable}: ")), "{bad}");
    }
    for variable in [
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
    ] {
        let bad = outcome("otlp", &[(variable, "nonsense")]);
        assert!(bad.starts_with(&format!("error: {variable}: ")), "{bad}");
    }
    let agent = [
        ("OTEL_EXPORTER_JAEGER_AGENT_HOST", "127.0.0.1"),
        ("OTEL_EXPORTER_JAEGER_AGENT_PORT", "port"),
    ];
    let bad = outcome("jaeger", &agent);
    assert!(
        bad.starts_with("error: OTEL_EXPORTER_JAEGER_AGENT_PORT: "),
        "{bad}"
    );

    let remote = format!("endpoint=http://{closed_port},initialSamplingRate=0");
    for pipeline in ["console", "jaeger", "otlp", "zipkin"] {
        for variable in [
            "OTEL_TRACES_SAMPLER",
            "OTEL_BSP_MAX_QUEUE_SIZE",
            "OTEL_SPAN_EVENT_COUNT_LIMIT",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        ] {
            let bad = outcome(pipeline, &[(variable, "nonsense")]);
            assert!(bad.starts_with(&format!("error: {variable}: ")), "{bad}");
        }
        let sampler = ("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote");
        let none = outcome(pipeline, &[sampler, ("OTEL_TRACES_SAMPLER_ARG", &remote)]);
        assert!(none.starts_with("started=0 "), "{none}");
    }

    let ratio = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
    let bad = outcome("console", &[ratio, ("OTEL_TRACES_SAMPLER_ARG", "7")]);
    assert!(bad.starts_with("error: OTEL_TRACES_SAMPLER_ARG: "), "{bad}");
    let none = outcome("console", &[ratio, ("OTEL_TRACES_SAMPLER_ARG", "0")]);
    assert!(none.starts_with("started=0 "), "{none}");
    let named = outcome("console", &[("OTEL_SERVICE_NAME", "shop")]);
    assert!(named.starts_with("started=1 name=shop"), "{named}");
    let bad = outcome("console", &[("OTEL_BSP_SCHEDULE_DELAY", "-1")]);
    assert!(bad.starts_with("error: OTEL_BSP_SCHEDULE_DELAY: "), "{bad}");
}

/// A configuration file that cannot be followed does not silence the other variables.
#[cfg(unix)]
#[test]
fn a_nameless_configuration_file_is_none() {
    use std::os::unix::ffi::OsStrExt;

    if let Some(pipeline) = role() {
        println!("outcome: {}", make(&pipeline).unwrap());
        return;
    }
    for pipeline in ["jaeger", "otlp", "zipkin", "console", "env"] {
        for (file, warnings) in [(&b" "[..], 0), (b"\xff.yaml", 1)] {
            let mut child = child(&this_test!(), pipeline);
            child.env("OTEL_TRACES_EXPORTER", "console");
            child.env("OTEL_TRACES_SAMPLER", "always_off");
            child.env("OTEL_SERVICE_NAME", "shop");
            let printed = run(child.env("OTEL_CONFIG_FILE", std::ffi::OsStr::from_bytes(file)));
            let outcome = printed.marked("outcome: ")[0];
            assert_eq!(outcome, "started=0 name=shop ", "{pipeline}");
            let printed = printed.warnings();
            assert_eq!(printed.len(), warnings, "{pipeline}: {printed:?}");
        }
    }
}

#[test]
fn resource_attributes_have_one_reader() {
    if let Some(pipeline) = role() {
        println!("outcome: {}", make(&pipeline).unwrap());
        return;
    }
    for pipeline in ["jaeger", "otlp", "zipkin", "console", "env", "resource"] {
        let run = |attributes: &str| {
            let mut child = child(&this_test!(), pipeline);
            child.env("OTEL_TRACES_EXPORTER", "none");
            child.env("OTEL_TRACES_SAMPLER", "always_off");
            run(child.env("OTEL_RESOURCE_ATTRIBUTES", attributes))
        };
        let named = run("a=b%2Cc, service.name=my%20shop");
        let outcome = named.marked("outcome: ")[0];
        assert!(outcome.contains(" name=my shop "), "{pipeline}: {outcome}");
        for bad in ["team", "=b", "team=%zz"] {
            let ignored = run(&format!("service.name=my%20shop,{bad}"));
            let outcome = ignored.marked("outcome: ")[0];
            let unknown = " name=unknown_service:";
            assert!(outcome.contains(unknown), "{pipeline}: {outcome}");
            let warning = format!(
                "lianlu: OTEL_RESOURCE_ATTRIBUTES={bad:?}: not key=value with other characters \
                 percent-encoded; the whole variable is ignored"
            );
            assert_eq!(ignored.warnings(), [warning], "{pipeline}");
        }
    }
    // The variable's own entries go, and nothing that takes precedence over them.
    for pipeline in ["otlp", "env", "resource", "named", "detected"] {
        let mut child = child(&this_test!(), pipeline);
        child.env("OTEL_TRACES_EXPORTER", "none");
        child.env("OTEL_TRACES_SAMPLER", "always_off");
        if pipeline != "named" {
            child.env("OTEL_SERVICE_NAME", "shop");
        }
        let list = "service.name=shop,team=a,process.runtime.name=rust,bad";
        let ignored = run(child.env("OTEL_RESOURCE_ATTRIBUTES", list));
        let outcome = ignored.marked("outcome: ")[0];
        assert!(outcome.contains(" name=shop "), "{pipeline}: {outcome}");
        assert_eq!(ignored.warnings().len(), 1, "{pipeline}: {ignored:?}");
    }
}
