//! The code of the READMEs, compiled, and a test that they show exactly this code.
#![allow(dead_code, reason = "compiled only")]

use lianlu_protos::helloworld;

struct MyGreeter<T> {
    next: T,
}

#[tonic::async_trait]
impl<T: Send + Sync + 'static> GreeterService for MyGreeter<T> {
    async fn say_hello(
        &self,
        _: tonic::Request<helloworld::HelloRequest>,
    ) -> Result<tonic::Response<helloworld::HelloReply>, tonic::Status> {
        Err(tonic::Status::unimplemented("compiled only"))
    }
}

use helloworld::greeter_server::Greeter as GreeterService;

// [readme]
use helloworld::{greeter_client::GreeterClient, greeter_server::GreeterServer};
use lianlu::{Resource, Sampler};
use tonic::transport::{Channel, Server};
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Once: where spans go. Keep the guard, its end flushes.
    let guard = lianlu::jaeger::pipeline()
        .with_collector_endpoint("http://localhost:14268/api/traces")
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(Resource::builder().with_service_name("greeter").build())
        .install()?;

    // A client: a layer around its channel.
    let channel = Channel::from_static("http://127.0.0.1:9001").connect_lazy();
    let channel = ServiceBuilder::new()
        .layer(lianlu::client().with_target("http://127.0.0.1:9001"))
        .service(channel);
    let next = GreeterClient::new(channel);

    // The server: a layer.
    Server::builder()
        .layer(lianlu::server())
        .add_service(GreeterServer::new(MyGreeter { next }))
        .serve_with_shutdown("127.0.0.1:9000".parse()?, async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;

    guard.shutdown()?;
    Ok(())
}
// [/readme]

#[allow(dead_code)]
fn from_the_environment() -> Result<(), lianlu::PipelineError> {
    // [readme]
    let guard = lianlu::pipeline_from_env().install()?; // OTEL_TRACES_EXPORTER, OTEL_TRACES_SAMPLER, …
    // [/readme]
    drop(guard);
    Ok(())
}

#[allow(dead_code)]
#[rustfmt::skip]
fn with_a_flight_recorder() -> Result<(), lianlu::PipelineError> {
    // [readme]
    let guard = lianlu::otlp::pipeline().with_flight_recorder("/var/lib/shop/traces").install()?;
    // [/readme]
    drop(guard);
    Ok(())
}

#[test]
fn a_layer_with_options() -> Result<(), lianlu::BadEntry> {
    // [readme]
    use lianlu::{HeaderCapture, StreamEnd, TrustedProxies};
    use std::time::Duration;

    let layer = lianlu::server()
        .with_filter(|head| !lianlu::health_checks(head))
        .with_trusted_proxies(TrustedProxies::new(["10.0.0.0/8"])?)
        .with_captured_request_headers(HeaderCapture::new().allow("x-tenant-*"))
        .with_trace_id_header(http::HeaderName::from_static("x-trace-id"))
        .with_stream_end_by(|_, route| match route {
            Some("/events") => StreamEnd::Sliced(Duration::from_secs(60)),
            _ => StreamEnd::Body,
        })
        .with_active_requests();
    // [/readme]
    drop(layer);
    Ok(())
}

#[allow(dead_code)]
#[rustfmt::skip]
fn log_lines_with_trace_ids() {
    // [readme]
    tracing_subscriber::fmt().json().map_event_format(lianlu::logs::json).init();
    // [/readme]
}

/// The code without comments, which differ by language.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The text between each `begin` and the next `end`, without its indentation.
fn blocks(text: &str, begin: &str, end: &str) -> Vec<String> {
    let block = |rest: &str| {
        let (block, _) = rest.split_once(end).unwrap();
        let indent = block.len() - block.trim_start_matches(' ').len();
        let lines = block
            .lines()
            .map(|line| line.get(indent..).unwrap_or_default());
        code(&lines.map(|line| format!("{line}\n")).collect::<String>())
    };
    text.split(begin).skip(1).map(block).collect()
}

#[test]
fn both_readmes_show_this_code() {
    let begin = concat!("// [read", "me]\n");
    let end = concat!("// [/read", "me]\n");
    let mut expected = blocks(include_str!("readme.rs"), begin, end);
    for block in &mut expected {
        // The indentation of the end mark.
        block.truncate(block.trim_end().len());
    }
    assert_eq!(expected.len(), 5);
    for readme in [
        include_str!("../../../../README.md"),
        include_str!("../../../../README.zh-CN.md"),
    ] {
        let mut shown = blocks(readme, "```rust\n", "```\n");
        for block in &mut shown {
            block.truncate(block.trim_end().len());
        }
        assert_eq!(shown, expected);
    }
}
