//! The gRPC methods that name spans and series: those of a list or a descriptor set, those of
//! generated clients, and on a server without a list those that its router serves.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use lianlu::{
    ServerLayer, SpanKind,
    conventions::{GrpcCode, KnownMethods},
};
use lianlu_protos::helloworld;
use lianlu_protos::shop::GetItemRequest;
use lianlu_protos::shop::catalog_client::CatalogClient;
use lianlu_wire::otlp::AnyValue;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use tonic::GrpcMethod;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use crate::common::echo::{self, Echo, message};
use crate::common::metrics::Telemetry;
use crate::common::soon;
use crate::common::traces::text;

const UNARY: &str = "lianlu.testing.Echo/Unary";
const CLIENT_STREAM: &str = "lianlu.testing.Echo/ClientStream";
const GET_ITEM: &str = "shop.v1.Catalog/GetItem";

/// A method's names on a span, and on the series of the call.
#[derive(Debug, PartialEq)]
struct MethodNames {
    span: String,
    method: String,
    original: Option<String>,
    label: String,
}

fn known(method: &str) -> MethodNames {
    MethodNames {
        span: method.to_owned(),
        method: method.to_owned(),
        original: None,
        label: method.to_owned(),
    }
}

fn unknown(method: &str) -> MethodNames {
    MethodNames {
        span: "grpc".to_owned(),
        method: "_OTHER".to_owned(),
        original: Some(method.to_owned()),
        label: "_OTHER".to_owned(),
    }
}

/// The last value of a key: the SDK keeps both values of an attribute that is set twice.
fn last<'a>(span: &'a SpanData, key: &str) -> Option<&'a str> {
    let mut found = span.attributes.iter().rev();
    let found = found.find(|attribute| attribute.key.as_str() == key)?;
    match &found.value {
        opentelemetry::Value::String(text) => Some(text.as_str()),
        other => panic!("{key} is {other:?}"),
    }
}

/// The names on the client and on the server of the only call.
async fn pair(telemetry: &Telemetry) -> (MethodNames, MethodNames) {
    let (client, server) = telemetry.traces.pair().await;
    (
        named(telemetry, &client).await,
        named(telemetry, &server).await,
    )
}

