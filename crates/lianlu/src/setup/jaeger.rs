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
//! let _ = guard.shutdown();
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
//! | `OTEL_EXPORTER_JAEGER_TIMEOUT` | timeout of a request, in milliseconds (10000; 0: no limit) |
//!
//! A collector takes precedence over an agent. With neither, spans are sent to
//! `http://localhost:14268/api/traces`.
//!
//! Jaeger 1.35 and later also accepts OTLP, see [`otlp`](crate::otlp).

use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::jaeger::Exporter;
use lianlu_sdk::{EndpointText, Export, OptionError};

use super::{EXPORT_TIMEOUT, Pipeline, env};

const DEFAULT_COLLECTOR: &str = "http://localhost:14268/api/traces";

const ENDPOINT: &str = "OTEL_EXPORTER_JAEGER_ENDPOINT";
const USER: &str = "OTEL_EXPORTER_JAEGER_USER";
const PASSWORD: &str = "OTEL_EXPORTER_JAEGER_PASSWORD";
const AGENT_HOST: &str = "OTEL_EXPORTER_JAEGER_AGENT_HOST";
const AGENT_PORT: &str = "OTEL_EXPORTER_JAEGER_AGENT_PORT";
const TIMEOUT: &str = "OTEL_EXPORTER_JAEGER_TIMEOUT";

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

/// Where to send, by code or by the environment.
#[derive(Clone)]
pub(super) struct Settings {
    destination: Destination,
    user: Option<(String, String)>,
    timeout: Duration,
}

#[derive(Clone)]
enum Destination {
    Collector(&'static str, String),
    Agent(&'static str, String),
}

impl Jaeger {
    /// The options set in code, else in the environment. A timeout of the environment is at most
    /// `max_timeout`.
    pub(super) fn settings(&self, reader: &mut Reader, max_timeout: Duration) -> Settings {
        let user = self.username.clone().or_else(|| reader.text(USER));
        let password = self.password.clone().or_else(|| reader.text(PASSWORD));
        let timeout = reader.timeout(TIMEOUT, 10_000);
        Settings {
            destination: self.destination(reader),
            user: user.map(|user| (user, password.unwrap_or_default())),
            timeout: timeout.unwrap_or(EXPORT_TIMEOUT).min(max_timeout),
        }
    }

    /// The destination set in code, else in the environment, else the default; with the name of the
    /// option for errors.
    fn destination(&self, reader: &mut Reader) -> Destination {
        if let Some(url) = &self.collector {
            let url = url.as_str().to_owned();
            return Destination::Collector("with_collector_endpoint", url);
        }
        if let Some(address) = &self.agent {
            let address = address.as_str().to_owned();
            return Destination::Agent("with_agent_endpoint", address);
        }
        let default = Destination::Collector(ENDPOINT, DEFAULT_COLLECTOR.to_owned());
        if reader.text(ENDPOINT).is_some() {
            return Destination::Collector(ENDPOINT, env::url(reader, ENDPOINT, DEFAULT_COLLECTOR));
        }
        let (host, port) = (reader.text(AGENT_HOST), reader.text(AGENT_PORT));
        if host.is_none() && port.is_none() {
            return default;
        }
        let fallback = format!("{DEFAULT_COLLECTOR} is used");
        let port = port.unwrap_or_else(|| "6831".to_owned());
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            reader.warn(AGENT_PORT, &port, "not a port", fallback);
            return default;
        }
        let address = format!("{}:{port}", host.as_deref().unwrap_or("localhost"));
        match Exporter::agent(AGENT_HOST, &address) {
            Ok(_) => Destination::Agent(AGENT_HOST, address),
            Err(error) => {
                reader.refuse(error, fallback);
                default
            }
        }
    }
}

impl Settings {
    pub(super) fn build(&self) -> Result<Exporter, OptionError> {
        let user = self.user.as_ref();
        let user = user.map(|(user, password)| (user.as_str(), password.as_str()));
        match &self.destination {
            Destination::Collector(option, url) => {
                Exporter::collector(option, url, user, self.timeout)
            }
            Destination::Agent(option, address) => Exporter::agent(option, address),
        }
    }
}

impl super::Exporter for Jaeger {
    fn build(&self) -> Result<Vec<Box<dyn Export>>, OptionError> {
        let settings = env::strict(|reader, most| self.settings(reader, most))?;
        Ok(vec![Box::new(settings.build()?)])
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
