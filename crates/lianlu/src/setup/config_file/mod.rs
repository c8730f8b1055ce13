//! A pipeline and the layers' settings from a configuration file: `OTEL_CONFIG_FILE`.
//!
//! [`pipeline_from_env`](crate::pipeline_from_env) reads the file that this variable names, by
//! OpenTelemetry's [declarative configuration](https://opentelemetry.io/docs/specs/otel/configuration/data-model/)
//! (`file_format: "1.0"` or `"1.1"`). All other `OTEL_…` variables are then ignored, also by layers,
//! except where the file refers to them: `${NAME}`, `${NAME:-default}`. An invalid file is an error
//! of `install`, and so is a sampler that is not supported: to leave it out would sample other spans.
//! What else is valid but not supported is left out with a warning that has its path.
//!
//! ```yaml
//! file_format: "1.1"
//! resource:
//!   attributes:
//!     - name: service.name
//!       value: ${SERVICE:-shop}
//! propagator:
//!   composite: [{ tracecontext: }, { baggage: }]
//! tracer_provider:
//!   processors:
//!     - batch:
//!         exporter:
//!           otlp_http:
//!             endpoint: http://collector:4318/v1/traces
//! ```
//!
//! | section | supported |
//! |---|---|
//! | `disabled`, `attribute_limits` | yes |
//! | `resource` | `attributes`, `attributes_list`, `schema_url`; detectors `host`, `process`, `container`, `service` |
//! | `propagator` | `composite`, `composite_list`; without it no context is propagated |
//! | `tracer_provider.processors` | `batch`, and `simple`, which is exported in batches too; exporters `otlp_http`, `otlp_grpc`, `otlp_file/development` to `stdout`, `console` |
//! | `tracer_provider.sampler` | `always_on`, `always_off`, `trace_id_ratio_based`, `parent_based` with a root, `probability/development`, `composite/development`, `always_record` |
//! | `tracer_provider.limits` | yes |
//! | `instrumentation/development.general` | `http` and `rpc`: `semconv`; `http.client` and `http.server`: `known_methods` (one list for both), captured headers; `sanitization.url.sensitive_query_parameters` |
//! | `meter_provider`, `logger_provider`, `log_level` | no: meters and loggers are set up with `opentelemetry_sdk` |

mod exporter;
mod general;
mod resource;
mod sampler;
mod section;
mod substitution;
mod tracer_provider;
mod yaml;

use std::sync::LazyLock;

use lianlu_sdk::OptionError;
use lianlu_sdk::env::{CONFIG_FILE, Reader, Warning, config_file};

use super::Environment;
use super::Output;
use super::env::exporter::Target;
pub(crate) use general::General;
use section::{Notes, Problem, Result, Section, Value};

/// What a file says.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) targets: Vec<Target>,
    pub(super) environment: Environment,
    pub(super) warnings: Vec<Warning>,
    general: General,
}

/// The file of the variable, read once. `None` if it is not set.
static FILE: LazyLock<Option<std::result::Result<Config, Refused>>> = LazyLock::new(|| {
    let path = config_file()?;
    Some(read(&path))
});

/// Why a file was refused.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    path: String,
    problem: String,
}

impl Refused {
    pub(super) fn to_error(&self) -> OptionError {
        OptionError::new(CONFIG_FILE, &*self.path, &*self.problem)
    }
}

/// The configuration of the file, if there is one.
pub(super) fn config() -> Option<std::result::Result<Config, OptionError>> {
    let config = FILE.as_ref()?;
    Some(config.clone().map_err(|refused| refused.to_error()))
}

/// What the file says about instrumentations. Empty if it is refused; `None` without a file.
pub(crate) fn general() -> Option<&'static General> {
    static NONE: General = General::EMPTY;
    match FILE.as_ref()? {
        Ok(config) => Some(&config.general),
        Err(_) => Some(&NONE),
    }
}

fn read(path: &str) -> std::result::Result<Config, Refused> {
    let refused = |problem: String| Refused {
        path: path.to_owned(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let variable = |name: &str| std::env::var(name).ok();
    let (config, notes) = parse(&text, &variable).map_err(|Problem { path, problem }| {
        refused(match path.is_empty() {
            true => problem,
            false => format!("{path}: {problem}"),
        })
    })?;
    let mut reader = Reader::default();
    for Problem { path, problem } in notes {
        reader.warn(CONFIG_FILE, &path, problem, "it is left out");
    }
    Ok(Config {
        warnings: reader.warnings,
        ..config
    })
}

fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<(Config, Vec<Problem>)> {
    let notes = Notes::default();
    let node = yaml::parse(text, variable).map_err(|problem| Problem {
        path: String::new(),
        problem,
    })?;
    let config = root(Value::root(node, &notes).section()?, &notes)?;
    Ok((config, notes.into_inner()))
}

fn root(mut root: Section<'_>, notes: &Notes) -> Result<Config> {
    root.needs("file_format", |value| {
        let format = value.node.clone();
        let path = value.path.clone();
        let text = value.text()?;
        match text.split(['.', '-']).next() == Some("1") {
            true => Ok(()),
            false => Err(Problem {
                path,
                problem: format!("{format:?} is not supported, use \"1.1\""),
            }),
        }
    })?;
    let disabled = root.read("disabled", Value::bool)?.unwrap_or_default();
    let limits = root.read("attribute_limits", Value::section)?;
    let limits = limits
        .map(tracer_provider::AttributeLimits::read)
        .transpose()?;
    let resource = resource::read(root.take("resource"))?;
    let propagators = general::propagators(root.take_present("propagator"), notes)?;
    let provider = root.read("tracer_provider", Value::section)?;
    let provider = provider
        .map(|provider| tracer_provider::read(provider, limits.unwrap_or_default()))
        .transpose()?;
    let general = general::read(root.take("instrumentation/development"), propagators)?;
    let elsewhere = "is not supported, set it up with opentelemetry_sdk";
    root.unsupported("meter_provider", elsewhere);
    root.unsupported("logger_provider", elsewhere);
    root.ignore("distribution");
    root.finish();
    let (targets, mut environment, has_provider) = match provider {
        Some(provider) => (provider.targets, provider.environment, true),
        None => (Vec::new(), Environment::default(), false),
    };
    environment.resource = Some(resource);
    environment.output = match (disabled || !has_provider, &targets[..]) {
        (true, _) => Output::Disabled,
        (false, []) => Output::Discard,
        (false, _) => Output::Export,
    };
    Ok(Config {
        targets,
        environment,
        warnings: Vec::new(),
        general,
    })
}

#[cfg(test)]
mod tests;
