//! Which gRPC methods name spans and series: those of a list or a descriptor set, those that a generated
//! client names, and on a server without a list those that its router knows.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use lianlu::{ClientLayer, GrpcCode, KnownMethods, ServerLayer, SpanKind};
use lianlu_protos::helloworld;
use lianlu_protos::shop::GetItemRequest;
use lianlu_protos::shop::catalog_client::CatalogClient;
use lianlu_wire::otlp::AnyValue;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use tonic::GrpcMethod;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use crate::common::echo::{self, Echo, message};
use crate::common::metrics::Metrics;
use crate::common::soon;
use crate::common::traces::{Traces, text};

const UNARY: &str = "lianlu.testing.Echo/Unary";
const CLIENT_STREAM: &str = "lianlu.testing.Echo/ClientStream";
const GET_ITEM: &str = "shop.v1.Catalog/GetItem";

/// How a span, and the series of its call, name a method.
#[derive(Debug, PartialEq)]
struct Named {
    span: String,
    method: String,
    original: Option<String>,
    label: String,
}

fn known(method: &str) -> Named {
    Named {
        span: method.to_owned(),
        method: method.to_owned(),
        original: None,
        label: method.to_owned(),
    }
}

fn unknown(method: &str) -> Named {
    Named {
        span: "grpc".to_owned(),
        method: "_OTHER".to_owned(),
        original: Some(method.to_owned()),
        label: "_OTHER".to_owned(),
    }
}

/// The last value of a key: the SDK keeps an attribute that was set twice.
fn last<'a>(span: &'a SpanData, key: &str) -> Option<&'a str> {
    let mut found = span.attributes.iter().rev();
    let found = found.find(|attribute| attribute.key.as_str() == key)?;
    match &found.value {
        opentelemetry::Value::String(text) => Some(text.as_str()),
        other => panic!("{key} is {other:?}"),
    }
}

struct Told {
    traces: Traces,
    metrics: Metrics,
}

impl Told {
    fn new() -> Self {
        Self {
            traces: Traces::default(),
            metrics: Metrics::default(),
        }
    }

    fn server(&self) -> ServerLayer {
        let layer = self.traces.server();
        layer.with_meter_provider(self.metrics.provider.clone())
    }

    fn client(&self) -> ClientLayer {
        let layer = self.traces.client();
        layer.with_meter_provider(self.metrics.provider.clone())
    }

    /// Of the only call: on its client and on its server.
    async fn pair(&self) -> (Named, Named) {
        let (client, server) = self.traces.pair().await;
        (self.named(&client).await, self.named(&server).await)
    }

    async fn named(&self, span: &SpanData) -> Named {
        let duration = match span.span_kind {
            SpanKind::Client => "rpc.client.call.duration",
            _ => "rpc.server.call.duration",
        };
        let series = self.metrics.counted(duration, 1).await;
        Named {
            span: span.name.to_string(),
            method: last(span, "rpc.method").unwrap().to_owned(),
            original: text(span, "rpc.method_original").map(str::to_owned),
            label: series[0].label("rpc.method").unwrap().to_owned(),
        }
    }
}

async fn call(client: &mut echo::EchoClient, method: &str) {
    let hello = message("hello", 0);
    match method {
        UNARY => drop(client.unary(hello).await.unwrap()),
        _ => drop(
            client
                .client_stream(tokio_stream::iter([hello]))
                .await
                .unwrap(),
        ),
    }
}

/// The generated client knows what it calls; the server knows its list.
#[tokio::test]
async fn by_a_list() {
    for method in [UNARY, CLIENT_STREAM] {
        let told = Told::new();
        let list = || KnownMethods::new(["/lianlu.testing.Echo/Unary"]);
        let server = told.server().with_known_methods(list());
        let address = echo::serve(server, Echo::new(&told.traces)).await;
        let client = told.client().with_known_methods(list());
        call(&mut echo::connect(client, address).await, method).await;
        let (client, server) = told.pair().await;
        assert_eq!(client, known(method));
        let expected = if method == UNARY { known } else { unknown };
        assert_eq!(server, expected(method));
    }
}

fn grpc(path: &str) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/grpc");
    request.body(Body::empty()).unwrap()
}

/// What answers to every name, and how it does.
async fn in_process(told: &Told, layer: ServerLayer, path: &str, code: GrpcCode) -> Named {
    let service = layer.layer(service_fn(move |_: Request<Body>| async move {
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", code.number().to_string());
        Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
    }));
    drop(service.oneshot(grpc(path)).await.unwrap());
    told.named(&told.traces.finished()[0]).await
}

/// The bytes that server reflection takes: of generated code, and tonic's own.
#[tokio::test]
async fn by_descriptor_sets() {
    for (path, is_known) in [
        ("/helloworld.Greeter/SayHello", true),
        (
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            true,
        ),
        ("/helloworld.Greeter/SayGoodbye", false),
        ("/helloworld.HelloRequest/name", false),
        ("/Greeter/SayHello", false),
    ] {
        let told = Told::new();
        let methods = KnownMethods::default()
            .with_descriptor_set(helloworld::FILE_DESCRIPTOR_SET)
            .unwrap()
            .with_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .unwrap();
        let layer = told.server().with_known_methods(methods);
        let named = in_process(&told, layer, path, GrpcCode::Ok).await;
        let method = path.trim_start_matches('/');
        let expected = if is_known { known } else { unknown };
        assert_eq!(named, expected(method));
    }
    let set = helloworld::FILE_DESCRIPTOR_SET;
    let cut = KnownMethods::default().with_descriptor_set(&set[..set.len() - 1]);
    let error = cut.unwrap_err().to_string();
    assert!(
        error.starts_with("not a FileDescriptorSet: byte "),
        "{error}"
    );
}

