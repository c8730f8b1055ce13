//! CPU for each span that arrives in another process: made at a steady rate, below what anybody's
//! pipeline can take, and sent for real.

use std::time::{Duration, Instant};

use opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use serde::{Deserialize, Serialize};
use tower_layer::Layer;

use crate::calls::caller::call;
use crate::calls::requests::{self, Case};
use crate::calls::service::Greeter;
use crate::machine::{clocks, processors};
use crate::peers::bare_socket::{BareSocket, Shape};
use crate::peers::{self, Destination, Peer, Pipeline, Protocol};

/// Spans are made in lumps at this distance, as a timer's wake-up costs more than a span.
const TICK: Duration = Duration::from_millis(2);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    peer: Peer,
    #[arg(long)]
    maker: Maker,
    #[arg(long)]
    protocol: Protocol,
    /// The sink's URL.
    #[arg(long)]
    endpoint: String,
    #[arg(long, default_value_t = 200_000)]
    spans: u64,
    /// Spans a second.
    #[arg(long, default_value_t = 40_000)]
    rate: u64,
}

/// Who makes the spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Maker {
    /// The peer's layer, around a gRPC call in process.
    Layer,
    /// The peer's API, by hand: start, ten attributes, end.
    Api,
}

impl Maker {
    /// Of a span of ours.
    fn shape(self) -> Shape {
        let (attributes, bytes) = match self {
            Self::Layer => (11, 455),
            Self::Api => (10, 411),
        };
        Shape { attributes, bytes }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) spans: u64,
    /// CPU time of the process in nanoseconds, for making and exporting all.
    pub(crate) cpu: u64,
    /// What the process takes in the same time with its pipeline idle.
    pub(crate) idle_cpu: u64,
    /// What the calls take without a layer.
    pub(crate) bare_cpu: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Measured {
    processors::pin(0);
    let destination = Destination::Otlp(arguments.protocol, arguments.endpoint.clone());
    let (pipeline, _) = peers::install(arguments.peer.kind(), &destination, true);
    let socket = (arguments.peer == Peer::Floor)
        .then(|| BareSocket::connect(&arguments.endpoint, arguments.maker.shape()));
    let is_fastrace = arguments.peer.kind() == peers::Kind::Fastrace;

    let nothing = cpu(|| pace(arguments, |_| ()));
    let (bare, made) = match arguments.maker {
        Maker::Api if is_fastrace => (nothing, all(arguments, pipeline, socket, fastrace_span)),
        Maker::Api => {
            // Of the floor, the one that does nothing.
            let tracer = global::tracer("bench");
            let make = |number| api_span(&tracer, number);
            (nothing, all(arguments, pipeline, socket, make))
        }
        Maker::Layer => peers::with_grpc_layer!(arguments.peer, false, |layer| {
            let mut bare = Greeter;
            let bare = cpu(|| pace(arguments, |number| grpc_call(&mut bare, number)));
            let mut traced = layer.layer(Greeter);
            let make = |number| grpc_call(&mut traced, number);
            (bare, all(arguments, pipeline, socket, make))
        }),
    };
    Measured {
        spans: arguments.spans,
        cpu: made,
        idle_cpu: nothing,
        bare_cpu: bare,
    }
}

/// What it takes to make all spans and to send them, by the pipeline or over the bare socket.
fn all(
    arguments: &Arguments,
    pipeline: Box<dyn Pipeline>,
    mut socket: Option<BareSocket>,
    mut make: impl FnMut(u64),
) -> u64 {
    cpu(|| {
        pace(arguments, |number| {
            make(number);
            if let Some(socket) = &mut socket {
                socket.span();
            }
        });
        pipeline.shutdown();
        if let Some(socket) = socket {
            socket.close();
        }
    })
}

fn cpu(work: impl FnOnce()) -> u64 {
    let before = clocks::of_this_process();
    work();
    let spent = clocks::of_this_process() - before;
    u64::try_from(spent.as_nanos()).expect("less than five hundred years")
}

fn pace(arguments: &Arguments, mut make: impl FnMut(u64)) {
    let began = Instant::now();
    let mut number = 0;
    while number < arguments.spans {
        let due = began.elapsed().as_secs_f64() * arguments.rate as f64;
        while number < arguments.spans && (number as f64) < due {
            make(number);
            number += 1;
        }
        std::thread::sleep(TICK);
    }
}

fn grpc_call<S, R>(service: &mut S, number: u64)
where
    S: tower_service::Service<http::Request<tonic::body::Body>, Response = http::Response<R>>,
    R: http_body::Body,
{
    let request = requests::grpc(Case::Sampled, number, tonic::body::Body::empty());
    call(service, request);
}

/// Ten attributes: five strings that are static, two that are not, three numbers.
pub(crate) fn api_span(tracer: &global::BoxedTracer, number: u64) {
    let attributes = vec![
        KeyValue::new("rpc.system.name", "grpc"),
        KeyValue::new("rpc.method", "helloworld.Greeter/SayHello"),
        KeyValue::new("server.address", "shop.example"),
        KeyValue::new("server.port", 8080),
        KeyValue::new("network.peer.address", format!("10.0.0.{}", number % 250)),
        KeyValue::new("network.peer.port", 51_234),
        KeyValue::new("user_agent.original", "grpc-go/1.76.0"),
        KeyValue::new("order.id", format!("order-{number}")),
    ];
    let mut span = tracer
        .span_builder("helloworld.Greeter/SayHello")
        .with_kind(SpanKind::Server)
        .with_attributes(attributes)
        .start_with_context(
            tracer,
            &Context::new().with_remote_span_context(parent(number)),
        );
    span.set_attribute(KeyValue::new("rpc.response.status_code", "OK"));
    span.set_attribute(KeyValue::new("response.bytes", 17));
    span.end();
}

fn parent(number: u64) -> opentelemetry::trace::SpanContext {
    let id = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    opentelemetry::trace::SpanContext::new(
        (u128::from(id) << 64 | u128::from(id)).into(),
        id.into(),
        opentelemetry::trace::TraceFlags::SAMPLED,
        true,
        Default::default(),
    )
}

/// The same in fastrace's way.
pub(crate) fn fastrace_span(number: u64) {
    use fastrace::prelude::{Span, SpanContext, SpanId, TraceId};

    let id = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let parent = SpanContext::new(TraceId(u128::from(id) << 64 | u128::from(id)), SpanId(id));
    let span = Span::root("helloworld.Greeter/SayHello", parent);
    span.add_properties(|| {
        [
            ("rpc.system.name", "grpc".into()),
            ("rpc.method", "helloworld.Greeter/SayHello".into()),
            ("server.address", "shop.example".into()),
            ("server.port", "8080".into()),
            (
                "network.peer.address",
                format!("10.0.0.{}", number % 250).into(),
            ),
            ("network.peer.port", std::borrow::Cow::Borrowed("51234")),
            ("user_agent.original", "grpc-go/1.76.0".into()),
            ("order.id", format!("order-{number}").into()),
        ]
    });
    span.add_properties(|| [("rpc.response.status_code", "OK"), ("response.bytes", "17")]);
}
