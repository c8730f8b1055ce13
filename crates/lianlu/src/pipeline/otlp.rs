//! Spans over OTLP, OpenTelemetry's own protocol: to a Collector, Jaeger 1.35 or later, Grafana Tempo
//! and most others.
//!
//! ```no_run
//! let guard = lianlu::otlp::pipeline()
//!     .with_endpoint("http://localhost:4317")
//!     .install()?;
//! # guard.shutdown()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where the code says nothing, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and
//! `OTEL_EXPORTER_OTLP_ENDPOINT` say where, and `OTEL_EXPORTER_OTLP_HEADERS`,
//! `OTEL_EXPORTER_OTLP_TIMEOUT` and the other
//! [standard variables](https://opentelemetry.io/docs/specs/otel/protocol/exporter/) how.

use lianlu_sdk::OptionError;
use lianlu_sdk::otlp::Exporter;
use opentelemetry_sdk::Resource;

use super::Pipeline;
use crate::redact::redact;

/// A pipeline over OTLP: gRPC to `http://localhost:4317` unless told otherwise. See the
/// [module](self).
pub fn pipeline() -> Pipeline<Otlp> {
    Pipeline::new(Otlp {
        endpoint: None,
        protocol: None,
    })
}

/// How OTLP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC; port 4317.
    #[cfg(feature = "otlp-grpc")]
    #[default]
    Grpc,
    /// Protobuf over HTTP; port 4318, path `/v1/traces`.
    #[cfg(feature = "otlp-http")]
    #[cfg_attr(not(feature = "otlp-grpc"), default)]
    HttpProtobuf,
}

impl Protocol {
    fn from_env() -> Result<Self, OptionError> {
        for variable in [
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ] {
            let Ok(value) = std::env::var(variable) else {
                continue;
            };
            return match value.trim() {
                "" => continue,
                #[cfg(feature = "otlp-grpc")]
                "grpc" => Ok(Self::Grpc),
                #[cfg(feature = "otlp-http")]
                "http/protobuf" => Ok(Self::HttpProtobuf),
                _ => Err(OptionError::new(
                    variable,
                    &value,
                    "not a protocol that this program was built with (grpc, http/protobuf)",
                )),
            };
        }
        Ok(Self::default())
    }
}

/// The options of a pipeline over OTLP.
#[derive(Clone)]
pub struct Otlp {
    endpoint: Option<String>,
    protocol: Option<Protocol>,
}

impl Pipeline<Otlp> {
    /// The collector's URL. Over HTTP, one without a path gets `/v1/traces`.
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        self.exporter.endpoint = Some(url.into());
        self
    }

    /// gRPC or HTTP. By default what `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL` or
    /// `OTEL_EXPORTER_OTLP_PROTOCOL` say (`grpc`, `http/protobuf`), else gRPC, or HTTP in a build with
    /// the feature `otlp-http` alone.
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.exporter.protocol = Some(protocol);
        self
    }
}

impl super::Exporter for Otlp {
    type Export = Exporter;

    fn build(&self, resource: &Resource) -> Result<Exporter, OptionError> {
        let endpoint = self.endpoint.as_deref();
        let protocol = match self.protocol {
            Some(protocol) => protocol,
            None => Protocol::from_env()?,
        };
        match protocol {
            #[cfg(feature = "otlp-grpc")]
            Protocol::Grpc => Exporter::grpc(endpoint, resource),
            #[cfg(feature = "otlp-http")]
            Protocol::HttpProtobuf => Exporter::http(endpoint, resource),
        }
    }
}

// By hand, so that no log shows credentials in a URL.
impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint.as_deref().map(redact))
            .field("protocol", &self.protocol)
            .finish()
    }
}
