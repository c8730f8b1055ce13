//! The Zipkin exporter.

use std::time::Duration;

use lianlu_wire::zipkin::encode_spans;

use super::convert::spans;
use crate::error::OptionError;
use crate::export::batch::Batch;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::endpoint::check_endpoint;
use crate::export::transport::http_client::HttpClient;
use crate::export::transport::post::post;
use crate::export::{Component, Export, Failure};

/// Sends spans to Zipkin, or to any server that accepts its format.
#[derive(Debug)]
pub struct Exporter {
    url: CollectorUrl,
    client: HttpClient,
}

impl Exporter {
    /// Sends JSON to `endpoint`, `http://localhost:9411/api/v2/spans` by default.
    ///
    /// # Errors
    ///
    /// When `endpoint` is not a usable URL; the error names `option`.
    pub fn new(
        option: &'static str,
        endpoint: &str,
        timeout: Duration,
    ) -> Result<Self, OptionError> {
        Ok(Self {
            url: CollectorUrl::new(check_endpoint(option, endpoint)?),
            client: HttpClient::new(timeout),
        })
    }
}

impl Export for Exporter {
    fn destination(&self) -> String {
        self.url.to_string()
    }

    fn component(&self) -> Component {
        self.url.component("zipkin_http_span_exporter")
    }

    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let lost = |reason: String| Failure::new(batch.len(), reason);
        let spans = spans(batch).map_err(|error| lost(error.to_string()))?;
        let body = encode_spans(&spans).map_err(|error| lost(error.to_string()))?;
        let (client, url) = (&self.client, &self.url);
        post(client, url, "application/json", &body, spans.len())
    }
}
