//! The code of the READMEs, compiled, and a test that they show exactly this code.
#![allow(dead_code, reason = "compiled only")]

use lianlu_protos::helloworld;

use helloworld::greeter_client::GreeterClient;
use helloworld::greeter_server::{Greeter, GreeterServer};
use tonic::transport::{Channel, Server};
use tower::ServiceBuilder;

struct MyGreeter<T> {
    next: T,
}

#[tonic::async_trait]
impl<T: Send + Sync + 'static> Greeter for MyGreeter<T> {
    async fn say_hello(
        &self,
        _: tonic::Request<helloworld::HelloRequest>,
    ) -> Result<tonic::Response<helloworld::HelloReply>, tonic::Status> {
        Err(tonic::Status::unimplemented("compiled only"))
    }
}

// [readme]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Spans go to http://localhost:4318. Dropping the guard flushes them too, and logs what is lost.
    let guard = lianlu::otlp::pipeline().install()?;
    let app = axum::Router::new()
        .route("/orders/{id}", axum::routing::get(|| async { "an order" }))
        .layer(lianlu::server());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    let server = axum::serve(listener, app).with_graceful_shutdown(stop);
    server.await?;
    let _ = guard.shutdown();
    Ok(())
}
// [/readme]

async fn serves_grpc() -> Result<(), Box<dyn std::error::Error>> {
    // [readme]
    let channel = Channel::from_static("http://127.0.0.1:9001").connect_lazy();
    let channel = ServiceBuilder::new()
        .layer(lianlu::client().with_target("http://127.0.0.1:9001"))
        .service(channel);
    let next = GreeterClient::new(channel);

    Server::builder()
        .layer(lianlu::server())
        .add_service(GreeterServer::new(MyGreeter { next }))
        .serve("127.0.0.1:9000".parse()?)
        .await?;
    // [/readme]
    Ok(())
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

/// The blocks of Rust in a README.
fn shown(readme: &str) -> Vec<String> {
    trimmed(blocks(readme, "```rust\n", "```\n"))
}

/// Blocks without the line that the end mark stands on.
fn trimmed(mut blocks: Vec<String>) -> Vec<String> {
    for block in &mut blocks {
        block.truncate(block.trim_end().len());
    }
    blocks
}

#[test]
fn the_readmes_show_this_code() {
    let begin = concat!("// [read", "me]\n");
    let end = concat!("// [/read", "me]\n");
    let expected = trimmed(blocks(include_str!("readme.rs"), begin, end));
    assert_eq!(expected.len(), 2);
    for readme in [
        include_str!("../../../../README.md"),
        include_str!("../../../../README.zh-CN.md"),
    ] {
        assert_eq!(shown(readme), expected);
    }
    let of_the_crate = shown(include_str!("../../README.md"));
    assert_eq!(of_the_crate, expected[..1]);
}
