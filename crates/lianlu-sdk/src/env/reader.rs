//! A reader of environment variables that collects warnings.

use std::fmt;
use std::time::Duration;

use crate::error::OptionError;

/// An environment variable with an unusable value, and the fallback.
///
/// ```text
/// OTEL_TRACES_SAMPLER="foo": not a sampler (always_on, …); parentbased_always_on is used
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The variable.
    pub variable: &'static str,
    /// Its value, or the invalid part; `***` if it may be a secret.
    pub value: String,
    /// The problem, and what is expected.
    pub problem: String,
    /// The fallback.
    pub instead: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable,
            value,
            problem,
            instead,
        } = self;
        write!(f, "{variable}={value:?}: {problem}; {instead}")
    }
}

/// The longest time for a timeout of zero.
pub(crate) fn no_limit_if_zero(timeout: Duration) -> Duration {
    match timeout {
        Duration::ZERO => Duration::MAX,
        timeout => timeout,
    }
}

/// The variable that names a configuration file.
pub const CONFIG_FILE: &str = "OTEL_CONFIG_FILE";

/// The path of the configuration file, which replaces all other variables of OpenTelemetry. `None`
/// if the variable is unset or empty, or cannot be followed: it is not in UTF-8, or the program was
/// built without the feature `config-file`.
#[must_use]
pub fn config_file() -> Option<String> {
    named_file()?.ok().filter(|_| cfg!(feature = "config-file"))
}

/// The warning about a configuration file that cannot be followed.
pub(crate) fn unusable_config_file() -> Option<Warning> {
    let (value, problem) = match named_file()? {
        Ok(_) if cfg!(feature = "config-file") => return None,
        Ok(path) => (
            path,
            "this program was built without lianlu's feature `config-file`",
        ),
        Err(value) => (value, "not in UTF-8"),
    };
    let mut reader = Reader::default();
    let instead = "it is ignored, and the other variables apply";
    reader.warn(CONFIG_FILE, &value, problem, instead);
    reader.warnings.pop()
}

/// The trimmed value of the variable, unless it is empty; an approximation if it is not in UTF-8.
fn named_file() -> Option<Result<String, String>> {
    match std::env::var_os(CONFIG_FILE)?.into_string() {
        Ok(path) => Some(path.trim().to_owned())
            .filter(|path| !path.is_empty())
            .map(Ok),
        Err(path) => Some(Err(path.to_string_lossy().into_owned())),
    }
}

/// Reads variables and collects warnings.
#[derive(Debug, Default)]
pub struct Reader {
    /// In reading order.
    pub warnings: Vec<Warning>,
}

impl Reader {
    /// The first warning as an error, for callers that reject unusable values.
    ///
    /// # Errors
    ///
    /// If there is a warning.
    pub fn into_result(self) -> Result<(), OptionError> {
        match self.warnings.into_iter().next() {
            Some(warning) => {
                let Warning {
                    variable,
                    value,
                    problem,
                    ..
                } = warning;
                Err(OptionError::new(variable, value, problem))
            }
            None => Ok(()),
        }
    }

    /// The value of a variable, unless it is unset or empty. With a [configuration
    /// file](config_file), the other variables of OpenTelemetry count as unset.
    #[must_use]
    pub fn text(&mut self, variable: &'static str) -> Option<String> {
        if variable.starts_with("OTEL_") && config_file().is_some() {
            return None;
        }
        let value = std::env::var_os(variable)?;
        match value.into_string() {
            Ok(value) => Some(value.trim().to_owned()).filter(|value| !value.is_empty()),
            Err(_) => {
                // The value may be a secret.
                self.warn(variable, "***", "not in UTF-8", "it is ignored");
                None
            }
        }
    }

    /// An integer of at least `least`. If the value is invalid, the warning says that `default` is
    /// used.
    #[must_use]
    pub fn number(
        &mut self,
        variable: &'static str,
        least: u64,
        default: impl fmt::Display,
    ) -> Option<u64> {
        let value = self.text(variable)?;
        match value.parse() {
            Ok(number) if number >= least => Some(number),
            _ => {
                let problem = match least {
                    0 => "needs a whole number".to_owned(),
                    least => format!("needs a whole number, {least} or more"),
                };
                self.warn(variable, &value, problem, format!("{default} is used"));
                None
            }
        }
    }

    /// A timeout in milliseconds. Zero is [no
    /// limit](https://opentelemetry.io/docs/specs/otel/configuration/common/#timeout).
    #[must_use]
    pub fn timeout(
        &mut self,
        variable: &'static str,
        default: impl fmt::Display,
    ) -> Option<Duration> {
        let millis = self.number(variable, 0, default)?;
        Some(no_limit_if_zero(Duration::from_millis(millis)))
    }

    /// An integer for a count limit.
    pub(super) fn count(&mut self, variable: &'static str, default: u32) -> u32 {
        let Some(number) = self.number(variable, 0, default) else {
            return default;
        };
        u32::try_from(number).unwrap_or_else(|_| {
            let problem = format!("needs a whole number, {} at most", u32::MAX);
            let instead = format!("{default} is used");
            self.warn(variable, &number.to_string(), problem, instead);
            default
        })
    }

    /// Adds a warning, without the password that a URL may contain.
    pub fn warn(
        &mut self,
        variable: &'static str,
        value: &str,
        problem: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let error = OptionError::new(variable, value, problem);
        self.refuse(error, instead);
    }

    /// Adds an error as a warning.
    pub fn refuse(&mut self, error: OptionError, instead: impl Into<String>) {
        self.warnings.push(Warning {
            variable: error.option,
            value: error.value,
            problem: error.problem,
            instead: instead.into(),
        });
    }
}
