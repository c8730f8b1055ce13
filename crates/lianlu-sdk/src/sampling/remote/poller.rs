//! The thread that polls the collector.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

#[cfg(feature = "otlp-grpc")]
use http::HeaderMap;
use http::StatusCode;
use opentelemetry::Context;

use crate::sampling::Sampler;

use super::answer::{self, Told};
use super::strategy::Strategy;
#[cfg(feature = "otlp-grpc")]
use crate::export::otlp::Compression;
#[cfg(feature = "otlp-grpc")]
use crate::export::otlp::grpc::{GrpcClient, grpc_headers, plain};
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::http_client::HttpClient;
#[cfg(feature = "otlp-grpc")]
use crate::export::transport::tls::Tls;
use crate::pipeline::{Listener, PipelineEvent};

/// The timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of a response.
const MAX_ANSWER: usize = 1024 * 1024;
/// The port of Jaeger's collector for gRPC.
#[cfg(feature = "otlp-grpc")]
const GRPC_PORT: u16 = 14250;

/// The state that the sampler and the thread share.
pub(super) struct Shared {
    /// Locked only while the pointer is read or replaced.
    strategy: RwLock<Arc<Strategy>>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

impl Shared {
    pub(super) fn strategy(&self) -> Arc<Strategy> {
        Arc::clone(&self.strategy.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.notify_all();
    }

    fn apply(&self, told: Told) {
        let new = Arc::new(self.strategy().after(told));
        *self
            .strategy
            .write()
            .unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Waits for `interval`. Returns `false` if the sampler was stopped.
    fn goes_on_after(&self, interval: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) = self
            .stop
            .wait_timeout_while(stopped, interval, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        !*stopped
    }
}

pub(super) fn start(
    place: CollectorUrl,
    interval: Duration,
    initial: Sampler,
    listener: Listener,
) -> io::Result<Arc<Shared>> {
    let shared = Arc::new(Shared {
        strategy: RwLock::new(Arc::new(Strategy::Initial(Box::new(initial)))),
        stopped: Mutex::new(false),
        stop: Condvar::new(),
    });
    let of_thread = Arc::clone(&shared);
    std::thread::Builder::new()
        .name("lianlu-sampling".to_owned())
        .spawn(move || run(&of_thread, &place, interval, &listener))?;
    Ok(shared)
}

fn run(shared: &Shared, place: &CollectorUrl, interval: Duration, listener: &Listener) {
    // Polling must not be traced.
    let _silent = Context::enter_telemetry_suppressed_scope();
    let mut client = Client::of(place);
    let mut is_failing = false;
    loop {
        let result = client.ask(place);
        let notice = match result {
            Ok(told) => {
                shared.apply(told);
                std::mem::take(&mut is_failing).then_some(PipelineEvent::SamplingRecovered)
            }
            Err(_) if is_failing => None,
            Err(reason) => {
                is_failing = true;
                Some(PipelineEvent::SamplingFailing { reason })
            }
        };
        if let Some(notice) = notice {
            // A panic in the listener must not end this thread.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(&notice)));
        }
        if !shared.goes_on_after(interval) {
            return;
        }
    }
}

/// How the collector is asked.
enum Client {
    Http(HttpClient),
    #[cfg(feature = "otlp-grpc")]
    Grpc(Box<GrpcClient>),
}

impl Client {
    /// gRPC at Jaeger's port for it, else HTTP until the peer turns out to speak gRPC.
    fn of(place: &CollectorUrl) -> Self {
        #[cfg(feature = "otlp-grpc")]
        if place.uri().port_u16() == Some(GRPC_PORT)
            && let Some(client) = Self::grpc(place)
        {
            return client;
        }
        let _ = place;
        Self::Http(HttpClient::new(TIMEOUT))
    }

    #[cfg(feature = "otlp-grpc")]
    fn grpc(place: &CollectorUrl) -> Option<Self> {
        let mut headers = HeaderMap::new();
        if let Some(user) = place.authorization() {
            headers.insert(http::header::AUTHORIZATION, user.clone());
        }
        let headers = grpc_headers(headers, Compression::None);
        let tls = Tls::default();
        let client = GrpcClient::new(place.clone(), headers, TIMEOUT, MAX_ANSWER, &tls);
        Some(Self::Grpc(Box::new(client.ok()?)))
    }

    fn ask(&mut self, place: &CollectorUrl) -> Result<Told, String> {
        let client = match self {
            Self::Http(client) => client,
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(client) => return ask_grpc(client, place),
        };
        let error = match client.get(place, MAX_ANSWER) {
            Ok((status, body)) => return read_http(place, status, &body),
            Err(error) => error,
        };
        if client.speaks_http2(place.uri(), &error) {
            #[cfg(feature = "otlp-grpc")]
            if let Some(client) = Self::grpc(place) {
                *self = client;
                return self.ask(place);
            }
            return Err(format!(
                "{place} speaks gRPC, which needs the feature `otlp-grpc`"
            ));
        }
        Err(format!("{place}: {}", place.quote(&error.to_string())))
    }
}

fn read_http(place: &CollectorUrl, status: StatusCode, body: &[u8]) -> Result<Told, String> {
    if !status.is_success() {
        return Err(format!("{place} answered {status}"));
    }
    answer::read(body).map_err(|reason| format!("{place}: {}", place.quote(&reason)))
}

/// Asks `jaeger.api_v2.SamplingManager`.
#[cfg(feature = "otlp-grpc")]
fn ask_grpc(client: &mut GrpcClient, place: &CollectorUrl) -> Result<Told, String> {
    const METHOD: &str = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";

    let query = place.uri().query().unwrap_or_default();
    let service = query.rsplit_once("service=").map_or("", |(_, name)| name);
    let service = lianlu_wire::percent_decode(service);
    // SamplingStrategyParameters
    let mut message = vec![0x0a];
    lianlu_wire::otlp::put_varint(&mut message, service.len() as u64);
    message.extend_from_slice(service.as_bytes());
    let body = plain(&message).map_err(|error| error.to_string())?;
    let response = client.call(METHOD, body);
    let response = response.map_err(|failure| failure.reason)?;
    let message = response.into_message(place)?;
    answer::read_protobuf(&message).map_err(|reason| format!("{place}: {}", place.quote(&reason)))
}
