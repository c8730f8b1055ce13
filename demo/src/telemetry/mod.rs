//! A span pipeline for each service, all to one destination.

mod announce;
mod destination;

use std::time::{Duration, Instant};

use lianlu::pipeline::Tracer;
use lianlu::{ClientLayer, Guard, Resource, ServerLayer, pipeline::SpanCounts};
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TracerProvider;

use announce::Announcer;
use destination::Pipelines;
pub(crate) use destination::{Destination, SetupError};

/// The time for spans to end after the last call.
const SETTLE: Duration = Duration::from_secs(2);

/// The time for the collector at the end.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// The pipelines of all services and of the shopper.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) shopper: Service,
    pub(crate) gateway: Service,
    pub(crate) orders: Service,
    pub(crate) catalog: Service,
    announcement: String,
}

/// One service's pipeline.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    guard: Guard,
}

/// The counts of a service's spans.
#[derive(Debug)]
pub(crate) struct ServiceSpans {
    pub(crate) service: &'static str,
    pub(crate) counts: SpanCounts,
}

impl Telemetry {
    pub(crate) fn start(destination: &Destination) -> Result<Self, SetupError> {
        let pipelines = Pipelines::new(destination.clone());
        let announcer = Announcer::default();
        let service = |name| {
            let resource = Resource::builder().with_service_name(name).build();
            let guard = pipelines.build(resource, &announcer)?;
            Ok::<_, SetupError>(Service { name, guard })
        };
        Ok(Self {
            shopper: service("shopper")?,
            gateway: service("gateway")?,
            orders: service("orders")?,
            catalog: service("catalog")?,
            announcement: destination.to_string(),
        })
    }

    /// The destination, as text for the user.
    pub(crate) fn announcement(&self) -> &str {
        &self.announcement
    }

    fn services(&self) -> [&Service; 4] {
        [&self.shopper, &self.gateway, &self.orders, &self.catalog]
    }

    /// Waits until every span has ended and left its queue, so that the last traces are complete.
    fn settle(&self) {
        let deadline = Instant::now() + SETTLE;
        let is_settled = |service: &Service| {
            let counts = service.guard.counts();
            counts.open == 0 && counts.waiting == 0
        };
        while !self.services().into_iter().all(is_settled) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Flushes and stops the pipelines. Blocks. Call it after the runtime has been shut down, so
    /// that no call has an open span.
    pub(crate) fn finish(self) -> Vec<ServiceSpans> {
        self.settle();
        let services = [self.shopper, self.gateway, self.orders, self.catalog];
        // In parallel, as each may have to wait for the collector.
        std::thread::scope(|scope| {
            let finish = |service: Service| {
                let handle = service.guard.handle();
                // A failure has been counted and printed.
                let _ = service.guard.shutdown_timeout(LAST_EXPORT);
                ServiceSpans {
                    service: service.name,
                    counts: handle.counts(),
                }
            };
            let finishing = services.map(|service| scope.spawn(move || finish(service)));
            let spans = finishing.into_iter().map(|thread| thread.join());
            spans.filter_map(Result::ok).collect()
        })
    }
}

impl Service {
    /// The layer for this service's servers.
    pub(crate) fn server(&self) -> ServerLayer {
        lianlu::server()
            .with_tracer_provider(self.guard.tracer_provider().clone())
            .with_propagator(lianlu::propagation::default_propagator().with_caller_name(self.name))
    }

    /// The layer for this service's clients.
    pub(crate) fn client(&self) -> ClientLayer {
        lianlu::client()
            .with_tracer_provider(self.guard.tracer_provider().clone())
            .with_propagator(lianlu::propagation::default_propagator().with_caller_name(self.name))
    }

    /// A tracer for this service's own spans.
    pub(crate) fn tracer(&self) -> Tracer {
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        self.guard.tracer_provider().tracer_with_scope(scope)
    }
}
