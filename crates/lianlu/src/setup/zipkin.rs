//! Exports spans to Zipkin, or to any collector that accepts Zipkin's JSON.
//!
//! ```no_run
//! let guard = lianlu::zipkin::pipeline()
//!     .with_collector_endpoint("http://localhost:9411/api/v2/spans")
//!     .install()?;
//! # guard.shutdown()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If no endpoint is set in code, `OTEL_EXPORTER_ZIPKIN_ENDPOINT` is used.

use lianlu_sdk::zipkin::Exporter;
use lianlu_sdk::{EndpointText, OptionError};

use super::{EXPORT_TIMEOUT, Pipeline};

pub(super) const DEFAULT_COLLECTOR: &str = "http://localhost:9411/api/v2/spans";
pub(super) const ENDPOINT: &str = "OTEL_EXPORTER_ZIPKIN_ENDPOINT";

/// A pipeline that exports to Zipkin. See the [module](self).
pub fn pipeline() -> Pipeline<Zipkin> {
    Pipeline::new(Zipkin::default())
}

/// The options of a Zipkin pipeline.
#[derive(Clone, Default)]
pub struct Zipkin {
    collector: Option<EndpointText>,
}

impl Pipeline<Zipkin> {
    /// Sends to a collector. The URL includes the path: `http://localhost:9411/api/v2/spans`.
    pub fn with_collector_endpoint(mut self, url: impl Into<String>) -> Self {
        self.exporter.collector = Some(url.into().into());
        self
    }
}

impl super::Exporter for Zipkin {
    type Export = Exporter;

    fn build(&self) -> Result<Exporter, OptionError> {
        let variable = std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty());
        let (option, url) = match (&self.collector, &variable) {
            (Some(url), _) => ("with_collector_endpoint", url.as_str()),
            (None, Some(url)) => (ENDPOINT, url.as_str()),
            (None, None) => ("with_collector_endpoint", DEFAULT_COLLECTOR),
        };
        Exporter::new(option, url, EXPORT_TIMEOUT)
    }
}

// Not derived, so that logs never contain credentials from the URL.
impl std::fmt::Debug for Zipkin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zipkin")
            .field("collector", &self.collector)
            .finish()
    }
}
