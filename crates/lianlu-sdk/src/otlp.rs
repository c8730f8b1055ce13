//! OTLP, the protocol of OpenTelemetry, over gRPC or HTTP.
//!
//! The encoding and the sending are those of `opentelemetry-otlp`, which follows
//! [the specification](https://opentelemetry.io/docs/specs/otlp/). What is ours: it runs on the
//! pipeline's own thread, gRPC with a runtime of its own there, HTTP without any.

use std::fmt;
use std::time::Duration;

use opentelemetry_otlp::{ExporterBuildError, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::endpoint::check_endpoint;
use crate::error::OptionError;
use crate::export::{Export, Failure};

/// Where OTLP over HTTP takes spans.
#[cfg(feature = "otlp-http")]
const TRACES_PATH: &str = "/v1/traces";

/// Sends spans over OTLP.
pub struct Exporter {
    inner: opentelemetry_otlp::SpanExporter,
    block_on: BlockOn,
}

enum BlockOn {
    /// gRPC's connection lives on this runtime, and moves only while a batch is exported.
    #[cfg(feature = "otlp-grpc")]
    Tokio(tokio::runtime::Runtime),
    /// The HTTP client blocks by itself.
    #[cfg(feature = "otlp-http")]
    Direct,
    /// Left behind by the drop.
    Gone,
}

/// A runtime may not be dropped inside of another one, which is where users may drop an exporter.
impl Drop for Exporter {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.block_on, BlockOn::Gone) {
            #[cfg(feature = "otlp-grpc")]
            BlockOn::Tokio(runtime) => runtime.shutdown_background(),
            _ => {}
        }
    }
}

impl Exporter {
    /// Sends over gRPC, to `endpoint` or else where `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` say, else to `http://localhost:4317`.
    ///
    /// # Errors
    ///
    /// When the endpoint is no usable URL; the error names the option or the variable.
    #[cfg(feature = "otlp-grpc")]
    pub fn grpc(endpoint: Option<&str>, resource: &Resource) -> Result<Self, OptionError> {
        Self::build_grpc(choose(endpoint), None, resource)
    }

    /// Sends over gRPC to this URL, and gives a request this long. The headers are still those of
    /// `OTEL_EXPORTER_OTLP_TRACES_HEADERS` or `OTEL_EXPORTER_OTLP_HEADERS`.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no usable URL; the error names `option`.
    #[cfg(feature = "otlp-grpc")]
    pub fn grpc_at(
        option: &'static str,
        endpoint: &str,
        timeout: Duration,
        resource: &Resource,
    ) -> Result<Self, OptionError> {
        Self::build_grpc(Some((option, endpoint.to_owned())), Some(timeout), resource)
    }

    #[cfg(feature = "otlp-grpc")]
    fn build_grpc(
        endpoint: Option<(&'static str, String)>,
        timeout: Option<Duration>,
        resource: &Resource,
    ) -> Result<Self, OptionError> {
        let mut builder = opentelemetry_otlp::SpanExporter::builder().with_tonic();
        if let Some(timeout) = timeout {
            builder = builder.with_timeout(timeout);
        }
        if let Some((option, endpoint)) = endpoint {
            let uri = check_endpoint(option, &endpoint)?;
            #[cfg(feature = "tls")]
            if uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
                use opentelemetry_otlp::WithTonicConfig;
                use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
                let tls = ClientTlsConfig::new().with_enabled_roots();
                builder = builder.with_tls_config(tls);
            }
            builder = builder.with_endpoint(uri.to_string());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| OptionError::new("otlp", "grpc", format!("no runtime: {cause}")))?;
        let built = {
            let _inside = runtime.enter();
            builder.build()
        };
        match built {
            Ok(inner) => Ok(Self::new(inner, BlockOn::Tokio(runtime), resource)),
            Err(error) => {
                runtime.shutdown_background();
                Err(build_error(&error))
            }
        }
    }

