//! `propagator` and `instrumentation/development.general`: what layers do where the code does not
//! say.

use super::section::{Notes, Result, Section, Value};

/// The names that `lianlu::propagation::from_env` knows.
const PROPAGATORS: [&str; 7] = [
    "tracecontext",
    "baggage",
    "b3",
    "b3multi",
    "jaeger",
    "xray",
    "servicename",
];

/// The settings of layers. Where a variable exists for a setting, its value is kept as that
/// variable's.
#[derive(Debug, Clone, Default)]
pub(crate) struct General {
    propagators: String,
    conventions: Vec<&'static str>,
    known_methods: Vec<String>,
    pub(crate) client: CapturedHeaders,
    pub(crate) server: CapturedHeaders,
    /// `None`: those of the conventions.
    pub(crate) sensitive_query_keys: Option<Vec<String>>,
}

/// HTTP headers that become attributes.
#[derive(Debug, Clone, Default)]
pub(crate) struct CapturedHeaders {
    pub(crate) request: Vec<String>,
    pub(crate) response: Vec<String>,
}

impl General {
    /// What a refused file says: nothing is propagated, and the rest is as by default.
    pub(super) const EMPTY: Self = Self {
        propagators: String::new(),
        conventions: Vec::new(),
        known_methods: Vec::new(),
        client: CapturedHeaders::EMPTY,
        server: CapturedHeaders::EMPTY,
        sensitive_query_keys: None,
    };

    /// The value that a variable would have. Variables without a place in the file are not set.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let list = match name {
            "OTEL_PROPAGATORS" if self.propagators.is_empty() => "none".to_owned(),
            "OTEL_PROPAGATORS" => self.propagators.clone(),
            "OTEL_SEMCONV_STABILITY_OPT_IN" => self.conventions.join(","),
            "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS" => self.known_methods.join(","),
            _ => return None,
        };
        Some(list).filter(|list| !list.is_empty())
    }
}

impl CapturedHeaders {
    const EMPTY: Self = Self {
        request: Vec::new(),
        response: Vec::new(),
    };
}

/// The names of the propagators, as in `OTEL_PROPAGATORS`.
pub(super) fn propagators(value: Option<Value<'_>>, notes: &Notes) -> Result<String> {
    let Some(value) = value else {
        notes.add("propagator", "is missing, so no context is propagated");
        return Ok(String::new());
    };
    let mut section = value.section()?;
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: String, path: String| {
        if !PROPAGATORS.contains(&name.as_str()) {
            notes.add(path, "is not a known propagator");
        } else if !names.contains(&name) {
            names.push(name);
        }
    };
    for value in section.read("composite", Value::list)?.unwrap_or_default() {
        let path = value.path.clone();
        let (name, _) = value.choice()?;
        add(name, path);
    }
    let path = section.path_of("composite_list");
    let list = section
        .read("composite_list", Value::text)?
        .unwrap_or_default();
    for name in list.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        add(name.to_owned(), path.clone());
    }
    section.finish();
    Ok(names.join(","))
}

pub(super) fn read(value: Option<Value<'_>>, propagators: String) -> Result<General> {
    let mut general = General {
        propagators,
        ..General::default()
    };
    let Some(value) = value else {
        return Ok(general);
    };
    let mut section = value.section()?;
    if let Some(mut section) = section.read("general", Value::section)? {
        if let Some(mut section) = section.read("http", Value::section)? {
            general
                .conventions
                .extend(semconv(&mut section, ["http/old", "http/dup"])?);
            for (key, headers) in [
                ("client", &mut general.client),
                ("server", &mut general.server),
            ] {
                if let Some(mut section) = section.read(key, Value::section)? {
                    let list = |value: Option<Vec<String>>| value.unwrap_or_default();
                    let request = section.read("request_captured_headers", Value::texts)?;
                    let response = section.read("response_captured_headers", Value::texts)?;
                    (headers.request, headers.response) = (list(request), list(response));
                    let path = section.path_of("known_methods");
                    let methods = list(section.read("known_methods", Value::texts)?);
                    let known = &mut general.known_methods;
                    if !known.is_empty() && !methods.is_empty() && *known != methods {
                        let why = "differs from the client's: both lists apply to both sides";
                        section.note(path, why);
                    }
                    let new = methods.into_iter().filter(|it| !known.contains(it));
                    let new: Vec<_> = new.collect();
                    known.extend(new);
                    section.finish();
                }
            }
            section.finish();
        }
        if let Some(mut section) = section.read("rpc", Value::section)? {
            general
                .conventions
                .extend(semconv(&mut section, ["rpc/old", "rpc/dup"])?);
            section.finish();
        }
        if let Some(mut section) = section.read("sanitization", Value::section)? {
            if let Some(mut section) = section.read("url", Value::section)? {
                let keys = section.read("sensitive_query_parameters", Value::texts)?;
                general.sensitive_query_keys = keys;
                section.finish();
            }
            section.finish();
        }
        section.finish();
    }
    // The other keys are languages.
    Ok(general)
}

/// The generation of the conventions, as an entry of `OTEL_SEMCONV_STABILITY_OPT_IN`. As the
/// specification demands, there is no warning for what is not supported.
fn semconv(
    section: &mut Section<'_>,
    [old, dup]: [&'static str; 2],
) -> Result<Option<&'static str>> {
    let Some(mut section) = section.read("semconv", Value::section)? else {
        return Ok(None);
    };
    let version = section.read("version", Value::number)?;
    let is_dual = section.read("dual_emit", Value::bool)?.unwrap_or_default();
    section.ignore("experimental");
    section.finish();
    Ok(match (version, is_dual) {
        (Some(0), _) => Some(old),
        (_, true) => Some(dup),
        _ => None,
    })
}
