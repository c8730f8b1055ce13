//! A sampler whose strategy comes from a Jaeger collector.

mod answer;
mod poller;
mod strategy;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};

use crate::error::OptionError;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::endpoint::check_endpoint;
use crate::export::transport::secrets::EndpointText;
use crate::pipeline::{Listener, PipelineEvent, to_stderr};
use crate::sampling::{EarlySampler, Sampler};
use poller::Shared;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// The initial ratio of Jaeger's own clients.
const INITIAL_RATIO: f64 = 0.001;

/// Samples by the strategy of a Jaeger collector, which is polled at intervals.
///
/// `GET {endpoint}/sampling?service=NAME` is Jaeger's [remote
/// sampling](https://www.jaegertracing.io/docs/latest/architecture/sampling/#remote-sampling) over
/// HTTP; Jaeger v2 serves it on port 5778 (extension `remote_sampling`). At port 14250, and where
/// the peer turns out to speak it, `jaeger.api_v2.SamplingManager` is called over gRPC instead,
/// which needs the feature `otlp-grpc`. The strategy is a ratio, a
/// rate, or a ratio for each operation (a span's name) together with a minimum rate for each
/// operation.
///
/// A dedicated thread polls; requests use the last strategy and never wait. If a response is
/// missing, longer than 1 MiB or invalid, the strategy stays, and the failure is reported once as a
/// [`PipelineEvent::SamplingFailing`]. At most 2000 operations are kept; others use the default
/// ratio.
///
/// ```
/// use lianlu_sdk::sampling::{JaegerRemote, Sampler};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let sampler = JaegerRemote::new("http://localhost:5778")
///     .with_initial_sampler(Sampler::AlwaysOn)
///     .start("shop")?;
/// let provider = SdkTracerProvider::builder()
///     .with_sampler(sampler.parent_based())
///     .build();
/// # drop(provider);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is asked before the start"]
pub struct JaegerRemote {
    option: &'static str,
    endpoint: EndpointText,
    interval: Duration,
    initial: Sampler,
}

/// Why a remote sampler was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteSamplerError {
    /// The endpoint is not a usable URL.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The system could not start a thread.
    #[error("no thread for the remote sampler: {0}")]
    Thread(#[from] std::io::Error),
}

impl JaegerRemote {
    /// Polls this URL. `/sampling` is added if it has no path; another path is used unchanged, such
    /// as `/api/sampling` of Jaeger v1's collector on port 14268.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            option: "JaegerRemote::new",
            endpoint: endpoint.into().into(),
            interval: DEFAULT_INTERVAL,
            initial: Sampler::TraceIdRatioBased(INITIAL_RATIO),
        }
    }

    /// The time between two polls: 60 seconds by default, between 10 ms and a day.
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        self
    }

    /// The sampler that decides until the first response. By default it samples one trace in a
    /// thousand, as Jaeger's clients do.
    pub fn with_initial_sampler(mut self, sampler: impl Into<Sampler>) -> Self {
        self.initial = sampler.into();
        self
    }

    /// The name of the option or variable to use in errors about the endpoint.
    #[doc(hidden)]
    pub fn named(mut self, option: &'static str) -> Self {
        self.option = option;
        self
    }

    /// Checks the endpoint without connecting to it.
    #[doc(hidden)]
    pub fn check(&self) -> Result<(), OptionError> {
        self.uri("").map(drop)
    }

    /// Starts to poll for the strategy of `service`. Failures are reported on standard error.
    ///
    /// # Errors
    ///
    /// If the endpoint is not a usable URL, or the system cannot start a thread. A collector that
    /// cannot be reached is not an error: the initial sampler decides until it responds.
    pub fn start(self, service: &str) -> Result<RemoteSampler, RemoteSamplerError> {
        self.launch(service, to_stderr())
    }

    /// As [`start`](Self::start), but failures are reported to `listener`, on the sampler's thread.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(
        self,
        service: &str,
        listener: impl Fn(&PipelineEvent) + Send + Sync + 'static,
    ) -> Result<RemoteSampler, RemoteSamplerError> {
        self.launch(service, Arc::new(listener))
    }

    fn launch(
        self,
        service: &str,
        listener: Listener,
    ) -> Result<RemoteSampler, RemoteSamplerError> {
        let uri = self.uri(service)?;
        let shared = poller::start(
            CollectorUrl::new(uri),
            self.interval,
            self.initial,
            listener,
        )?;
        Ok(RemoteSampler {
            owner: Arc::new(Owner(shared)),
        })
    }

    fn uri(&self, service: &str) -> Result<Uri, OptionError> {
        let base = check_endpoint(self.option, self.endpoint.as_str())?;
        let text = base.to_string();
        let (address, query) = match text.split_once('?') {
            Some((address, query)) => (address, format!("{query}&")),
            None => (text.as_str(), String::new()),
        };
        let path = match base.path() {
            "" | "/" => "/sampling",
            _ => "",
        };
        let address = address.trim_end_matches('/');
        let service = percent_encode(service);
        format!("{address}{path}?{query}service={service}")
            .parse()
            .map_err(|cause: http::uri::InvalidUri| {
                OptionError::new(self.option, self.endpoint.as_str(), cause.to_string())
            })
    }
}

/// Escapes everything that a query's value may not contain literally.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A running [`JaegerRemote`]. Clones share the strategy; the thread ends when the last one is
/// dropped, or at [`stop`](Self::stop).
#[derive(Clone)]
pub struct RemoteSampler {
    owner: Arc<Owner>,
}

impl RemoteSampler {
    /// Stops polling, and keeps sampling by the last strategy. Does not wait for a request in
    /// progress.
    pub fn stop(&self) {
        self.owner.0.stop();
    }

    /// Applies the strategy only to a trace's first span; a span with a parent follows its parent's
    /// decision.
    #[must_use]
    pub fn parent_based(self) -> Sampler {
        Sampler::from(self).parent_based()
    }
}

impl From<RemoteSampler> for Sampler {
    fn from(sampler: RemoteSampler) -> Self {
        Self::early(sampler)
    }
}

impl EarlySampler for RemoteSampler {
    fn decide_early(&self, parent: Option<bool>, trace_id: TraceId) -> Option<bool> {
        self.owner.0.strategy().decide_early(parent, trace_id)
    }
}

struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl ShouldSample for RemoteSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        self.owner
            .0
            .strategy()
            .should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

impl fmt::Debug for RemoteSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSampler")
            .field("strategy", &self.owner.0.strategy())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::JaegerRemote;

    #[test]
    fn polls_the_configured_url() {
        for (endpoint, uri) in [
            ("http://h:5778", "http://h:5778/sampling?service=a%20b%26c"),
            ("http://h:5778/", "http://h:5778/sampling?service=a%20b%26c"),
            (
                "http://h/api/sampling",
                "http://h/api/sampling?service=a%20b%26c",
            ),
            ("http://h/x?k=v", "http://h/x?k=v&service=a%20b%26c"),
        ] {
            let asked = JaegerRemote::new(endpoint).uri("a b&c").unwrap();
            assert_eq!(asked.to_string(), uri, "{endpoint}");
        }
        for bad in ["", "localhost:5778", "ftp://h"] {
            let error = JaegerRemote::new(bad)
                .start("shop")
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("JaegerRemote::new: "), "{error}");
        }
    }
}
