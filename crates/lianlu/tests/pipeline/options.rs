//! Bad options are refused before anything starts, by an error that names them.

use lianlu::{Sampler, pipeline::PipelineError};

fn message(result: Result<lianlu::Guard, PipelineError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn bad_endpoints_are_refused() {
    for bad in [
        "",
        "collector",
        "localhost:4317",
        "ftp://localhost",
        "http://",
        #[cfg(not(feature = "tls"))]
        "https://localhost",
    ] {
        let jaeger = lianlu::jaeger::pipeline()
            .with_collector_endpoint(bad)
            .install();
        assert!(
            message(jaeger).starts_with("with_collector_endpoint: "),
            "{bad}"
        );
        let zipkin = lianlu::zipkin::pipeline()
            .with_collector_endpoint(bad)
            .install();
        assert!(
            message(zipkin).starts_with("with_collector_endpoint: "),
            "{bad}"
        );
        for protocol in [
            lianlu::otlp::Protocol::Grpc,
            lianlu::otlp::Protocol::HttpProtobuf,
            lianlu::otlp::Protocol::HttpJson,
        ] {
            // Over gRPC, an endpoint may be without a scheme.
            if protocol == lianlu::otlp::Protocol::Grpc
                && ["collector", "localhost:4317"].contains(&bad)
            {
                continue;
            }
            let otlp = lianlu::otlp::pipeline()
                .with_endpoint(bad)
                .with_protocol(protocol)
                .install();
            assert!(message(otlp).starts_with("with_endpoint: "), "{bad}");
        }
    }
    let agent = lianlu::jaeger::pipeline()
        .with_agent_endpoint("nowhere")
        .install();
    assert!(message(agent).starts_with("with_agent_endpoint: "));
}

#[test]
fn the_error_says_what_is_allowed() {
    let ftp = lianlu::otlp::pipeline().with_endpoint("ftp://h").install();
    assert_eq!(
        message(ftp),
        "with_endpoint: unknown scheme, use http or https, got \"ftp://h\""
    );
}

#[test]
fn ratios_outside_of_0_to_1_are_refused() {
    for ratio in [-0.5, 1.5, f64::NAN] {
        let sampler = Sampler::TraceIdRatioBased(ratio);
        let plain = lianlu::console::pipeline()
            .with_sampler(sampler.clone())
            .install();
        assert!(message(plain).starts_with("with_sampler: "), "{ratio}");
        let sampler = Sampler::ParentBased(Box::new(sampler));
        let parent = lianlu::console::pipeline().with_sampler(sampler).install();
        assert!(message(parent).starts_with("with_sampler: "), "{ratio}");
    }
}

#[test]
fn bad_headers_and_certificates_are_refused_without_secrets() {
    for (name, value) in [
        ("x key", "secret"),
        ("x-key", "secret\n"),
        ("secret\n", "x"),
    ] {
        let otlp = lianlu::otlp::pipeline().with_header(name, value).install();
        let message = message(otlp);
        assert!(message.starts_with("with_header: "), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
    let otlp = lianlu::otlp::pipeline()
        .with_root_certificates("nonsense")
        .install();
    assert!(message(otlp).starts_with("with_root_certificates: "));
    let otlp = lianlu::otlp::pipeline().with_client_certificate("nonsense", "secret");
    assert!(!format!("{otlp:?}").contains("secret"));
    let otlp = message(otlp.build());
    assert!(otlp.starts_with("with_client_certificate: "), "{otlp}");
}

#[test]
fn debug_output_has_no_passwords() {
    let pipeline = lianlu::jaeger::pipeline()
        .with_username("ann")
        .with_password("secret");
    assert!(!format!("{pipeline:?}").contains("secret"));
    let pipeline = lianlu::otlp::pipeline()
        .with_endpoint("http://ann:secret@h")
        .with_header("authorization", "secret");
    assert!(!format!("{pipeline:?}").contains("secret"));
}
