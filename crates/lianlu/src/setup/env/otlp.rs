//! `OTEL_EXPORTER_OTLP_*`. A variable for traces takes precedence over the one for all signals.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use lianlu_sdk::env::{Reader, decode};
use lianlu_sdk::otlp::{
    Builder, Compression, Protocol, check_certificates, check_client_certificate, check_endpoint,
};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
const HEADERS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
];
const INSECURE: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE",
    "OTEL_EXPORTER_OTLP_INSECURE",
];
const TIMEOUTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
];
const COMPRESSIONS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
];
const CERTIFICATES: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
];
const CLIENT_CERTIFICATES: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
];
const CLIENT_KEYS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
];

pub(in super::super) fn protocol(reader: &mut Reader) -> Protocol {
    for variable in PROTOCOLS {
        let Some(value) = reader.text(variable) else {
            continue;
        };
        let problem = match value.to_ascii_lowercase().as_str() {
            #[cfg(feature = "otlp-grpc")]
            "grpc" => return Protocol::Grpc,
            #[cfg(feature = "otlp-http")]
            "http/protobuf" => return Protocol::HttpProtobuf,
            #[cfg(feature = "otlp-json")]
            "http/json" => return Protocol::HttpJson,
            #[allow(unreachable_patterns)]
            "grpc" | "http/protobuf" | "http/json" => "this program was built without it",
            _ => "not a protocol (grpc, http/protobuf, http/json)",
        };
        let instead = format!("the next one or {} is used", Protocol::default());
        reader.warn(variable, &value, problem, instead);
    }
    Protocol::default()
}

pub(in super::super) fn insecure(reader: &mut Reader) -> Option<bool> {
    let mut variables = INSECURE.into_iter();
    variables.find_map(|variable| super::boolean(reader, variable))
}

/// Over HTTP, the path for traces is appended to the endpoint for all signals. The endpoint for
/// traces is used unchanged.
pub(in super::super) fn endpoint(
    reader: &mut Reader,
    protocol: Protocol,
    insecure: bool,
    builder: Builder,
) -> Builder {
    for variable in [TRACES_ENDPOINT, ENDPOINT] {
        let Some(url) = reader.text(variable) else {
            continue;
        };
        match check_endpoint(variable, &url, protocol, insecure) {
            Ok(uri) => {
                let url = match protocol.traces_path() {
                    Some(path) if variable == ENDPOINT => append_path(&uri, path),
                    _ => url,
                };
                return builder.endpoint_of(variable, url, true);
            }
            Err(error) => {
                let default = protocol.default_endpoint();
                reader.refuse(error, format!("the next one or {default} is used"));
            }
        }
    }
    builder
}

/// Appends a path to the URL's path, before its query.
fn append_path(uri: &Uri, path: &str) -> String {
    let text = uri.to_string();
    match text.split_once('?') {
        Some((base, query)) => format!("{}{path}?{query}", base.trim_end_matches('/')),
        None => format!("{}{path}", text.trim_end_matches('/')),
    }
}

pub(in super::super) fn timeout(reader: &mut Reader) -> Option<Duration> {
    TIMEOUTS
        .into_iter()
        .find_map(|variable| reader.timeout(variable, "the next one or 10000"))
}

/// The names and values of the valid headers.
pub(in super::super) fn headers(reader: &mut Reader) -> Vec<(String, String)> {
    let Some((variable, list)) = first(reader, HEADERS) else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for entry in list.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        match header(entry) {
            Some(header) => headers.push(header),
            None => {
                // Not shown: it may be a secret without its name.
                let problem = "not name=value with other characters percent-encoded";
                reader.warn(variable, "***", problem, "this header is left out");
            }
        }
    }
    headers
}

fn header(entry: &str) -> Option<(String, String)> {
    let (name, value) = entry.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let value = decode(value).unwrap_or_else(|| value.to_owned());
    let is_valid = name.parse::<HeaderName>().is_ok()
        && !value.is_empty()
        && HeaderValue::from_str(&value).is_ok();
    is_valid.then(|| (name.to_owned(), value))
}

pub(in super::super) fn compression(reader: &mut Reader) -> Option<Compression> {
    let (variable, value) = first(reader, COMPRESSIONS)?;
    let compression = match value.to_ascii_lowercase().as_str() {
        "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        _ => {
            let problem = "not a compression (none, gzip, zstd)";
            reader.warn(variable, &value, problem, "none is used");
            return None;
        }
    };
    if !compression.is_available() {
        let problem = format!("this program was built without the feature `{compression}`");
        reader.warn(variable, &value, problem, "none is used");
        return None;
    }
    Some(compression)
}

/// The content of the root certificates file.
pub(in super::super) fn certificates(reader: &mut Reader) -> Option<Vec<u8>> {
    const INSTEAD: &str = "the system's are used";
    let (variable, path) = first(reader, CERTIFICATES)?;
    let pem = file(reader, variable, &path, INSTEAD)?;
    match check_certificates(variable, &pem) {
        Ok(()) => Some(pem),
        Err(error) => {
            reader.warn(variable, &path, error.problem, INSTEAD);
            None
        }
    }
}

/// The contents of the client certificate file and of its key file.
pub(in super::super) fn client_certificate(reader: &mut Reader) -> Option<(Vec<u8>, Vec<u8>)> {
    const INSTEAD: &str = "no certificate is shown";
    let certificate = first(reader, CLIENT_CERTIFICATES);
    let key = first(reader, CLIENT_KEYS);
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return None,
        (Some((variable, path)), None) => {
            let problem = "OTEL_EXPORTER_OTLP_CLIENT_KEY is not set";
            reader.warn(variable, &path, problem, INSTEAD);
            return None;
        }
        (None, Some((variable, path))) => {
            let problem = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not set";
            reader.warn(variable, &path, problem, INSTEAD);
            return None;
        }
    };
    let certificate_pem = file(reader, certificate.0, &certificate.1, INSTEAD)?;
    let key_pem = file(reader, key.0, &key.1, INSTEAD)?;
    let result = check_client_certificate([certificate.0, key.0], &certificate_pem, &key_pem);
    if let Err(error) = result {
        let is_key = error.option == key.0;
        let (variable, path) = if is_key { key } else { certificate };
        reader.warn(variable, &path, error.problem, INSTEAD);
        return None;
    }
    Some((certificate_pem, key_pem))
}

fn file(
    reader: &mut Reader,
    variable: &'static str,
    path: &str,
    instead: &'static str,
) -> Option<Vec<u8>> {
    match std::fs::read(path) {
        Ok(content) => Some(content),
        Err(error) => {
            reader.warn(variable, path, error.to_string(), instead);
            None
        }
    }
}

/// The first variable that is set, and its value.
fn first(reader: &mut Reader, variables: [&'static str; 2]) -> Option<(&'static str, String)> {
    variables
        .into_iter()
        .find_map(|variable| Some((variable, reader.text(variable)?)))
}