/// A generated client's methods need no list, whatever the server makes of them.
#[tokio::test]
async fn by_the_generated_client() {
    let told = Told::new();
    // A list that lacks it changes nothing.
    let list = KnownMethods::new([UNARY]);
    let client = told.client().with_known_methods(list);
    let address = echo::serve(told.server(), Echo::new(&told.traces)).await;
    let channel = echo::channel(address).connect().await.unwrap();
    let channel = ServiceBuilder::new().layer(client).service(channel);
    let request = GetItemRequest::default();
    CatalogClient::new(channel)
        .get_item(request)
        .await
        .unwrap_err();
    let (client, server) = told.pair().await;
    assert_eq!(client, known(GET_ITEM));
    // And the router of a server without a list refuses it.
    assert_eq!(server, unknown(GET_ITEM));
}

/// On a client the word of the generated code counts for its own path alone; without it, the list or,
/// without one, the path.
#[tokio::test]
async fn by_the_path_of_a_raw_client() {
    for (said, listed, expected) in [
        (Some(("a.B", "C")), true, known("a.B/C")),
        (Some(("a.B", "D")), true, unknown("a.B/C")),
        (None, true, unknown("a.B/C")),
        (None, false, known("a.B/C")),
    ] {
        let told = Told::new();
        let mut layer = told.client();
        if listed {
            layer = layer.with_known_methods(KnownMethods::new([UNARY]));
        }
        let mut request = grpc("http://shop.example/a.B/C");
        if let Some((service, method)) = said {
            request
                .extensions_mut()
                .insert(GrpcMethod::new(service, method));
        }
        let service = layer.layer(service_fn(async |_: Request<Body>| {
            let response = Response::builder().header("grpc-status", "12");
            Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
        }));
        drop(service.oneshot(request).await.unwrap());
        let span = &told.traces.finished()[0];
        assert_eq!(told.named(span).await, expected, "{said:?}, {listed}");
    }
}

/// Without a list a server learns: all that is answered is known, but for a bare `UNIMPLEMENTED`.
#[tokio::test]
async fn by_the_answers_of_a_server() {
    for code in GrpcCode::ALL {
        let told = Told::new();
        let named = in_process(&told, told.server(), "/a.B/C", code).await;
        let expected = match code {
            GrpcCode::Unimplemented => unknown("a.B/C"),
            _ => known("a.B/C"),
        };
        assert_eq!(named, expected, "{code:?}");
    }
    // A method that there is says why.
    let told = Told::new();
    let address = echo::serve(told.server(), Echo::new(&told.traces)).await;
    let mut client = echo::connect(told.client(), address).await;
    let text = "fail 12 not yet";
    client.unary(message(text, 0)).await.unwrap_err();
    let (client, server) = told.pair().await;
    assert_eq!((client, server), (known(UNARY), known(UNARY)));
}

/// A span's name, and its texts with their keys.
type Texts = (String, Vec<(String, String)>);

#[derive(Clone, Default)]
struct Exported(Arc<Mutex<Vec<Texts>>>);

impl lianlu_sdk::Export for Exported {
    fn export(&mut self, batch: &lianlu_sdk::Batch) -> Result<(), lianlu_sdk::Failure> {
        for span in batch.scopes().flat_map(|scope| scope.spans()) {
            let span = span.unwrap();
            let texts = span.attributes().filter_map(|attribute| {
                let attribute = attribute.unwrap();
                match attribute.value {
                    AnyValue::String(text) => Some((attribute.key.to_owned(), text.to_owned())),
                    _ => None,
                }
            });
            let exported = (span.name.to_owned(), texts.collect());
            self.0.lock().unwrap().push(exported);
        }
        Ok(())
    }
}

/// A name that turned out to be none is set a second time, and exported once.
#[tokio::test]
async fn once_behind_a_pipeline() {
    let exported = Exported::default();
    let ours = lianlu_sdk::TracerProvider::builder()
        .with_exporter(exported.clone())
        .build()
        .unwrap();
    let handle = ours.handle();
    behind(
        lianlu::server().with_tracer_provider(ours),
        &handle,
        &exported,
    )
    .await;

    // Behind the SDK's provider the attribute is there twice until it is encoded.
    let exported = Exported::default();
    let limits = lianlu_sdk::Limits::from_env().unwrap();
    let processor = lianlu_sdk::Processor::start(exported.clone(), limits).unwrap();
    let handle = processor.handle();
    let sdk = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    behind(
        lianlu::server().with_tracer_provider(sdk),
        &handle,
        &exported,
    )
    .await;
}

async fn behind(layer: lianlu::ServerLayer, handle: &lianlu_sdk::Handle, exported: &Exported) {
    let address = echo::serve(layer, Echo::default()).await;
    let channel = echo::channel(address).connect().await.unwrap();
    let mut client = CatalogClient::new(channel);
    let request = GetItemRequest::default();
    soon(client.get_item(request)).await.unwrap_err();
    soon(async {
        while exported.0.lock().unwrap().is_empty() {
            let handle = handle.clone();
            let flush = move || handle.flush(Duration::from_secs(5));
            tokio::task::spawn_blocking(flush).await.unwrap().unwrap();
        }
    })
    .await;
    let spans = exported.0.lock().unwrap();
    let (name, attributes) = &spans[0];
    assert_eq!(name, "grpc");
    let all = |wanted: &str| -> Vec<_> {
        let values = attributes.iter().filter(|(key, _)| key == wanted);
        values.map(|(_, value)| value.clone()).collect()
    };
    assert_eq!(all("rpc.method"), ["_OTHER"]);
    assert_eq!(all("rpc.method_original"), [GET_ITEM]);
}
