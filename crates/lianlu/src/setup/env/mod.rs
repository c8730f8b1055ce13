//! Configures a pipeline from environment variables: [`pipeline_from_env`].
//!
//! ```no_run
//! let guard = lianlu::pipeline_from_env().install()?;
//! // … serve …
//! guard.shutdown()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The variables are those of the
//! [specification](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
//! An empty variable counts as not set. **An invalid value is not an error**: the default is used,
//! and a line on standard error names the variable, see [`Warning`]. Options that are set in code
//! take precedence over the environment.
//!
//! | variable | values | default |
//! |---|---|---|
//! | `OTEL_SDK_DISABLED` | `true`: no spans and no warnings | `false` |
//! | `OTEL_SERVICE_NAME` | the resource's `service.name` | `unknown_service:` and the program's name |
//! | `OTEL_RESOURCE_ATTRIBUTES` | `key=value,…`, percent-encoded | |
//! | `OTEL_TRACES_EXPORTER` | `otlp`, `jaeger`, `zipkin`, `console`, `none`; each needs its feature | `otlp` |
//! | `OTEL_TRACES_SAMPLER` | `always_on`, `always_off`, `traceidratio`, `jaeger_remote`, each also with the prefix `parentbased_` | `parentbased_always_on` |
//! | `OTEL_TRACES_SAMPLER_ARG` | for `traceidratio`: the ratio | 1 |
//! | | for `jaeger_remote`: `endpoint=…,pollingIntervalMs=…,initialSamplingRate=…`, over HTTP | `http://localhost:5778/sampling`, 60000, 0.001 |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | a URL; over HTTP `/v1/traces` is appended | `http://localhost:4317`, over HTTP port 4318 |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | a URL, used unchanged | |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL` | `grpc`, `http/protobuf`, `http/json` | `grpc` if it is compiled in |
//! | `OTEL_EXPORTER_OTLP_HEADERS` | `name=value,…`, percent-encoded | |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` | timeout of a request in milliseconds | 10000 |
//! | `OTEL_EXPORTER_OTLP_COMPRESSION` | `none`, `gzip`, `zstd`; the latter two need the feature of that name | `none` |
//! | `OTEL_EXPORTER_OTLP_CERTIFICATE` | a PEM file of root certificates for `https`; needs the feature `tls` | the system's |
//! | `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `_CLIENT_KEY` | PEM files: the client certificate and its key | none |
//! | `OTEL_EXPORTER_JAEGER_ENDPOINT`, `_USER`, `_PASSWORD`, `_TIMEOUT` | a collector's URL, user and password, timeout in milliseconds | `http://localhost:14268/api/traces` |
//! | `OTEL_EXPORTER_JAEGER_AGENT_HOST`, `_PORT` | an agent, if no endpoint is set | |
//! | `OTEL_EXPORTER_ZIPKIN_ENDPOINT`, `_TIMEOUT` | a URL, timeout in milliseconds | `http://localhost:9411/api/v2/spans` |
//! | `OTEL_BSP_MAX_QUEUE_SIZE` | most waiting spans | 16384 |
//! | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` | most spans in a request | 512 |
//! | `OTEL_BSP_SCHEDULE_DELAY` | milliseconds that a span waits for its batch to fill | 1000 |
//! | `OTEL_BSP_EXPORT_TIMEOUT` | upper limit of every exporter's timeout in milliseconds | 30000 |
//! | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT` | most attributes of a span | 128 |
//! | `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` | most characters of a value | no limit |
//! | `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT` | most events and links of a span | 128 |
//! | `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT` | most attributes of an event or link | 128 |
//!
//! For each `OTEL_EXPORTER_OTLP_…` there is an `OTEL_EXPORTER_OTLP_TRACES_…` that takes precedence.

mod exporter;
#[cfg(feature = "jaeger")]
mod jaeger;
mod limits;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
pub(super) mod otlp;
mod percent;
mod resource;
mod sampler;
#[cfg(feature = "zipkin")]
mod zipkin;

use lianlu_sdk::env::{Reader, span_limits, value_length};
use lianlu_sdk::{Export, OptionError};

use super::{Environment, Output, Pipeline};
use exporter::Target;

pub use lianlu_sdk::env::Warning;

const DISABLED: &str = "OTEL_SDK_DISABLED";

/// A pipeline configured by the environment variables that the [module](self) lists. They are read
/// when this function is called.
///
/// ```
/// # #[cfg(feature = "console")] {
/// let mut pipeline = lianlu::pipeline_from_env();
/// // Write the warnings to your own log; otherwise they go to standard error.
/// for warning in pipeline.take_warnings() {
///     eprintln!("tracing: {warning}");
/// }
/// # }
/// ```
pub fn pipeline_from_env() -> Pipeline<FromEnv> {
    let mut reader = Reader::default();
    if is_disabled(&mut reader) {
        // Only the resource is needed, for the service name that clients send.
        let resource = resource::read(&mut reader);
        return Pipeline::new(FromEnv {
            target: Target::Discard,
            environment: Environment {
                resource: Some(resource),
                output: Output::Disabled,
                ..Environment::default()
            },
            warnings: Vec::new(),
        });
    }
    let max_timeout = limits::export_timeout(&mut reader);
    let target = exporter::read(&mut reader, max_timeout);
    let environment = Environment {
        sampler: Some(sampler::read(&mut reader)),
        resource: Some(resource::read(&mut reader)),
        limits: limits::queue(&mut reader),
        span_limits: Some(span_limits(&mut reader)),
        // Always set, so that the provider's builder does not read the variable again.
        value_length: Some(value_length(&mut reader).unwrap_or(usize::MAX)),
        output: match target {
            Target::Discard => Output::Discard,
            #[allow(unreachable_patterns)]
            _ => Output::Export,
        },
    };
    Pipeline::new(FromEnv {
        target,
        environment,
        warnings: reader.warnings,
    })
}

fn is_disabled(reader: &mut Reader) -> bool {
    let Some(value) = reader.text(DISABLED) else {
        return false;
    };
    let disabled = value.eq_ignore_ascii_case("true");
    if !disabled && !value.eq_ignore_ascii_case("false") {
        reader.warn(DISABLED, &value, "neither true nor false", "false is used");
    }
    disabled
}

/// Writes a warning to standard error, in one line.
fn print_warning(warning: &Warning) {
    crate::warning::warn(&warning.to_string());
}

/// The options of a pipeline from the environment.
#[derive(Debug, Clone)]
pub struct FromEnv {
    target: Target,
    environment: Environment,
    warnings: Vec<Warning>,
}

impl Pipeline<FromEnv> {
    /// One warning for each variable that was ignored.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.exporter.warnings
    }

    /// Takes the warnings. They are then not written to standard error when the pipeline starts.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.exporter.warnings)
    }
}

impl super::Exporter for FromEnv {
    type Export = Box<dyn Export>;

    fn build(&self) -> Result<Box<dyn Export>, OptionError> {
        Ok(self.target.build())
    }

    fn environment(&self, _: bool) -> Result<Environment, OptionError> {
        self.warnings.iter().for_each(print_warning);
        Ok(self.environment.clone())
    }
}
