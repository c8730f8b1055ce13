//! After a call and a signal the collector has the span, with the resource of Kratos's tracing
//! page.

use crate::common::{Collector, Server};
use lianlu_protos::helloworld::HelloRequest;
use lianlu_protos::helloworld::greeter_client::GreeterClient;
use lianlu_wire::jaeger::{Tag, TagValue, decode_batch_binary};
use tonic::Code;

async fn say_hello(server: &Server, name: &str) -> Result<String, tonic::Status> {
    let url = format!("http://{}", server.address);
    let mut greeter = GreeterClient::connect(url).await.unwrap();
    let name = name.to_owned();
    let reply = greeter.say_hello(HelloRequest { name }).await?;
    Ok(reply.into_inner().message)
}

fn tag<'a>(tags: &'a [Tag<'_>], key: &str) -> &'a TagValue<'a> {
    &tags.iter().find(|tag| tag.key == key).unwrap().value
}

// This thread blocks while it waits for the server.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_flushes_the_span_with_its_resource() {
    let collector = Collector::start();
    let server = Server::start(&["--collector-endpoint", &collector.url]);
    assert_eq!(say_hello(&server, "lianlu").await.unwrap(), "Hello lianlu");
    assert!(server.stop("TERM").success());

    let post = collector.next();
    assert!(post.head.starts_with("post /api/traces "), "{}", post.head);
    assert!(
        post.head.contains("content-type: application/x-thrift"),
        "{}",
        post.head
    );
    let batch = decode_batch_binary(&post.body).unwrap();
    assert_eq!(batch.process.service_name, "kratos-trace");
    let tags = &batch.process.tags;
    assert_eq!(tag(tags, "exporter"), &TagValue::String("jaeger".into()));
    assert_eq!(tag(tags, "float"), &TagValue::Double(312.23));
    let [span] = batch.spans.as_slice() else {
        panic!("not one span: {:?}", batch.spans);
    };
    assert_eq!(span.operation_name, "helloworld.Greeter/SayHello");
    assert_eq!(
        tag(&span.tags, "span.kind"),
        &TagValue::String("server".into())
    );
    assert!(collector.is_empty());
}

// This thread blocks while it waits for the server.
#[tokio::test(flavor = "multi_thread")]
async fn sigint_flushes_the_span_of_a_failed_call() {
    let collector = Collector::start();
    let server = Server::start(&["--collector-endpoint", &collector.url, "--name", "greeter"]);
    let status = say_hello(&server, "boom").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "boom"));
    assert!(server.stop("INT").success());

    let post = collector.next();
    let batch = decode_batch_binary(&post.body).unwrap();
    assert_eq!(batch.process.service_name, "greeter");
    let tags = &batch.spans[0].tags;
    assert_eq!(tag(tags, "error"), &TagValue::Bool(true));
    let code = tag(tags, "rpc.response.status_code");
    assert_eq!(code, &TagValue::String("INTERNAL".into()));
}
