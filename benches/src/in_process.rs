//! What a layer adds to a call, in process.
//!
//! Chunks of calls to the bare service and chunks to the one with the layer take turns, so that whatever
//! else the machine does meets both. A sample is the difference of two neighbours.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Empty, Full};
use serde::{Deserialize, Serialize};
use tower_layer::{Identity, Layer};
use tower_service::Service;

use crate::calls::caller::call;
use crate::calls::handler::Handling;
use crate::calls::requests::{self, Case};
use crate::calls::service::Greeter;
use crate::machine::clocks::Moment;
use crate::machine::{allocations, processors};
use crate::peers::{self, Destination, Peer, Pipeline, Work};

/// Requests that are made before the clock starts. Few enough to stay in the processor's cache.
const CHUNK: u64 = 200;
/// Spans between two flushes: fewer than every queue holds, so that no span is dropped.
const SPANS_TO_FLUSH: u64 = 1_600;
const WARM_UP: usize = 24;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    peer: Peer,
    #[arg(long)]
    transport: Transport,
    #[arg(long)]
    case: Case,
    #[arg(long, default_value = "empty")]
    body: RequestBody,
    /// Pairs of chunks.
    #[arg(long, default_value_t = 200)]
    samples: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transport {
    Grpc,
    Http,
}

/// The type of a gRPC request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RequestBody {
    /// `http_body_util::Empty`.
    Empty,
    /// `http_body_util::Full`.
    Full,
    /// `tonic::body::Body`, which our layer looks into.
    Tonic,
}

/// One process's samples, each for one call.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Nanoseconds added, of the calling thread's own time.
    pub(crate) added: Vec<f64>,
    /// The same on the wall.
    pub(crate) added_wall: Vec<f64>,
    pub(crate) bare: Vec<f64>,
    /// Heap allocations added on the calling thread.
    pub(crate) allocations: f64,
    /// Through the layer.
    pub(crate) calls: u64,
    pub(crate) spans_exported: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Measured {
    // The worker starts, and stays, on the other processor.
    processors::pin(1);
    let off = arguments.case == Case::Off;
    let kind = arguments.peer.kind();
    let (pipeline, exported) = peers::install(kind, &Destination::Nowhere, !off);
    processors::pin(0);

    let case = arguments.case;
    let mut counts = match (arguments.transport, arguments.body) {
        _ if case == Case::AttributesAndChild => handling(arguments, &*pipeline),
        (Transport::Http, _) => http(arguments, off, &*pipeline),
        (Transport::Grpc, RequestBody::Empty) => {
            let request = |number| requests::grpc(case, number, Empty::<Bytes>::new());
            grpc(arguments, off, &*pipeline, request)
        }
        (Transport::Grpc, RequestBody::Full) => {
            let body = Full::new(Bytes::from_static(b"\0\0\0\0\x05\n\x03you"));
            let request = move |number| requests::grpc(case, number, body.clone());
            grpc(arguments, off, &*pipeline, request)
        }
        (Transport::Grpc, RequestBody::Tonic) => {
            let body = Full::new(Bytes::from_static(b"\0\0\0\0\x05\n\x03you"));
            let body = move || tonic::body::Body::new(body.clone());
            let request = move |number| requests::grpc(case, number, body());
            grpc(arguments, off, &*pipeline, request)
        }
    };
    pipeline.flush();
    counts.spans_exported = exported.count();
    counts
}

fn grpc<B>(
    arguments: &Arguments,
    off: bool,
    pipeline: &dyn Pipeline,
    request: impl FnMut(u64) -> Request<B>,
) -> Measured
where
    B: Body + Send + 'static,
{
    peers::with_grpc_layer!(arguments.peer, off, |layer| {
        let traced = layer.layer(Greeter);
        measure(arguments, pipeline, Greeter, traced, request)
    })
}

