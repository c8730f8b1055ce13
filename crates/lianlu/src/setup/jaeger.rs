//! Exports spans to Jaeger in Jaeger's own protocols.
//!
//! ```no_run
//! use lianlu::{KeyValue, Resource, Sampler};
//!
//! let guard = lianlu::jaeger::pipeline()
//!     .with_collector_endpoint("http://localhost:14268/api/traces")
//!     .with_sampler(Sampler::AlwaysOn)
//!     .with_resource(
//!         Resource::builder()
//!             .with_service_name("kratos-trace")
//!             .with_attribute(KeyValue::new("exporter", "jaeger"))
//!             .build(),
//!     )
//!     .install()?;
//! // … serve …
//! guard.shutdown()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Environment variables
//!
//! The variables of the Jaeger exporters apply to options that are not set in code:
//!
//! | variable | option |
//! |---|---|
//! | `OTEL_EXPORTER_JAEGER_ENDPOINT` | [`with_collector_endpoint`](Pipeline::with_collector_endpoint) |
//! | `OTEL_EXPORTER_JAEGER_USER` | [`with_username`](Pipeline::with_username) |
//! | `OTEL_EXPORTER_JAEGER_PASSWORD` | [`with_password`](Pipeline::with_password) |
//! | `OTEL_EXPORTER_JAEGER_AGENT_HOST`, `OTEL_EXPORTER_JAEGER_AGENT_PORT` | [`with_agent_endpoint`](Pipeline::with_agent_endpoint) (`localhost`, `6831`) |
//! | `OTEL_EXPORTER_JAEGER_TIMEOUT` | timeout of a request, in milliseconds (10000) |
//!
//! A collector takes precedence over an agent. With neither, spans are sent to
//! `http://localhost:14268/api/traces`.
//!
//! Jaeger 1.35 and later also accepts OTLP, see [`otlp`](crate::otlp).

use std::time::Duration;

use lianlu_sdk::jaeger::Exporter;
use lianlu_sdk::{EndpointText, OptionError};

use super::{EXPORT_TIMEOUT, Pipeline};

pub(super) const DEFAULT_COLLECTOR: &str = "http://localhost:14268/api/traces";

pub(super) const ENDPOINT: &str = "OTEL_EXPORTER_JAEGER_ENDPOINT";
pub(super) const USER: &str = "OTEL_EXPORTER_JAEGER_USER";
pub(super) const PASSWORD: &str = "OTEL_EXPORTER_JAEGER_PASSWORD";
pub(super) const AGENT_HOST: &str = "OTEL_EXPORTER_JAEGER_AGENT_HOST";
pub(super) const AGENT_PORT: &str = "OTEL_EXPORTER_JAEGER_AGENT_PORT";
pub(super) const TIMEOUT: &str = "OTEL_EXPORTER_JAEGER_TIMEOUT";

/// A pipeline that exports to Jaeger. See the [module](self).
pub fn pipeline() -> Pipeline<Jaeger> {
    Pipeline::new(Jaeger::default())
}

/// The options of a Jaeger pipeline.
#[derive(Clone, Default)]
pub struct Jaeger {
    collector: Option<EndpointText>,
    agent: Option<EndpointText>,
    username: Option<String>,
    password: Option<String>,
}

impl Pipeline<Jaeger> {
    /// Sends to a collector. The URL includes the path: `http://localhost:14268/api/traces`.
    pub fn with_collector_endpoint(mut self, url: impl Into<String>) -> Self {
        self.exporter.collector = Some(url.into().into());
        self
    }

    /// Sends UDP packets to an agent at `host:port`, for example `localhost:6831`. A collector
    /// endpoint that is set in code takes precedence.
    pub fn with_agent_endpoint(mut self, address: impl Into<String>) -> Self {
        self.exporter.agent = Some(address.into().into());
        self
    }

    /// Sets the user name for the collector's HTTP Basic authentication.
    pub fn with_username(mut self, username: impl Into<String>) -> Self {
        self.exporter.username = Some(username.into());
        self
    }

    /// Sets the password for the collector's HTTP Basic authentication.
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.exporter.password = Some(password.into());
        self
    }
}

impl super::Exporter for Jaeger {
    type Export = Exporter;

    fn build(&self) -> Result<Exporter, OptionError> {
        match self.destination() {
            Destination::Collector(option, url) => {
                let username = self.username.clone().or_else(|| variable(USER));
                let password = self.password.clone().or_else(|| variable(PASSWORD));
                let user = username
                    .as_deref()
                    .map(|username| (username, password.as_deref().unwrap_or_default()));
                Exporter::collector(option, &url, user, timeout()?)
            }
            Destination::Agent(option, address) => Exporter::agent(option, &address),
        }
    }
}

enum Destination {
    Collector(&'static str, String),
    Agent(&'static str, String),
}

impl Jaeger {
    /// The destination set in code, else in the environment, else the default; with the name of the
    /// option for errors.
    fn destination(&self) -> Destination {
        if let Some(url) = &self.collector {
            return Destination::Collector("with_collector_endpoint", url.as_str().to_owned());
        }
        if let Some(address) = &self.agent {
            return Destination::Agent("with_agent_endpoint", address.as_str().to_owned());
        }
        if let Some(url) = variable(ENDPOINT) {
            return Destination::Collector(ENDPOINT, url);
        }
        let (host, port) = (variable(AGENT_HOST), variable(AGENT_PORT));
        if host.is_none() && port.is_none() {
            return Destination::Collector("with_collector_endpoint", DEFAULT_COLLECTOR.to_owned());
        }
        let option = if host.is_some() {
            AGENT_HOST
        } else {
            AGENT_PORT
        };
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let port = port.unwrap_or_else(|| "6831".to_owned());
        Destination::Agent(option, format!("{host}:{port}"))
    }
}

/// The value of a variable, unless it is empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn timeout() -> Result<Duration, OptionError> {
    let Some(value) = variable(TIMEOUT) else {
        return Ok(EXPORT_TIMEOUT);
    };
    match value.parse() {
        Ok(0) | Err(_) => Err(OptionError::new(
            TIMEOUT,
            value,
            "needs a whole number of milliseconds above 0",
        )),
        Ok(millis) => Ok(Duration::from_millis(millis)),
    }
}

// Not derived, so that logs never contain the password.
impl std::fmt::Debug for Jaeger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jaeger")
            .field("collector", &self.collector)
            .field("agent", &self.agent)
            .field("username", &self.username.as_ref().map(|_| "***"))
            .field("password", &self.password.as_ref().map(|_| "***"))
            .finish()
    }
}
