//! The exporters of span processors.

use std::time::Duration;

use super::Target;
use super::section::{Result, Value};

/// `None` if it is left out.
#[cfg_attr(
    not(any(feature = "otlp-grpc", feature = "otlp-http")),
    allow(unused_variables, unreachable_code)
)]
pub(super) fn read(value: Value<'_>, longest: Duration) -> Result<Option<Target>> {
    let (kind, value) = value.choice()?;
    let target = match kind.as_str() {
        #[cfg(feature = "otlp-http")]
        "otlp_http" => otlp::http(value, longest)?,
        #[cfg(feature = "otlp-grpc")]
        "otlp_grpc" => otlp::grpc(value, longest)?,
        #[cfg(feature = "console")]
        "console" => {
            value.section()?.finish();
            Target::Console
        }
        #[cfg(feature = "otlp-json")]
        "otlp_file/development" => {
            let path = value.path.clone();
            let mut section = value.section()?;
            let stream = section.read("output_stream", Value::text)?;
            if stream.is_some_and(|stream| stream != "stdout") {
                section.note(path, "is supported for stdout only");
                return Ok(None);
            }
            section.finish();
            Target::OtlpStdout
        }
        // Reachable for an exporter whose feature is off.
        #[allow(unreachable_patterns)]
        "otlp_http" | "otlp_grpc" | "console" | "otlp_file/development" => {
            value.unsupported("is an exporter whose feature this program was built without");
            return Ok(None);
        }
        _ => {
            value.unsupported("is not a supported exporter");
            return Ok(None);
        }
    };
    Ok(Some(target))
}

#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
mod otlp {
    use std::time::Duration;

    use lianlu_sdk::env::decode;
    use lianlu_sdk::otlp::{Builder, Compression, Exporter, Protocol};

    use super::super::section::{Problem, Result, Section, Value};
    use super::super::tracer_provider::{size, timeout};
    use super::Target;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[cfg(feature = "otlp-http")]
    pub(super) fn http(value: Value<'_>, longest: Duration) -> Result<Target> {
        let mut section = value.section()?;
        let path = section.path_of("encoding");
        let encoding = section.read("encoding", Value::text)?;
        let protocol = match encoding.as_deref() {
            None | Some("protobuf") => Protocol::HttpProtobuf,
            #[cfg(feature = "otlp-json")]
            Some("json") => Protocol::HttpJson,
            Some(_) => {
                let problem = "needs protobuf, or json with the feature otlp-json".to_owned();
                return Err(Problem { path, problem });
            }
        };
        exporter(section, protocol, longest)
    }

    #[cfg(feature = "otlp-grpc")]
    pub(super) fn grpc(value: Value<'_>, longest: Duration) -> Result<Target> {
        exporter(value.section()?, Protocol::Grpc, longest)
    }

    fn exporter(mut section: Section<'_>, protocol: Protocol, longest: Duration) -> Result<Target> {
        let mut builder = Exporter::builder(protocol);
        if let Some(url) = section.read("endpoint", Value::text)? {
            builder = builder.with_traces_endpoint(url);
        }
        let within = section.read("timeout", timeout)?.unwrap_or(TIMEOUT);
        let within = within.min(longest);
        // Zero is no limit.
        builder = builder.with_timeout(match within {
            Duration::MAX => Duration::ZERO,
            within => within,
        });
        if let Some(list) = section.read("headers_list", header_list)? {
            for (name, value) in list {
                builder = builder.with_header(&name, &value);
            }
        }
        for value in section.read("headers", Value::list)?.unwrap_or_default() {
            let mut section = value.section()?;
            let name = section.needs("name", Value::text)?;
            if let Some(value) = section.take_null("value") {
                value.unsupported("has no value");
                continue;
            }
            let value = section.needs("value", Value::text)?;
            builder = builder.with_header(&name, &value);
            section.finish();
        }
        builder = compression(&mut section, builder)?;
        if let Some(most) = section.read("max_request_size", size)? {
            builder = builder.with_max_request_size(most);
        }
        if let Some(section) = section.read("tls", Value::section)? {
            builder = tls(section, builder)?;
        }
        let path = section.path.clone();
        section.finish();
        // Invalid values are found now.
        if let Err(error) = builder.clone().build() {
            let problem = error.to_string();
            return Err(Problem { path, problem });
        }
        Ok(Target::Otlp(Box::new(builder)))
    }

    fn header_list(value: Value<'_>) -> Result<Vec<(String, String)>> {
        let path = value.path.clone();
        let text = value.text()?;
        let entries = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        let parse = |entry: &str| {
            let (name, value) = entry.split_once('=')?;
            Some((name.trim().to_owned(), decode(value.trim())?))
        };
        let list: Option<Vec<_>> = entries.map(parse).collect();
        // Not shown: it may have secrets.
        list.ok_or_else(|| Problem {
            path,
            problem: "needs name=value,… with other characters percent-encoded".to_owned(),
        })
    }

    fn compression(section: &mut Section<'_>, builder: Builder) -> Result<Builder> {
        let path = section.path_of("compression");
        let Some(name) = section.read("compression", Value::text)? else {
            return Ok(builder);
        };
        let compression = match name.as_str() {
            "none" => Compression::None,
            "gzip" => Compression::Gzip,
            "zstd" => Compression::Zstd,
            _ => {
                let problem = "needs none, gzip or zstd".to_owned();
                return Err(Problem { path, problem });
            }
        };
        if !compression.is_available() {
            section.note(
                path,
                "needs the feature of that name, requests are not compressed",
            );
            return Ok(builder);
        }
        Ok(builder.with_compression(compression))
    }

    fn tls(mut section: Section<'_>, mut builder: Builder) -> Result<Builder> {
        if let Some(pem) = section.read("ca_file", file)? {
            builder = builder.with_root_certificates(pem);
        }
        let key = section.read("key_file", file)?;
        let certificate = section.read("cert_file", file)?;
        builder = match (certificate, key) {
            (Some(certificate), Some(key)) => builder.with_client_certificate(certificate, key),
            (None, None) => builder,
            _ => {
                return Err(Problem {
                    path: section.path,
                    problem: "needs both cert_file and key_file".to_owned(),
                });
            }
        };
        if let Some(insecure) = section.read("insecure", Value::bool)? {
            builder = builder.with_insecure(insecure);
        }
        section.finish();
        Ok(builder)
    }

    fn file(value: Value<'_>) -> Result<Vec<u8>> {
        let path = value.path.clone();
        let name = value.text()?;
        std::fs::read(&name).map_err(|error| Problem {
            path,
            problem: format!("{name}: {error}"),
        })
    }
}