async fn named(telemetry: &Telemetry, span: &SpanData) -> MethodNames {
    let duration = match span.span_kind {
        SpanKind::Client => "rpc.client.call.duration",
        _ => "rpc.server.call.duration",
    };
    let series = telemetry.metrics.counted(duration, 1).await;
    MethodNames {
        span: span.name.to_string(),
        method: last(span, "rpc.method").unwrap().to_owned(),
        original: text(span, "rpc.method_original").map(str::to_owned),
        label: series[0].label("rpc.method").unwrap().to_owned(),
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

/// The generated client knows its methods; the server knows its list.
#[tokio::test]
async fn a_server_knows_the_methods_of_its_list() {
    for method in [UNARY, CLIENT_STREAM] {
        let telemetry = Telemetry::default();
        let list = || KnownMethods::new(["/lianlu.testing.Echo/Unary"]);
        let server = telemetry
            .server()
            .with_conventions(|conventions| conventions.grpc_methods(list()));
        let address = echo::serve(server, Echo::new(&telemetry.traces)).await;
        let client = telemetry
            .client()
            .with_conventions(|conventions| conventions.grpc_methods(list()));
        call(&mut echo::connect(client, address).await, method).await;
        let (client, server) = pair(&telemetry).await;
        assert_eq!(client, known(method));
        let expected = if method == UNARY { known } else { unknown };
        assert_eq!(server, expected(method));
    }
}

fn grpc(path: &str) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/grpc");
    request.body(Body::empty()).unwrap()
}

/// The names of a call to a service that answers any method with `code`.
async fn in_process(
    telemetry: &Telemetry,
    layer: ServerLayer,
    path: &str,
    code: GrpcCode,
) -> MethodNames {
    let service = layer.layer(service_fn(move |_: Request<Body>| async move {
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", code.number().to_string());
        Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
    }));
    drop(service.oneshot(grpc(path)).await.unwrap());
    named(telemetry, &telemetry.traces.finished()[0]).await
}

/// As for server reflection: of generated code, and tonic's own.
#[tokio::test]
async fn a_server_knows_the_methods_of_its_descriptor_sets() {
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
        let telemetry = Telemetry::default();
        let methods = KnownMethods::default()
            .with_descriptor_set(helloworld::FILE_DESCRIPTOR_SET)
            .unwrap()
            .with_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .unwrap();
        let layer = telemetry
            .server()
            .with_conventions(|conventions| conventions.grpc_methods(methods));
        let named = in_process(&telemetry, layer, path, GrpcCode::Ok).await;
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

#[tokio::test]
async fn a_generated_client_knows_its_methods_without_a_list() {
    let telemetry = Telemetry::default();
    // A list without the method changes nothing.
    let list = KnownMethods::new([UNARY]);
    let client = telemetry
        .client()
        .with_conventions(|conventions| conventions.grpc_methods(list));
    let address = echo::serve(telemetry.server(), Echo::new(&telemetry.traces)).await;
    let channel = echo::channel(address).connect().await.unwrap();
    let channel = ServiceBuilder::new().layer(client).service(channel);
    let request = GetItemRequest::default();
    CatalogClient::new(channel)
        .get_item(request)
        .await
        .unwrap_err();
    let (client, server) = pair(&telemetry).await;
    assert_eq!(client, known(GET_ITEM));
    // The router of a server without a list refuses the method.
    assert_eq!(server, unknown(GET_ITEM));
}

/// `GrpcMethod` of generated code is used if it matches the path. Otherwise the list decides;
/// without one the path is the method.
#[tokio::test]
async fn a_raw_client_knows_the_methods_of_its_list() {
    for (extension, listed, expected) in [
        (Some(("a.B", "C")), true, known("a.B/C")),
        (Some(("a.B", "D")), true, unknown("a.B/C")),
        (None, true, unknown("a.B/C")),
        (None, false, known("a.B/C")),
    ] {
        let telemetry = Telemetry::default();
        let mut layer = telemetry.client();
        if listed {
            layer = layer.with_conventions(|conventions| {
                conventions.grpc_methods(KnownMethods::new([UNARY]))
            });
        }
        let mut request = grpc("http://shop.example/a.B/C");
        if let Some((service, method)) = extension {
            request
                .extensions_mut()
                .insert(GrpcMethod::new(service, method));
        }
        let service = layer.layer(service_fn(async |_: Request<Body>| {
            let response = Response::builder().header("grpc-status", "12");
            Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
        }));
        drop(service.oneshot(request).await.unwrap());
        let span = &telemetry.traces.finished()[0];
        assert_eq!(
            named(&telemetry, span).await,
            expected,
            "{extension:?}, {listed}"
        );
    }
}

/// A bare `UNIMPLEMENTED` is the router's; all other answers are of methods that exist.
#[tokio::test]
async fn a_server_without_a_list_learns_methods_from_its_answers() {
    for code in GrpcCode::ALL {
        let telemetry = Telemetry::default();
        let named = in_process(&telemetry, telemetry.server(), "/a.B/C", code).await;
        let expected = match code {
            GrpcCode::Unimplemented => unknown("a.B/C"),
            _ => known("a.B/C"),
        };
        assert_eq!(named, expected, "{code:?}");
    }
    // `UNIMPLEMENTED` with a message is the method's own.
    let telemetry = Telemetry::default();
    let address = echo::serve(telemetry.server(), Echo::new(&telemetry.traces)).await;
    let mut client = echo::connect(telemetry.client(), address).await;
    let text = "fail 12 not yet";
    client.unary(message(text, 0)).await.unwrap_err();
    let (client, server) = pair(&telemetry).await;
    assert_eq!((client, server), (known(UNARY), known(UNARY)));
}

/// A span's name, and its string attributes.
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

/// `rpc.method` is set again when the method turns out to be unknown.
#[tokio::test]
async fn a_renamed_method_is_exported_once() {
    let exported = Exported::default();
    let ours = lianlu_sdk::TracerProvider::builder()
        .with_exporter(exported.clone())
        .build()
        .unwrap();
    let handle = ours.handle();
    let layer = lianlu::server().with_tracer_provider(ours);
    assert_exported_once(layer, &handle, &exported).await;

    // With the SDK's provider the attribute is there twice until it is encoded.
    let exported = Exported::default();
    let limits = lianlu_sdk::Limits::from_env().unwrap();
    let processor = lianlu_sdk::Processor::start(exported.clone(), limits).unwrap();
    let handle = processor.handle();
    let sdk = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    let layer = lianlu::server().with_tracer_provider(sdk);
    assert_exported_once(layer, &handle, &exported).await;
}

async fn assert_exported_once(
    layer: lianlu::ServerLayer,
    handle: &lianlu_sdk::Handle,
    exported: &Exported,
) {
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
