//! Makes the calls that are counted.
//!
//! Each request is made right before its call and freed in it, and the spans are flushed every so
//! many calls, both outside of what is counted. So malloc's lists are in the same state in each
//! round, as they are in a server that has run for a while, and the count does not depend on how
//! many calls are made.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use lianlu_sdk::{Batch, Export, Failure, Limits, TracerProvider};
use opentelemetry::global;
use opentelemetry::metrics::noop::NoopMeterProvider;
use tonic::body::Body;
use tower_layer::Layer as _;
use tower_service::Service;

use crate::allocations;
use crate::caller::call;
use crate::cases::{Case, Handler, Kind, Layer};
use crate::handler::{Handling, make_child, set_attributes};
use crate::page::Page;
use crate::requests::request;
use crate::service::Greeter;

/// Calls between two flushes.
const ROUND: usize = 250;
/// Fills caches, pools and buffers before anything is counted.
const WARM_UP: usize = 8 * ROUND;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Makes the calls and returns how many heap allocations they took on this thread.
pub(crate) fn run(case: Case, calls: usize) -> u64 {
    let folder = (case.layer == Layer::Recorded).then(Folder::default);
    let provider = install(folder.as_ref());
    let counter = Counter {
        case,
        calls,
        provider,
    };
    match case.request {
        Kind::GrpcTonicBody => counter.handle(Greeter, Body::empty),
        kind if kind.is_grpc() => counter.handle(Greeter, || ()),
        _ => counter.handle(Page, || ()),
    }
}

struct Counter {
    case: Case,
    calls: usize,
    provider: TracerProvider,
}

impl Counter {
    /// Puts the handler around the service.
    fn handle<S, B, R>(&self, service: S, body: impl Fn() -> B) -> u64
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Future: Unpin,
        S::Error: Display + 'static,
        R: http_body::Body,
        R::Error: Display + 'static,
        B: 'static,
    {
        match self.case.handler {
            Handler::Nothing => self.trace(service, body),
            Handler::Attributes => self.trace(Handling::new(service, set_attributes), body),
            Handler::AttributesAndChild => {
                let tracer = Arc::new(global::tracer("shop"));
                let work = move || {
                    set_attributes();
                    make_child(&tracer);
                };
                self.trace(Handling::new(service, work), body)
            }
        }
    }

    /// Puts the layer around the handler.
    fn trace<S, B, R>(&self, service: S, body: impl Fn() -> B) -> u64
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Display + 'static,
        R: http_body::Body,
        R::Error: Display + 'static,
        B: 'static,
    {
        let server = lianlu::server();
        match self.case.layer {
            Layer::None => self.count(service, body),
            Layer::Server | Layer::Recorded => self.count(server.layer(service), body),
            Layer::Off => self.count(server.with_filter(|_| false).layer(service), body),
            Layer::Client => self.count(lianlu::client().layer(service), body),
        }
    }

    fn count<S, B, R>(&self, mut service: S, body: impl Fn() -> B) -> u64
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: http_body::Body,
    {
        let mut allocations = 0;
        for number in 0..WARM_UP + self.calls {
            if number % ROUND == 0 {
                self.provider.flush(TIMEOUT).expect("the exporter accepts");
            }
            let mut request = Some(request(self.case.request, number, body()));
            let mut make_call = || {
                if let Some(request) = request.take() {
                    call(&mut service, request);
                }
            };
            if number < WARM_UP {
                make_call();
                continue;
            }
            let before = allocations::of_this_thread();
            // As a trait object, so that the function has one name for callgrind.
            counted(&mut make_call);
            allocations += allocations::of_this_thread() - before;
        }
        allocations
    }
}

/// Callgrind counts inside of this function only.
#[inline(never)]
fn counted(make_call: &mut dyn FnMut()) {
    make_call();
    // Keeps the call out of tail position, where it would replace this function's frame.
    std::hint::black_box(());
}

struct Drop;

impl Export for Drop {
    fn export(&mut self, _: &Batch) -> Result<(), Failure> {
        Ok(())
    }
}

/// A flight recorder's folder, removed with this value.
struct Folder(PathBuf);

impl Default for Folder {
    fn default() -> Self {
        let name = format!("lianlu-instructions-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl std::ops::Drop for Folder {
    fn drop(&mut self) {
        // A folder that is left over does no harm in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Installs a pipeline that works only when it is flushed, and metrics that go nowhere.
fn install(recorder: Option<&Folder>) -> TracerProvider {
    let mut limits = Limits::default();
    limits.queue_size = 1 << 16;
    limits.batch_size = 1 << 16;
    limits.schedule_delay = Duration::from_secs(3600);
    let mut provider = TracerProvider::builder()
        .with_limits(limits)
        .with_exporter(Drop);
    if let Some(Folder(path)) = recorder {
        provider = provider.with_flight_recorder(path);
    }
    let provider = provider.build().expect("a thread and a folder can be made");
    lianlu::set_tracer_provider(provider.clone());
    lianlu::set_meter_provider(NoopMeterProvider::new());
    provider
}
