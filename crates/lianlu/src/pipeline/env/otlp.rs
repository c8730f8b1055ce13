//! `OTEL_EXPORTER_OTLP_*`: of each, the one for traces goes before the one for all.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use lianlu_sdk::otlp::Exporter;
use lianlu_sdk::{OptionError, check_endpoint};
use opentelemetry_sdk::Resource;

use super::super::otlp::Protocol;
use super::percent::decode;
use super::warning::Reader;

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
const TIMEOUTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
];
const COMPRESSIONS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
];
/// What the exporters can't be told.
const CERTIFICATES: [&str; 6] = [
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
];

#[derive(Clone)]
pub(super) struct Otlp {
    protocol: Protocol,
    option: &'static str,
    url: String,
    timeout: Duration,
}

pub(super) fn read(reader: &mut Reader, longest: Duration) -> Otlp {
    let protocol = protocol(reader);
    let (option, url) = endpoint(reader, protocol);
    let millis = TIMEOUTS
        .into_iter()
        .find_map(|variable| reader.number(variable, 1, "the next one or 10000"));
    check_headers(reader);
    let compression = COMPRESSIONS
        .into_iter()
        .find_map(|variable| Some((variable, reader.text(variable)?)));
    if let Some((variable, value)) = compression
        && !value.eq_ignore_ascii_case("none")
    {
        reader.warn(variable, &value, "lianlu does not compress", "none is used");
    }
    for variable in CERTIFICATES {
        if let Some(value) = reader.text(variable) {
            let problem = "lianlu has the system's certificates only";
            reader.warn(variable, &value, problem, "it is ignored");
        }
    }
    Otlp {
        protocol,
        option,
        url,
        timeout: Duration::from_millis(millis.unwrap_or(10_000)).min(longest),
    }
}

fn protocol(reader: &mut Reader) -> Protocol {
    for variable in PROTOCOLS {
        let Some(value) = reader.text(variable) else {
            continue;
        };
        let problem = match value.to_ascii_lowercase().as_str() {
            #[cfg(feature = "otlp-grpc")]
            "grpc" => return Protocol::Grpc,
            #[cfg(feature = "otlp-http")]
            "http/protobuf" => return Protocol::HttpProtobuf,
            #[allow(unreachable_patterns)]
            "grpc" | "http/protobuf" => "this program was built without it",
            "http/json" => "not in lianlu (grpc, http/protobuf)",
            _ => "not a protocol (grpc, http/protobuf)",
        };
        let instead = match Protocol::default() {
            #[cfg(feature = "otlp-grpc")]
            Protocol::Grpc => "the next one or grpc is used",
            #[cfg(feature = "otlp-http")]
            Protocol::HttpProtobuf => "the next one or http/protobuf is used",
        };
        reader.warn(variable, &value, problem, instead);
    }
    Protocol::default()
}

/// The URL, with the path that spans go to.
fn endpoint(reader: &mut Reader, protocol: Protocol) -> (&'static str, String) {
    let default = match protocol {
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => "http://localhost:4317",
        #[cfg(feature = "otlp-http")]
        Protocol::HttpProtobuf => "http://localhost:4318/v1/traces",
    };
    for variable in [TRACES_ENDPOINT, ENDPOINT] {
        let Some(value) = reader.text(variable) else {
            continue;
        };
        match check_endpoint(variable, &value) {
            Ok(_) => return (variable, with_path(value, variable, protocol)),
            Err(error) => reader.refuse(error, format!("the next one or {default} is used")),
        }
    }
    (ENDPOINT, default.to_owned())
}

/// Over HTTP, the endpoint for all signals gets the traces' path; the traces' own is taken as it is.
#[cfg_attr(not(feature = "otlp-http"), allow(unused_variables))]
fn with_path(url: String, variable: &str, protocol: Protocol) -> String {
    match protocol {
        #[cfg(feature = "otlp-http")]
        Protocol::HttpProtobuf if variable == ENDPOINT => {
            format!("{}/v1/traces", url.trim_end_matches('/'))
        }
        _ => url,
    }
}

/// The exporter reads the headers itself and leaves out without a word what it can't use.
fn check_headers(reader: &mut Reader) {
    let headers = HEADERS
        .into_iter()
        .find_map(|variable| Some((variable, reader.text(variable)?)));
    let Some((variable, list)) = headers else {
        return;
    };
    for entry in list.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let usable = entry.split_once('=').is_some_and(|(name, value)| {
            let value = value.trim();
            let value = decode(value).unwrap_or_else(|| value.to_owned());
            name.trim().parse::<HeaderName>().is_ok()
                && !value.is_empty()
                && HeaderValue::from_str(&value).is_ok()
        });
        if !usable {
            // It may be a secret whose name went missing.
            let problem = "not name=value with other characters percent-encoded";
            reader.warn(variable, "***", problem, "this header is left out");
        }
    }
}

impl Otlp {
    pub(super) fn build(&self, resource: &Resource) -> Result<Exporter, OptionError> {
        match self.protocol {
            #[cfg(feature = "otlp-grpc")]
            Protocol::Grpc => Exporter::grpc_at(self.option, &self.url, self.timeout, resource),
            #[cfg(feature = "otlp-http")]
            Protocol::HttpProtobuf => {
                Exporter::http_at(self.option, &self.url, self.timeout, resource)
            }
        }
    }
}
