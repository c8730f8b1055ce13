//! The exporter and its two ways out.

use std::time::Duration;

use http::{HeaderValue, Uri};
use lianlu_wire::jaeger::{Batch, encode_batch_binary};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::agent::Agent;
use super::convert::{OwnedProcess, span};
use crate::endpoint::check_endpoint;
use crate::error::OptionError;
use crate::export::{Export, Failure};
use crate::http_client::HttpClient;
use crate::post::post;

const CONTENT_TYPE: &str = "application/x-thrift";

/// Sends spans to Jaeger.
#[derive(Debug)]
pub struct Exporter {
    route: Route,
    process: OwnedProcess,
}

#[derive(Debug)]
enum Route {
    Collector {
        uri: Uri,
        authorization: Option<HeaderValue>,
        client: HttpClient,
    },
    Agent(Agent),
}

impl Exporter {
    /// Posts binary thrift to a collector, `http://localhost:14268/api/traces` by default, with HTTP
    /// Basic authentication if `user` is given.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no usable URL; the error names `option`.
    pub fn collector(
        option: &'static str,
        endpoint: &str,
        user: Option<(&str, &str)>,
        timeout: Duration,
        resource: &Resource,
    ) -> Result<Self, OptionError> {
        let uri = check_endpoint(option, endpoint)?;
        let authorization = match user {
            Some((user, password)) => Some(basic_auth(user, password).ok_or_else(|| {
                OptionError::new("with_username", user, "not usable in an HTTP header")
            })?),
            None => None,
        };
        Ok(Self {
            route: Route::Collector {
                uri,
                authorization,
                client: HttpClient::new(timeout),
            },
            process: OwnedProcess::new(resource),
        })
    }

    /// Sends compact thrift in UDP packets of less than 65,000 bytes to an agent, `localhost:6831`
    /// by default. UDP has no receipt: sent counts as exported.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no `host:port`; the error names `option`.
    pub fn agent(
        option: &'static str,
        endpoint: &str,
        resource: &Resource,
    ) -> Result<Self, OptionError> {
        Ok(Self {
            route: Route::Agent(Agent::new(option, endpoint)?),
            process: OwnedProcess::new(resource),
        })
    }

    fn send(&self, batch: &[SpanData]) -> Result<(), Failure> {
        let process = self.process.borrow();
        let spans: Vec<_> = batch.iter().map(span).collect();
        match &self.route {
            Route::Collector {
                uri,
                authorization,
                client,
            } => {
                let all = batch.len();
                let mut body = Vec::new();
                encode_batch_binary(&Batch { process, spans }, &mut body)
                    .map_err(|error| Failure::new(all, error.to_string()))?;
                post(client, uri, CONTENT_TYPE, authorization.as_ref(), body)
                    .map_err(|reason| Failure::new(all, reason))
            }
            Route::Agent(agent) => agent.send(&process, &spans),
        }
    }
}

impl Export for Exporter {
    fn export(&mut self, batch: Vec<SpanData>) -> Result<(), Failure> {
        self.send(&batch)
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.send(&batch)
            .map_err(|failure| OTelSdkError::InternalFailure(failure.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.process = OwnedProcess::new(resource);
    }
}

/// The `Authorization` header of HTTP Basic authentication (RFC 7617).
fn basic_auth(user: &str, password: &str) -> Option<HeaderValue> {
    use base64::Engine as _;
    let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