    /// Sends protobuf over HTTP, to `endpoint` or else where `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` say, else to `http://localhost:4318`. An endpoint without a path
    /// gets `/v1/traces`.
    ///
    /// # Errors
    ///
    /// When the endpoint is no usable URL; the error names the option or the variable.
    #[cfg(feature = "otlp-http")]
    pub fn http(endpoint: Option<&str>, resource: &Resource) -> Result<Self, OptionError> {
        use opentelemetry_otlp::WithHttpConfig;

        let mut builder = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client::Blocking::from_env()?);
        if let Some((option, endpoint)) = choose(endpoint) {
            let uri = check_endpoint(option, &endpoint)?;
            let has_path = !matches!(uri.path(), "" | "/") || option.ends_with("TRACES_ENDPOINT");
            let mut uri = uri.to_string();
            if !has_path || option == "OTEL_EXPORTER_OTLP_ENDPOINT" {
                uri = format!("{}{TRACES_PATH}", uri.trim_end_matches('/'));
            }
            builder = builder.with_endpoint(uri);
        }
        let inner = builder.build().map_err(|error| build_error(&error))?;
        Ok(Self::new(inner, BlockOn::Direct, resource))
    }

    /// Sends protobuf over HTTP to exactly this URL, and gives a request this long. The headers are
    /// still those of `OTEL_EXPORTER_OTLP_TRACES_HEADERS` or `OTEL_EXPORTER_OTLP_HEADERS`.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no usable URL; the error names `option`.
    #[cfg(feature = "otlp-http")]
    pub fn http_at(
        option: &'static str,
        endpoint: &str,
        timeout: Duration,
        resource: &Resource,
    ) -> Result<Self, OptionError> {
        use opentelemetry_otlp::WithHttpConfig;

        let uri = check_endpoint(option, endpoint)?;
        let inner = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client::Blocking::new(timeout))
            // Without it a protocol in the environment would count, also one that isn't this one.
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_timeout(timeout)
            .with_endpoint(uri.to_string())
            .build()
            .map_err(|error| build_error(&error))?;
        Ok(Self::new(inner, BlockOn::Direct, resource))
    }

    fn new(
        mut inner: opentelemetry_otlp::SpanExporter,
        block_on: BlockOn,
        resource: &Resource,
    ) -> Self {
        inner.set_resource(resource);
        Self { inner, block_on }
    }

    fn run(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        match &self.block_on {
            #[cfg(feature = "otlp-grpc")]
            BlockOn::Tokio(runtime) => runtime.block_on(self.inner.export(batch)),
            #[cfg(feature = "otlp-http")]
            BlockOn::Direct => futures_executor::block_on(self.inner.export(batch)),
            BlockOn::Gone => Err(OTelSdkError::AlreadyShutdown),
        }
    }
}

impl Export for Exporter {
    fn export(&mut self, batch: Vec<SpanData>) -> Result<(), Failure> {
        let count = batch.len();
        self.run(batch)
            .map_err(|error| Failure::new(count, error.to_string()))
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

/// The endpoint that counts, and who said it: code first, then the specific variable.
fn choose(endpoint: Option<&str>) -> Option<(&'static str, String)> {
    if let Some(endpoint) = endpoint {
        return Some(("with_endpoint", endpoint.to_owned()));
    }
    [
        opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
        opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT,
    ]
    .into_iter()
    .find_map(|variable| {
        let value = std::env::var(variable).ok()?;
        (!value.trim().is_empty()).then_some((variable, value))
    })
}

fn build_error(error: &ExporterBuildError) -> OptionError {
    OptionError::new("otlp", "", error.to_string())
}

#[cfg(feature = "otlp-http")]
mod client {
    use std::time::Duration;

    use opentelemetry_http::{Bytes, HttpError, Request, Response};

    use crate::error::OptionError;
    use crate::http_client::HttpClient;

    /// The pipeline's HTTP client, as `opentelemetry-otlp` wants one.
    #[derive(Debug)]
    pub(super) struct Blocking(HttpClient);

    impl Blocking {
        pub(super) fn new(timeout: Duration) -> Self {
            Self(HttpClient::new(timeout))
        }

        pub(super) fn from_env() -> Result<Self, OptionError> {
            let mut timeout = Duration::from_secs(10);
            for variable in [
                opentelemetry_otlp::OTEL_EXPORTER_OTLP_TIMEOUT,
                opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
            ] {
                let Ok(value) = std::env::var(variable) else {
                    continue;
                };
                let millis = value.trim().parse().map_err(|_| {
                    OptionError::new(variable, &value, "needs a whole number of milliseconds")
                })?;
                timeout = Duration::from_millis(millis);
            }
            Ok(Self::new(timeout))
        }
    }

    #[async_trait::async_trait]
    impl opentelemetry_http::HttpClient for Blocking {
        async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            let response = self.0.send(request.map(|body| body.to_vec()))?;
            Ok(response.map(Bytes::from))
        }
    }
}
