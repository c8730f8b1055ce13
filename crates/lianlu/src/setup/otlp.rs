//! Exports spans over OTLP, OpenTelemetry's own protocol: to an OpenTelemetry Collector, Jaeger
//! 1.35 or later, Grafana Tempo and most other backends.
//!
//! ```no_run
//! let guard = lianlu::otlp::pipeline()
//!     .with_endpoint("http://localhost:4318")
//!     .install()?;
//! # let _ = guard.shutdown();
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
//! | `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, `OTEL_EXPORTER_OTLP_TIMEOUT` | [`with_timeout`](Pipeline::with_timeout) (milliseconds; 0: no limit) |
//! | `OTEL_EXPORTER_OTLP_TRACES_INSECURE`, `OTEL_EXPORTER_OTLP_INSECURE` | [`with_insecure`](Pipeline::with_insecure) (`true`, `false`) |
//! | `OTEL_EXPORTER_OTLP_TRACES_COMPRESSION`, `OTEL_EXPORTER_OTLP_COMPRESSION` | [`with_compression`](Pipeline::with_compression) (`none`, `gzip`, `zstd`) |
//! | `OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE`, `OTEL_EXPORTER_OTLP_CERTIFICATE` | [`with_root_certificates`](Pipeline::with_root_certificates) (a PEM file) |
//! | `OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE`, `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY`, `OTEL_EXPORTER_OTLP_CLIENT_KEY` | [`with_client_certificate`](Pipeline::with_client_certificate) (two PEM files) |

use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::otlp::{Builder, Exporter};
use lianlu_sdk::{EndpointText, Export, OptionError};

use super::env::otlp as env;
use super::{EXPORT_TIMEOUT, Pipeline};

pub use lianlu_sdk::otlp::{Compression, Protocol};

/// A pipeline that exports over OTLP; by default over HTTP to `http://localhost:4318`. See the
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
    insecure: Option<bool>,
    max_request: Option<usize>,
    max_response: Option<usize>,
    roots: Option<Vec<u8>>,
    client_certificate: Option<(Vec<u8>, Vec<u8>)>,
}

impl Pipeline<Otlp> {
    /// Sets the collector's URL. Over HTTP, `/v1/traces` is appended to a URL without a path. Over
    /// gRPC, `host:port` without a scheme is possible, see [`with_insecure`](Self::with_insecure).
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        self.exporter.endpoint = Some(url.into().into());
        self
    }

    /// Sets the protocol: gRPC or HTTP. By default `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL` or
    /// `OTEL_EXPORTER_OTLP_PROTOCOL` (`grpc`, `http/protobuf`, `http/json`), else HTTP with
    /// protobuf, or gRPC in a build without the feature `otlp-http`.
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
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`, else 10 seconds. Zero is no limit.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.exporter.timeout = Some(timeout);
        self
    }

    /// For a gRPC endpoint without a scheme, such as `collector:4317`: whether it is `http` instead
    /// of `https`. By default `OTEL_EXPORTER_OTLP_INSECURE`, else false.
    pub fn with_insecure(mut self, insecure: bool) -> Self {
        self.exporter.insecure = Some(insecure);
        self
    }

    /// Sets the largest request in bytes, before compression: 64 MiB by default. A span that is
    /// larger is not sent, and counted as lost.
    pub fn with_max_request_size(mut self, bytes: usize) -> Self {
        self.exporter.max_request = Some(bytes);
        self
    }

    /// Sets the largest response in bytes that is read, before and after decompression: 4 MiB by
    /// default. A longer one of a collector that has accepted the spans is a warning.
    pub fn with_max_response_size(mut self, bytes: usize) -> Self {
        self.exporter.max_response = Some(bytes);
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
    /// The options set in code, else in the environment. A timeout of the environment is at most
    /// `max_timeout`.
    pub(super) fn builder(&self, reader: &mut Reader, max_timeout: Duration) -> Builder {
        let protocol = self.protocol.unwrap_or_else(|| env::protocol(reader));
        let insecure = self.insecure.or_else(|| env::insecure(reader));
        let mut builder = Exporter::builder(protocol).with_insecure(insecure.unwrap_or_default());
        builder = match &self.endpoint {
            Some(url) => builder.with_endpoint(url.as_str()),
            None => env::endpoint(reader, protocol, insecure.unwrap_or_default(), builder),
        };
        let timeout = self.timeout.unwrap_or_else(|| {
            let timeout = env::timeout(reader).unwrap_or(EXPORT_TIMEOUT);
            timeout.min(max_timeout)
        });
        builder = builder.with_timeout(timeout);
        let headers = env::headers(reader);
        for (name, value) in headers.iter().chain(&self.headers) {
            builder = builder.with_header(name, value);
        }
        let compression = self.compression.or_else(|| env::compression(reader));
        builder = builder.with_compression(compression.unwrap_or_default());
        if let Some(bytes) = self.max_request {
            builder = builder.with_max_request_size(bytes);
        }
        if let Some(bytes) = self.max_response {
            builder = builder.with_max_response_size(bytes);
        }
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
    fn build(&self) -> Result<Vec<Box<dyn Export>>, OptionError> {
        let builder = super::env::strict(|reader, most| self.builder(reader, most))?;
        Ok(vec![Box::new(builder.build()?)])
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
