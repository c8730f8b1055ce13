//! Exports spans to Zipkin, or to any collector that accepts Zipkin's JSON.
//!
//! ```no_run
//! let guard = lianlu::zipkin::pipeline()
//!     .with_collector_endpoint("http://localhost:9411/api/v2/spans")
//!     .install()?;
//! # let _ = guard.shutdown();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If no endpoint is set in code, `OTEL_EXPORTER_ZIPKIN_ENDPOINT` is used.
//! `OTEL_EXPORTER_ZIPKIN_TIMEOUT` is the timeout of a request in milliseconds (10000; 0: no limit).

use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::zipkin::Exporter;
use lianlu_sdk::{EndpointText, Export, OptionError};

use super::{EXPORT_TIMEOUT, Pipeline, env};

const DEFAULT_COLLECTOR: &str = "http://localhost:9411/api/v2/spans";
const ENDPOINT: &str = "OTEL_EXPORTER_ZIPKIN_ENDPOINT";
const TIMEOUT: &str = "OTEL_EXPORTER_ZIPKIN_TIMEOUT";

/// A pipeline that exports to Zipkin. See the [module](self).
pub fn pipeline() -> Pipeline<Zipkin> {
    Pipeline::new(Zipkin::default())
}

/// The options of a Zipkin pipeline.
#[derive(Debug, Clone, Default)]
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

/// Where to send, by code or by the environment.
#[derive(Clone)]
pub(super) struct Settings {
    option: &'static str,
    url: String,
    timeout: Duration,
}

impl Zipkin {
    /// The options set in code, else in the environment. A timeout of the environment is at most
    /// `max_timeout`.
    pub(super) fn settings(&self, reader: &mut Reader, max_timeout: Duration) -> Settings {
        let (option, url) = match &self.collector {
            Some(url) => ("with_collector_endpoint", url.as_str().to_owned()),
            None => (ENDPOINT, env::url(reader, ENDPOINT, DEFAULT_COLLECTOR)),
        };
        let timeout = reader.timeout(TIMEOUT, 10_000);
        Settings {
            option,
            url,
            timeout: timeout.unwrap_or(EXPORT_TIMEOUT).min(max_timeout),
        }
    }
}

impl Settings {
    pub(super) fn build(&self) -> Result<Exporter, OptionError> {
        Exporter::new(self.option, &self.url, self.timeout)
    }
}

impl super::Exporter for Zipkin {
    fn build(&self) -> Result<Vec<Box<dyn Export>>, OptionError> {
        let settings = env::strict(|reader, most| self.settings(reader, most))?;
        Ok(vec![Box::new(settings.build()?)])
    }
}
