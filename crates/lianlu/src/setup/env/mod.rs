//! A pipeline that is all in the environment: [`pipeline_from_env`].
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
//! One that is empty counts as not set. **A value that can't be used stops nothing**: the default is
//! used, and a line on standard error names the variable, see [`Warning`]. What is set in code on this
//! pipeline goes before the environment.
//!
//! | variable | values | by default |
//! |---|---|---|
//! | `OTEL_SDK_DISABLED` | `true`: no spans are made, and no warnings | `false` |
//! | `OTEL_SERVICE_NAME` | the resource's `service.name` | `unknown_service:` and the program |
//! | `OTEL_RESOURCE_ATTRIBUTES` | `key=value,…`, percent-encoded | |
//! | `OTEL_TRACES_EXPORTER` | `otlp`, `jaeger`, `zipkin`, `console`, `none`; each needs its feature | `otlp` |
//! | `OTEL_TRACES_SAMPLER` | `always_on`, `always_off`, `traceidratio`, `jaeger_remote`, each also with `parentbased_` before it | `parentbased_always_on` |
//! | `OTEL_TRACES_SAMPLER_ARG` | of `traceidratio`: the ratio | 1 |
//! | | of `jaeger_remote`: `endpoint=…,pollingIntervalMs=…,initialSamplingRate=…`, over HTTP | `http://localhost:5778/sampling`, 60000, 0.001 |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | a URL; over HTTP `/v1/traces` is added | `http://localhost:4317`, over HTTP port 4318 |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | a URL, taken as it is | |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL` | `grpc`, `http/protobuf`, `http/json` | `grpc` if it is built in |
//! | `OTEL_EXPORTER_OTLP_HEADERS` | `name=value,…`, percent-encoded | |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` | milliseconds a request may take | 10000 |
//! | `OTEL_EXPORTER_OTLP_COMPRESSION` | `none`, `gzip`, `zstd`; the latter two need the feature of their name | `none` |
//! | `OTEL_EXPORTER_OTLP_CERTIFICATE` | a file of certificates in PEM that `https` trusts; needs the feature `tls` | the system's |
//! | `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `_CLIENT_KEY` | files in PEM: a certificate that is shown to the collector, and its key | none is shown |
//! | `OTEL_EXPORTER_JAEGER_ENDPOINT`, `_USER`, `_PASSWORD`, `_TIMEOUT` | a collector's URL, its user, milliseconds | `http://localhost:14268/api/traces` |
//! | `OTEL_EXPORTER_JAEGER_AGENT_HOST`, `_PORT` | an agent, if no endpoint is set | |
//! | `OTEL_EXPORTER_ZIPKIN_ENDPOINT`, `_TIMEOUT` | a URL, milliseconds | `http://localhost:9411/api/v2/spans` |
//! | `OTEL_BSP_MAX_QUEUE_SIZE` | most spans that wait | 16384 |
//! | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` | most spans in a request | 512 |
//! | `OTEL_BSP_SCHEDULE_DELAY` | milliseconds a span waits for its batch to fill | 1000 |
//! | `OTEL_BSP_EXPORT_TIMEOUT` | milliseconds, above which no exporter's time-out goes | 30000 |
//! | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT` | most attributes of a span | 128 |
//! | `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` | most characters of a value | no limit |
//! | `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT` | most events and links of a span | 128 |
//! | `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT` | most attributes of each | 128 |
//!
//! Each `OTEL_EXPORTER_OTLP_…` has an `OTEL_EXPORTER_OTLP_TRACES_…` that goes before it.

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

/// A pipeline as the environment says, with its values of now. See the [module](self) for the
/// variables.
///
/// ```
/// # #[cfg(feature = "console")] {
/// let mut pipeline = lianlu::pipeline_from_env();
/// // To one's own log; what is not taken goes to standard error.
/// for warning in pipeline.take_warnings() {
///     eprintln!("tracing: {warning}");
/// }
/// # }
/// ```
pub fn pipeline_from_env() -> Pipeline<FromEnv> {
    let mut reader = Reader::default();
    let disabled = is_disabled(&mut reader);
    if disabled {
        // Only a resource is wanted, for the name that clients call themselves by.
        let resource = resource::read(&mut reader);
        return Pipeline::new(FromEnv {
            target: Target::Nowhere,
            environment: Environment {
                resource: Some(resource),
                output: Output::Disabled,
                ..Environment::default()
            },
            warnings: Vec::new(),
        });
    }
    let longest = limits::export_timeout(&mut reader);
    let target = exporter::read(&mut reader, longest);
    let environment = Environment {
        sampler: Some(sampler::read(&mut reader)),
        resource: Some(resource::read(&mut reader)),
        limits: limits::batches(&mut reader),
        span_limits: Some(span_limits(&mut reader)),
        // A second time nobody is to look.
        value_length: Some(value_length(&mut reader).unwrap_or(usize::MAX)),
        output: match target {
            Target::Nowhere => Output::Nowhere,
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

/// Says it on standard error, in one line.
fn say(warning: &Warning) {
    crate::warning::warn(&warning.to_string());
}

/// What the environment says about a pipeline.
#[derive(Debug, Clone)]
pub struct FromEnv {
    target: Target,
    environment: Environment,
    warnings: Vec<Warning>,
}

impl Pipeline<FromEnv> {
    /// The variables that can't be used.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.exporter.warnings
    }

    /// Takes the warnings, which are then not written to standard error when the pipeline starts.
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
        self.warnings.iter().for_each(say);
        Ok(self.environment.clone())
    }
}