/// Calls with a handler that adds to the span; the bare service has none.
fn handling(arguments: &Arguments, pipeline: &dyn Pipeline) -> Measured {
    let case = arguments.case;
    let work = Work::of(arguments.peer);
    match arguments.transport {
        Transport::Grpc => {
            let work = move || work.run();
            let request = |number| requests::grpc(case, number, Empty::<Bytes>::new());
            peers::with_grpc_layer!(arguments.peer, false, |layer| {
                let traced = layer.layer(Handling::new(Greeter, work));
                measure(arguments, pipeline, Greeter, traced, request)
            })
        }
        Transport::Http => {
            let handler = move || {
                let work = work.clone();
                async move {
                    work.run();
                    "7"
                }
            };
            let router = axum::Router::new().route("/orders/{id}", axum::routing::get(handler));
            let traced = peers::http(router, arguments.peer, false);
            let bare: axum::Router = bare_router().layer(Identity::new());
            let request = |number| requests::http(case, number);
            measure(arguments, pipeline, bare, traced, request)
        }
    }
}

fn bare_router() -> axum::Router {
    axum::Router::new().route("/orders/{id}", axum::routing::get(|| async { "7" }))
}

fn http(arguments: &Arguments, off: bool, pipeline: &dyn Pipeline) -> Measured {
    let bare: axum::Router = bare_router().layer(Identity::new());
    let traced = peers::http(bare_router(), arguments.peer, off);
    let case = arguments.case;
    measure(arguments, pipeline, bare, traced, |number| {
        requests::http(case, number)
    })
}

fn measure<B, S, R, T, Q>(
    arguments: &Arguments,
    pipeline: &dyn Pipeline,
    mut bare: S,
    mut traced: T,
    mut request: impl FnMut(u64) -> Request<B>,
) -> Measured
where
    S: Service<Request<B>, Response = Response<R>>,
    T: Service<Request<B>, Response = Response<Q>>,
    R: Body,
    Q: Body,
{
    let samples = arguments.samples;
    let spans = arguments.case.exported_spans().max(1) * CHUNK;
    let chunks_to_flush = (SPANS_TO_FLUSH / spans) as usize;
    let mut measured = Measured {
        added: Vec::with_capacity(samples),
        added_wall: Vec::with_capacity(samples),
        bare: Vec::with_capacity(samples),
        allocations: 0.0,
        calls: 0,
        spans_exported: 0,
    };
    let mut number = 0;
    let mut allocations = (0, 0);
    for sample in 0..WARM_UP + samples {
        let without = chunk(&mut bare, &mut request, &mut number);
        let with = chunk(&mut traced, &mut request, &mut number);
        measured.calls += CHUNK;
        if sample % chunks_to_flush == chunks_to_flush - 1 {
            pipeline.flush();
        }
        if sample < WARM_UP {
            continue;
        }
        measured.added.push(with.nanos - without.nanos);
        measured
            .added_wall
            .push(with.nanos_wall - without.nanos_wall);
        measured.bare.push(without.nanos);
        allocations.0 += without.allocations;
        allocations.1 += with.allocations;
    }
    let calls = samples as f64 * CHUNK as f64;
    measured.allocations = (allocations.1 as f64 - allocations.0 as f64) / calls;
    measured
}

struct Chunk {
    /// For each call.
    nanos: f64,
    nanos_wall: f64,
    /// In all.
    allocations: u64,
}

fn chunk<B, S, R>(
    service: &mut S,
    request: &mut impl FnMut(u64) -> Request<B>,
    number: &mut u64,
) -> Chunk
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    let requests: Vec<_> = (*number..*number + CHUNK).map(request).collect();
    *number += CHUNK;
    let allocations = allocations::of_this_thread();
    let began = Moment::now();
    for request in requests {
        call(service, request);
    }
    let took = began.elapsed();
    Chunk {
        nanos: took.thread.as_nanos() as f64 / CHUNK as f64,
        nanos_wall: took.wall.as_nanos() as f64 / CHUNK as f64,
        allocations: allocations::of_this_thread() - allocations,
    }
}
