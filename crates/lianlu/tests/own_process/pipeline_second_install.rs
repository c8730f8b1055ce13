//! A second `install` replaces the global provider; the first pipeline keeps its spans.

use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::Empty;
use lianlu::console::Tree;
use lianlu::{Guard, Resource};
use tower::{Layer, Service, ServiceExt};

use crate::own_process::is_alone;

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn install(name: &'static str) -> (Guard, Output) {
    let output = Output::default();
    let guard = lianlu::console::pipeline()
        .with_tree(Tree::to_writer(output.clone()))
        .with_resource(Resource::builder().with_service_name(name).build())
        .install()
        .unwrap();
    (guard, output)
}

type Sent = Arc<Mutex<Vec<Option<String>>>>;

/// Answers with an empty body, and keeps the caller's `x-md-service-name`.
fn service(
    layer: lianlu::ClientLayer,
    sent: &Sent,
) -> impl Service<
    Request<Empty<bytes::Bytes>>,
    Response = Response<lianlu::layer::ResponseBody<Empty<bytes::Bytes>>>,
    Error = Infallible,
> + Clone {
    let sent = Arc::clone(sent);
    layer.layer(tower::service_fn(
        move |request: Request<Empty<bytes::Bytes>>| {
            let name = request.headers().get("x-md-service-name");
            let name = name.map(|name| name.to_str().unwrap().to_owned());
            sent.lock().unwrap().push(name);
            async { Ok::<_, Infallible>(Response::new(Empty::new())) }
        },
    ))
}

async fn call(
    service: impl Service<
        Request<Empty<bytes::Bytes>>,
        Response = Response<lianlu::layer::ResponseBody<Empty<bytes::Bytes>>>,
        Error = Infallible,
    >,
    method: &str,
) {
    let request = Request::builder()
        .method(method)
        .uri("http://h/")
        .body(Empty::new())
        .unwrap();
    service.oneshot(request).await.unwrap();
}

#[tokio::test]
async fn each_pipeline_keeps_its_spans_and_its_service_name() {
    if !is_alone(&this_test!()) {
        return;
    }
    let sent = Sent::default();
    let others = Sent::default();
    let hosts = lianlu::net::HostList::new(["h"]).unwrap();
    let service = self::service(lianlu::client().with_outbound_hosts(hosts), &sent);
    call(service.clone(), "OPTIONS").await;
    let (first, first_output) = install("first");
    call(service.clone(), "GET").await;
    let (second, second_output) = install("second");
    call(service.clone(), "PUT").await;

    assert_eq!(first.counts().started, 1);
    assert_eq!(second.counts().started, 1);
    // The name of the pipeline goes to named hosts and Kratos's peers, not to everybody.
    call(self::service(lianlu::client(), &others), "PATCH").await;
    call(self::service(lianlu::client().kratos(), &others), "PATCH").await;
    let given = lianlu::client()
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("given"))
        .kratos();
    call(self::service(given, &others), "PATCH").await;
    first.shutdown().unwrap();
    call(service, "POST").await;
    second.shutdown().unwrap();

    assert!(
        first_output.text().contains("first  GET"),
        "{}",
        first_output.text()
    );
    assert!(!first_output.text().contains("PUT"));
    assert!(
        second_output.text().contains("second  PUT"),
        "{}",
        second_output.text()
    );
    assert!(second_output.text().contains("second  POST"));
    let sent = sent.lock().unwrap().clone();
    let name = |name: &str| Some(name.to_owned());
    let others = others.lock().unwrap().clone();
    assert_eq!(others, [None, name("second"), name("given")]);
    assert_eq!(sent, [None, name("first"), name("second"), name("second")]);
}
