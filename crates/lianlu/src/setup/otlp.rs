//! Exports spans over OTLP, OpenTelemetry's own protocol: to an OpenTelemetry Collector, Jaeger
//! 1.35 or later, Grafana Tempo and most other backends.
//!
//! ```no_run
//! let guard = lianlu::otlp::pipeline()
//!     .with_endpoint("http://localhost:4317")
//!     .install()?;
//! # guard.shutdown()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Environment variables
//!
//! The [standard variables](https://opentelemetry.io/docs/specs/otel/protocol/exporter/) apply to
//! options that are not set in code. A variable for traces takes precedence over the one for all
//! signals.
//!
//! | variable | option |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, `OTEL_EXPORTER_OTLP_PROTOCOL` | [`with_protocol`](Pipeline::with_protocol) (`grpc`, `http/protobuf`, `http/json`) |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the URL that spans are sent to, unchanged |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | a collector's URL; over HTTP `/v1/traces` is appended |
//! | `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, `OTEL_EXPORTER_OTLP_HEADERS` | [`with_header`](Pipeline::with_header) (`name=value,…`, percent-encoded) |
//! | `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, `OTEL_EXPORTER_OTLP_TIMEOUT` | [`with_timeout`](Pipeline::with_timeout) (milliseconds) |
//! | `OTEL_EXPORTER_OTLP_TRACES_COMPRESSION`, `OTEL_EXPORTER_OTLP_COMPRESSION` | [`with_compression`](Pipeline::with_compression) (`none`, `gzip`, `zstd`) |
//! | `OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE`, `OTEL_EXPORTER_OTLP_CERTIFICATE` | [`with_root_certificates`](Pipeline::with_root_certificates) (a PEM file) |
//! | `OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE`, `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY`, `OTEL_EXPORTER_OTLP_CLIENT_KEY` | [`with_client_certificate`](Pipeline::with_client_certificate) (two PEM files) |

use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::otlp::{Builder, Exporter};
use lianlu_sdk::{EndpointText, OptionError};

use super::Pipeline;
use super::env::otlp as env;

pub use lianlu_sdk::otlp::{Compression, Protocol};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A pipeline that exports over OTLP; by default over gRPC to `http://localhost:4317`. See the
/// [module](self).
pub fn pipeline() -> Pipeline<Otlp> {
    Pipeline::new(Otlp::default())
}

/// The options of an OTLP pipeline.
#[derive(Clone, Default)]
pub struct Otlp {
    endpoint: Option<EndpointText>,
    protocol: Option<Protocol>,
    headers: Vec<(String, String)>,
    timeout: Option<Duration>,
    compression: Option<Compression>,
    roots: Option<Vec<u8>>,
    client_certificate: Option<(Vec<u8>, Vec<u8>)>,
}

impl Pipeline<Otlp> {
    /// Sets the collector's URL. Over HTTP, `/v1/traces` is appended to a URL without a path.
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        self.exporter.endpoint = Some(url.into().into());
        self
    }

    /// Sets the protocol: gRPC or HTTP. By default `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL` or
    /// `OTEL_EXPORTER_OTLP_PROTOCOL` (`grpc`, `http/protobuf`, `http/json`), else gRPC, or HTTP
    /// with protobuf in a build without the feature `otlp-grpc`.
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.exporter.protocol = Some(protocol);
        self
    }

    /// Sends a header (over gRPC, metadata) with each request, for example an API key. Headers of
    /// `OTEL_EXPORTER_OTLP_HEADERS` are sent too, unless they have the same name. Values are never
    /// shown in messages or `Debug` output.
    ///
    /// ```
    /// let pipeline = lianlu::otlp::pipeline()
    ///     .with_header("authorization", "Bearer secret")
    ///     .with_header("x-tenant", "shop");
    /// assert!(!format!("{pipeline:?}").contains("secret"));
    /// ```
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.exporter.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the timeout of a request, including the time to connect. By default
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`, else 10 seconds.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.exporter.timeout = Some(timeout);
        self
    }

    /// Compresses requests. Needs the feature `gzip` or `zstd`. By default
    /// `OTEL_EXPORTER_OTLP_COMPRESSION`, else none.
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.exporter.compression = Some(compression);
        self
    }

    /// Sets the root certificates (PEM) to trust if the endpoint is `https`. Needs the feature
    /// `tls`. By default those in the file `OTEL_EXPORTER_OTLP_CERTIFICATE`, else the system's.
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.exporter.roots = Some(pem.into());
        self
    }

    /// Sets the client certificate (PEM, followed by its intermediate certificates) and its key
    /// (PEM, unencrypted) for a collector that requires one, if the endpoint is `https`. Needs the
    /// feature `tls`. By default those in the files `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE` and
    /// `OTEL_EXPORTER_OTLP_CLIENT_KEY`, else none. The key is never
    /// shown in messages or `Debug` output.
    pub fn with_client_certificate(
        mut self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        self.exporter.client_certificate = Some((certificate_pem.into(), key_pem.into()));
        self
    }
}

impl Otlp {
    /// The options set in code, else in the environment. The timeout is at most `max_timeout`.
    pub(super) fn builder(&self, reader: &mut Reader, max_timeout: Duration) -> Builder {
        let protocol = self.protocol.unwrap_or_else(|| env::protocol(reader));
        let mut builder = Exporter::builder(protocol);
        builder = match &self.endpoint {
            Some(url) => builder.with_endpoint(url.as_str()),
            None => env::endpoint(reader, protocol, builder),
        };
        let timeout = self.timeout.or_else(|| env::timeout(reader));
        builder = builder.with_timeout(timeout.unwrap_or(TIMEOUT).min(max_timeout));
        let headers = env::headers(reader);
        for (name, value) in headers.iter().chain(&self.headers) {
            builder = builder.with_header(name, value);
        }
        let compression = self.compression.or_else(|| env::compression(reader));
        builder = builder.with_compression(compression.unwrap_or_default());
        let roots = self.roots.clone().or_else(|| env::certificates(reader));
        if let Some(pem) = roots {
            builder = builder.with_root_certificates(pem);
        }
        let client_certificate = self.client_certificate.clone();
        match client_certificate.or_else(|| env::client_certificate(reader)) {
            Some((certificate, key)) => builder.with_client_certificate(certificate, key),
            None => builder,
        }
    }
}

impl super::Exporter for Otlp {
    type Export = Exporter;

    fn build(&self) -> Result<Exporter, OptionError> {
        let mut reader = Reader::default();
        let builder = self.builder(&mut reader, Duration::MAX);
        reader.into_result()?;
        builder.build()
    }
}

// Not derived, so that logs never contain credentials.
impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}
