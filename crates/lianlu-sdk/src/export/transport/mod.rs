//! Transport of the exporters: collector URLs, TLS, credentials, HTTP requests and the meaning of
//! responses.

#[cfg(any(feature = "otlp-grpc", feature = "http-client"))]
pub(crate) mod basic_auth;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
pub(crate) mod client_identity;
#[cfg(any(feature = "otlp-grpc", feature = "http-client"))]
pub(crate) mod collector_url;
pub(crate) mod endpoint;
#[cfg(feature = "http-client")]
pub(crate) mod http_client;
#[cfg(any(feature = "console", feature = "otlp-grpc", feature = "http-client"))]
pub(crate) mod one_line;
#[cfg(any(feature = "jaeger", feature = "zipkin"))]
pub(crate) mod post;
#[cfg(any(feature = "otlp-grpc", feature = "http-client"))]
pub(crate) mod probe;
#[cfg(any(feature = "jaeger", feature = "otlp-http", feature = "zipkin"))]
pub(crate) mod response;
#[cfg(any(
    feature = "jaeger",
    feature = "otlp-grpc",
    feature = "otlp-http",
    feature = "zipkin"
))]
pub(crate) mod retry_after;
pub(crate) mod secrets;
#[cfg(any(
    feature = "jaeger",
    feature = "otlp-grpc",
    feature = "otlp-http",
    feature = "zipkin"
))]
pub(crate) mod status;
#[cfg(any(feature = "otlp-grpc", feature = "http-client"))]
pub(crate) mod tls;
#[cfg(any(feature = "otlp-grpc", feature = "http-client"))]
pub(crate) mod trusted_roots;
