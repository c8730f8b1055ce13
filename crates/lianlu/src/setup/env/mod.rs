//! Configures a pipeline from environment variables: [`pipeline_from_env`].
//!
//! ```no_run
//! let guard = lianlu::pipeline_from_env().install()?;
//! // … serve …
//! let _ = guard.shutdown();
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
//! | `OTEL_CONFIG_FILE` | a configuration file, see [`config_file`](crate::pipeline::config_file); all others are then ignored. Needs the feature `config-file`, without which it is ignored with a warning | |
//! | `OTEL_SDK_DISABLED` | `true`: no spans and no warnings | `false` |
//! | `OTEL_SERVICE_NAME` | the resource's `service.name` | `unknown_service:` and the program's name |
//! | `OTEL_RESOURCE_ATTRIBUTES` | `key=value,…`, percent-encoded; ignored as a whole if an entry is malformed | |
//! | `OTEL_TRACES_EXPORTER` | a list of `otlp`, `otlp/stdout` (lines of OTLP in JSON), `jaeger`, `zipkin`, `console`, or `none`; each needs its feature | `otlp` |
//! | `OTEL_TRACES_SAMPLER` | `always_on`, `always_off`, `traceidratio`, `jaeger_remote`, each also with the prefix `parentbased_` | `parentbased_always_on` |
//! | `OTEL_TRACES_SAMPLER_ARG` | for `traceidratio`: the ratio | 1 |
//! | | for `jaeger_remote`: `endpoint=…,pollingIntervalMs=…,initialSamplingRate=…`; over gRPC at port 14250 and where the endpoint speaks it | `http://localhost:5778/sampling`, 60000, 0.001 |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | a URL; over HTTP `/v1/traces` is appended; over gRPC also `host:port` | `http://localhost:4318`, over gRPC port 4317 |
//! | `OTEL_EXPORTER_OTLP_INSECURE` | for `host:port`: `true` for `http`, `false` for `https` | `false` |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | a URL, used unchanged | |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL` | `grpc`, `http/protobuf`, `http/json` | `http/protobuf` if it is compiled in |
//! | `OTEL_EXPORTER_OTLP_HEADERS` | `name=value,…`, percent-encoded | |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` | timeout of a request in milliseconds; 0: no limit, as for every timeout | 10000 |
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

pub(super) mod exporter;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
pub(super) mod otlp;
mod sampler;

use std::time::Duration;

pub(super) use lianlu_sdk::env::resource as read_resource;
use lianlu_sdk::env::{Reader, pipeline_limits, span_limits, value_length};
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
    #[cfg(feature = "config-file")]
    if let Some(config) = super::config_file::config() {
        return from_file(config);
    }
    if is_disabled(&mut reader) {
        // Only the resource is needed, for the service name that clients send.
        let resource = read_resource(&mut reader);
        return Pipeline::new(FromEnv {
            targets: Vec::new(),
            environment: Environment {
                resource: Some(resource),
                output: Output::Disabled,
                ..Environment::default()
            },
            warnings: Vec::new(),
            problem: None,
        });
    }
    let max_timeout = export_timeout(&mut reader);
    let targets = exporter::read(&mut reader, max_timeout);
    let mut environment = read_common(&mut reader, false);
    #[cfg(feature = "console")]
    if matches!(targets[..], [Target::Console]) && reader.text("OTEL_BSP_SCHEDULE_DELAY").is_none()
    {
        environment.limits.schedule_delay = super::console::SCHEDULE_DELAY;
    }
    environment.resource = Some(read_resource(&mut reader));
    if targets.is_empty() {
        environment.output = Output::Discard;
    }
    Pipeline::new(FromEnv {
        targets,
        environment,
        warnings: reader.warnings,
        problem: None,
    })
}

/// The options that pipelines made in code read as well. All are set, so that the provider's
/// builder does not read their variables again.
pub(super) fn read_common(reader: &mut Reader, has_sampler: bool) -> Environment {
    let limits = pipeline_limits(reader);
    Environment {
        sampler: (!has_sampler).then(|| sampler::read(reader)),
        limits,
        span_limits: Some(span_limits(reader)),
        value_length: Some(value_length(reader).unwrap_or(usize::MAX)),
        ..Environment::default()
    }
}

/// The pipeline of a configuration file. An invalid file is an error when the pipeline starts.
#[cfg(feature = "config-file")]
fn from_file(config: Result<super::config_file::Config, OptionError>) -> Pipeline<FromEnv> {
    Pipeline::new(match config {
        Ok(config) => FromEnv {
            targets: config.targets,
            environment: config.environment,
            warnings: config.warnings,
            problem: None,
        },
        Err(problem) => FromEnv {
            targets: Vec::new(),
            environment: Environment::default(),
            warnings: Vec::new(),
            problem: Some(problem),
        },
    })
}

fn is_disabled(reader: &mut Reader) -> bool {
    boolean(reader, DISABLED).unwrap_or_default()
}

/// `true` or `false`, in any case. Anything else is false, with a warning.
fn boolean(reader: &mut Reader, variable: &'static str) -> Option<bool> {
    let value = reader.text(variable)?;
    let is_true = value.eq_ignore_ascii_case("true");
    if !is_true && !value.eq_ignore_ascii_case("false") {
        reader.warn(variable, &value, "neither true nor false", "false is used");
    }
    Some(is_true)
}

/// The upper limit of the exporters' timeouts.
fn export_timeout(reader: &mut Reader) -> Duration {
    let timeout = reader.timeout("OTEL_BSP_EXPORT_TIMEOUT", 30_000);
    timeout.unwrap_or(Duration::from_secs(30))
}

/// The URL in this variable. A bad one is replaced by `default`, with a warning.
#[cfg(any(feature = "jaeger", feature = "zipkin"))]
pub(super) fn url(reader: &mut Reader, variable: &'static str, default: &str) -> String {
    let Some(url) = reader.text(variable) else {
        return default.to_owned();
    };
    match lianlu_sdk::check_endpoint(variable, &url) {
        Ok(_) => url,
        Err(error) => {
            reader.refuse(error, format!("{default} is used"));
            default.to_owned()
        }
    }
}

/// Reads variables for a pipeline with an exporter set in code, where a bad value is an error.
/// `read` gets the upper limit of a timeout that is set in the environment.
#[allow(dead_code)]
pub(super) fn strict<T>(read: impl FnOnce(&mut Reader, Duration) -> T) -> Result<T, OptionError> {
    let mut reader = Reader::default();
    let most = export_timeout(&mut reader);
    let settings = read(&mut reader, most);
    reader.into_result()?;
    Ok(settings)
}

/// Writes a warning to standard error, in one line.
pub(super) fn print_warning(warning: &Warning) {
    crate::warning::warn(&warning.to_string());
}

/// The options of a pipeline from the environment.
#[derive(Debug, Clone)]
pub struct FromEnv {
    targets: Vec<Target>,
    environment: Environment,
    warnings: Vec<Warning>,
    /// Why nothing can be started.
    problem: Option<OptionError>,
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
    fn build(&self) -> Result<Vec<Box<dyn Export>>, OptionError> {
        Ok(self.targets.iter().map(Target::build).collect())
    }

    fn environment(&self, _: bool) -> Result<Environment, OptionError> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        self.warnings.iter().for_each(print_warning);
        Ok(self.environment.clone())
    }
}
