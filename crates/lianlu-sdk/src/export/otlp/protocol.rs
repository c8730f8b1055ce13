//! The transport protocols of OTLP.

use std::fmt;

/// A transport protocol of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC; port 4317.
    #[cfg(feature = "otlp-grpc")]
    #[cfg_attr(not(feature = "otlp-http"), default)]
    Grpc,
    /// Protobuf over HTTP; port 4318, path `/v1/traces`. The default, by the
    /// [specification](https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specify-protocol).
    #[cfg(feature = "otlp-http")]
    #[default]
    HttpProtobuf,
    /// JSON over HTTP; port 4318, path `/v1/traces`.
    #[cfg(feature = "otlp-json")]
    HttpJson,
}

impl Protocol {
    /// The name in `OTEL_EXPORTER_OTLP_PROTOCOL`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc => "grpc",
            #[cfg(feature = "otlp-http")]
            Self::HttpProtobuf => "http/protobuf",
            #[cfg(feature = "otlp-json")]
            Self::HttpJson => "http/json",
        }
    }

    /// The endpoint of a collector on the same machine.
    #[must_use]
    pub const fn default_endpoint(self) -> &'static str {
        match self {
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc => "http://localhost:4317",
            #[cfg(feature = "otlp-http")]
            Self::HttpProtobuf => "http://localhost:4318/v1/traces",
            #[cfg(feature = "otlp-json")]
            Self::HttpJson => "http://localhost:4318/v1/traces",
        }
    }

    /// The path appended to a collector's URL, unless the protocol defines its own.
    #[must_use]
    pub const fn traces_path(self) -> Option<&'static str> {
        match self {
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc => None,
            #[cfg(feature = "otlp-http")]
            _ => Some("/v1/traces"),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
