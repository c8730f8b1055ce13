//! The exporter, over HTTP or UDP.

use std::time::Duration;

use lianlu_wire::jaeger::encode_batch_binary;

use super::agent::Agent;
use super::convert::{process, spans};
use crate::error::OptionError;
use crate::export::batch::Batch;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::endpoint::check_endpoint;
use crate::export::transport::http_client::HttpClient;
use crate::export::transport::post::post;
use crate::export::{Component, Export, Failure};

const CONTENT_TYPE: &str = "application/x-thrift";

/// Sends spans to Jaeger.
#[derive(Debug)]
pub struct Exporter {
    transport: Transport,
}

#[derive(Debug)]
enum Transport {
    Collector {
        url: CollectorUrl,
        client: HttpClient,
    },
    Agent(Agent),
}

impl Exporter {
    /// Sends binary thrift to a collector, `http://localhost:14268/api/traces` by default, with
    /// HTTP Basic authentication if `user` is given.
    ///
    /// # Errors
    ///
    /// When `endpoint` is not a usable URL; the error names `option`.
    pub fn collector(
        option: &'static str,
        endpoint: &str,
        user: Option<(&str, &str)>,
        timeout: Duration,
    ) -> Result<Self, OptionError> {
        let mut url = CollectorUrl::new(check_endpoint(option, endpoint)?);
        if let Some((name, password)) = user
            && !url.set_user(name, password)
        {
            let problem = "not usable in an HTTP header";
            return Err(OptionError::new("with_username", "***", problem));
        }
        Ok(Self {
            transport: Transport::Collector {
                url,
                client: HttpClient::new(timeout),
            },
        })
    }

    /// Sends compact thrift in UDP packets of less than 65,000 bytes to an agent, `localhost:6831`
    /// by default. UDP has no acknowledgement: sent spans count as exported.
    ///
    /// # Errors
    ///
    /// When `endpoint` is not `host:port`; the error names `option`.
    pub fn agent(option: &'static str, endpoint: &str) -> Result<Self, OptionError> {
        Ok(Self {
            transport: Transport::Agent(Agent::new(option, endpoint)?),
        })
    }
}

impl Export for Exporter {
    fn destination(&self) -> String {
        match &self.transport {
            Transport::Collector { url, .. } => url.to_string(),
            Transport::Agent(agent) => agent.destination(),
        }
    }

    fn component(&self) -> Component {
        match &self.transport {
            Transport::Collector { url, .. } => url.component("jaeger_http_span_exporter"),
            Transport::Agent(agent) => agent.component(),
        }
    }

    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let lost = |reason: String| Failure::new(batch.len(), reason);
        let process = process(batch).map_err(|error| lost(error.to_string()))?;
        let spans = spans(batch).map_err(|error| lost(error.to_string()))?;
        match &self.transport {
            Transport::Collector { url, client } => {
                let batch = lianlu_wire::jaeger::Batch { process, spans };
                let mut body = Vec::new();
                encode_batch_binary(&batch, &mut body).map_err(|error| lost(error.to_string()))?;
                let spans = batch.spans.len();
                post(client, url, CONTENT_TYPE, &body, spans)
            }
            Transport::Agent(agent) => agent.send(&process, &spans),
        }
    }
}
