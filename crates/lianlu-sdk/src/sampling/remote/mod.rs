//! The sampler whose strategy a Jaeger collector sends.

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
use crate::pipeline::{Listener, PipelineEvent, to_stderr};
use crate::sampling::{EarlySampler, Sampler};
use poller::Shared;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// Jaeger's own clients begin with this share.
const INITIAL_RATIO: f64 = 0.001;

/// Samples as a Jaeger collector says, which is asked for its strategy at intervals.
///
/// `GET {endpoint}/sampling?service=NAME` is Jaeger's
/// [remote sampling](https://www.jaegertracing.io/docs/latest/architecture/sampling/#remote-sampling)
/// over HTTP; Jaeger v2 serves it on port 5778 (extension `remote_sampling`). It answers with a ratio,
/// a rate, or a ratio for each operation (a span's name) with a rate that each has at least.
///
/// A thread of its own asks; a request takes what was last heard and waits for nothing. An answer that
/// does not come, is longer than 1 MiB or makes no sense leaves the strategy as it is and is said once
/// as a [`PipelineEvent::SamplingFailing`]. At most 2000 operations are kept; the others have the default.
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
    endpoint: String,
    interval: Duration,
    initial: Sampler,
}

/// Why a remote sampler was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteSamplerError {
    /// The endpoint is no usable URL.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The system gave no thread.
    #[error("no thread for the remote sampler: {0}")]
    Thread(#[from] std::io::Error),
}

impl JaegerRemote {
    /// Asks at this URL. One without a path gets `/sampling`; another path is taken as it is, such as
    /// `/api/sampling` of Jaeger v1's collector on port 14268.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            option: "JaegerRemote::new",
            endpoint: endpoint.into(),
            interval: DEFAULT_INTERVAL,
            initial: Sampler::TraceIdRatioBased(INITIAL_RATIO),
        }
    }

    /// Asks this often, every 60 seconds by default; between 10 ms and a day.
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        self
    }

    /// Decides until the first answer; one trace in a thousand by default, as Jaeger's clients do.
    pub fn with_initial_sampler(mut self, sampler: impl Into<Sampler>) -> Self {
        self.initial = sampler.into();
        self
    }

    /// Names the option or variable that an error about the endpoint is about.
    #[doc(hidden)]
    pub fn named(mut self, option: &'static str) -> Self {
        self.option = option;
        self
    }

    /// Checks the endpoint without asking there.
    #[doc(hidden)]
    pub fn check(&self) -> Result<(), OptionError> {
        self.uri("").map(drop)
    }

    /// Starts to ask for the strategy of `service`. Failures are said on standard error.
    ///
    /// # Errors
    ///
    /// When the endpoint is no usable URL, or the system gives no thread. A collector that isn't there
    /// is no error: the initial sampler decides until it is.
    pub fn start(self, service: &str) -> Result<RemoteSampler, RemoteSamplerError> {
        self.launch(service, to_stderr())
    }

    /// As [`start`](Self::start), and failures are said to `listener`, on the sampler's thread.
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
        let base = check_endpoint(self.option, &self.endpoint)?;
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
            .map_err(|cause| OptionError::new(self.option, &self.endpoint, format!("{cause}")))
    }
}

/// All but what a query's value may hold as it is.
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

/// A running [`JaegerRemote`]. Copies share the strategy; the thread ends with the last of them, or at
/// [`stop`](Self::stop).
#[derive(Clone)]
pub struct RemoteSampler {
    owner: Arc<Owner>,
}

impl RemoteSampler {
    /// Asks no more, and keeps deciding by what was heard last. A question under way is not waited for.
    pub fn stop(&self) {
        self.owner.0.stop();
    }

    /// Follows the strategy for a trace's first span only; a span with a parent does as its parent did.
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
    fn where_it_asks() {
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
