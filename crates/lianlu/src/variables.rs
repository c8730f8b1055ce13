//! What layers do where the code does not say: the environment, or a configuration file instead.

use opentelemetry::trace::SpanKind;

use crate::describe::settings::Settings;

/// The value of a variable; `None` if it is not set. With a configuration file
/// (`OTEL_CONFIG_FILE`), it is what the file says instead.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[cfg(feature = "config-file")]
    if let Some(general) = crate::setup::config_file::general() {
        return general.variable(name);
    }
    // Invalid UTF-8 results in an unknown value.
    let value = std::env::var_os(name)?;
    Some(value.to_string_lossy().into_owned())
}

/// Applies what a configuration file says of a side's layers, and no variable does.
pub(crate) fn apply_file(settings: &mut Settings, kind: &SpanKind) {
    #[cfg(feature = "config-file")]
    if let Some(general) = crate::setup::config_file::general() {
        use crate::net::capture::HeaderCapture;
        use crate::net::redact::Redaction;

        let headers = match kind {
            SpanKind::Client => &general.client,
            _ => &general.server,
        };
        let capture = |names: &[String]| {
            let names = names.iter();
            names.fold(HeaderCapture::new(), |all, name| all.allow(name))
        };
        settings.request_headers = capture(&headers.request);
        settings.response_headers = capture(&headers.response);
        if let Some(keys) = &general.sensitive_query_keys {
            settings.redaction = Redaction::of_keys(keys.iter().cloned());
        }
    }
    let _ = (settings, kind);
}
