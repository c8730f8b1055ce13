//! Context in environment variables, for child processes.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector};

use super::carrier::{FORMATS, contradicting};
use super::message::{extract, inject};
use crate::header_text::Charset;

/// Writes the trace context and the baggage of `cx` into the environment of a child process, as
/// [`inject`] does: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE`. Variables of this kind that the child
/// would inherit from this process, or has in `command`, are removed.
///
/// Other processes may read a process's environment, so baggage should hold no secrets. With tokio,
/// use `command.as_std_mut()`.
///
/// ```
/// use opentelemetry::Context;
/// use std::process::Command;
///
/// let mut command = Command::new("backup");
/// lianlu::propagation::inject_env(&Context::current(), &mut command);
/// ```
pub fn inject_env(cx: &Context, command: &mut Command) {
    let inherited = std::env::vars_os().map(|(name, _)| name);
    let own = command.get_envs().map(|(name, _)| name.to_owned());
    let stale: Vec<_> = inherited.chain(own).collect();
    for name in stale {
        if name.to_str().is_some_and(is_of_format) {
            command.env_remove(name);
        }
    }
    let mut environment = Environment::new();
    inject(cx, &mut environment);
    command.envs(environment.iter());
}

/// Reads the trace context and the baggage from the environment of this process, as [`extract`]
/// does. Call it when the process starts.
///
/// ```
/// // What this process does is part of the trace of the process that has started it.
/// let _parent = lianlu::propagation::extract_env().attach();
/// ```
#[must_use]
pub fn extract_env() -> Context {
    extract(&Environment::of_process())
}

/// Environment variables as a carrier, by OpenTelemetry's [specification]: for job descriptions and
/// other places that [`inject_env`] and [`extract_env`] don't reach.
///
/// A field's name is in upper case; each character but ASCII letters, digits and `_` is a `_`, and
/// one is put before a digit at the start: `x-b3-traceid` is `X_B3_TRACEID`. The prefix of Jaeger's
/// baggage is lost that way, so it is written and not read.
///
/// ```
/// use lianlu::propagation::{Environment, inject};
/// use opentelemetry::Context;
///
/// let mut environment = Environment::new();
/// inject(&Context::current(), &mut environment);
/// for (name, value) in environment.iter() {
///     println!("{name}={value}");
/// }
/// ```
///
/// [specification]: https://opentelemetry.io/docs/specs/otel/context/env-carriers/
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The variables that this process has now. Values are read as UTF-8; other bytes become U+FFFD.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            // On Windows names have no case.
            let is_exact = cfg!(windows) || name == variable(&name);
            is_exact.then(|| (variable(&name), value.to_string_lossy().into_owned()))
        });
        Self(variables.collect())
    }

    /// The names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// Without values: the environment of a process may hold secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Injector for Environment {
    /// Replaces a variable, and removes those that contradict it: `TRACESTATE` with `TRACEPARENT`,
    /// all of B3's with `B3` or `X_B3_TRACEID`.
    fn set(&mut self, key: &str, value: String) {
        for stale in contradicting(key) {
            self.0.remove(&variable(stale));
        }
        let name = variable(key);
        // The specification allows what a header may have, which excludes NUL.
        let value = Charset::Http.value(value.as_bytes());
        match value.filter(|value| !value.is_empty()) {
            Some(value) => {
                let value = String::from_utf8_lossy(value.as_bytes());
                self.0.insert(name, value.into_owned());
            }
            None => {
                self.0.remove(&name);
            }
        }
    }

    /// With 0, removes the variables of all formats: [`inject`] calls it.
    fn reserve(&mut self, additional: usize) {
        if additional == 0 {
            self.0.retain(|name, _| !is_of_format(name));
        }
    }
}

impl Extractor for Environment {
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.get(&variable(key))?;
        Some(&**value).filter(|value| !value.is_empty())
    }

    fn keys(&self) -> Vec<&str> {
        self.iter().map(|(name, _)| name).collect()
    }
}

/// True if propagation writes a variable of this name. On Windows names have no case.
fn is_of_format(name: &str) -> bool {
    let upper = cfg!(windows).then(|| name.to_ascii_uppercase());
    let name = upper.as_deref().unwrap_or(name);
    let is = |field: &str| variable(field) == name;
    name.starts_with("UBERCTX_") || FORMATS.iter().any(|field| is(field))
}

/// The name of the variable for a field.
fn variable(field: &str) -> String {
    let mut name = String::with_capacity(field.len() + 1);
    if field.is_empty() || field.starts_with(|first: char| first.is_ascii_digit()) {
        name.push('_');
    }
    name.extend(field.chars().map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_ascii_uppercase(),
        _ => '_',
    }));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        for (field, name) in [
            ("traceparent", "TRACEPARENT"),
            ("x-b3-traceid", "X_B3_TRACEID"),
            ("a.b c=d\0é链", "A_B_C_D___"),
            ("3d", "_3D"),
            ("_a1", "_A1"),
            ("", "_"),
        ] {
            assert_eq!(variable(field), name);
        }
    }

    #[test]
    fn sets_and_gets_by_the_fields_name() {
        let mut environment = Environment::new();
        environment.set("x-b3-traceid", "1".to_owned());
        environment.set("X-B3-TraceId", "2\0\n".to_owned());
        environment.set("gone", "1".to_owned());
        environment.set("gone", String::new());
        assert!(environment.iter().eq([("X_B3_TRACEID", "2%00%0A")]));
        assert_eq!(environment.get("x-b3-traceid"), Some("2%00%0A"));
        assert_eq!(environment.get_all("x.b3.traceid").unwrap(), ["2%00%0A"]);
        assert_eq!(environment.keys(), ["X_B3_TRACEID"]);
        assert_eq!(format!("{environment:?}"), r#"{"X_B3_TRACEID"}"#);
    }
}
