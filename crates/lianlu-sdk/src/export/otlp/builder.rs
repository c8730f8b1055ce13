//! The options of an exporter.

use std::fmt;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::exporter::Sender;
use super::{Compression, Exporter, MAX_REQUEST, MAX_RESPONSE, Protocol};
use crate::error::OptionError;
use crate::export::transport::client_identity::ClientIdentity;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::endpoint;
use crate::export::transport::secrets::EndpointText;
use crate::export::transport::tls::Tls;
use crate::export::transport::trusted_roots::TrustedRoots;

/// The options of an [`Exporter`].
#[derive(Clone)]
#[must_use = "call `build` to make the exporter"]
pub struct Builder {
    protocol: Protocol,
    /// The name of the option that set the endpoint, for error messages.
    option: &'static str,
    endpoint: EndpointText,
    /// Do not append a path to the endpoint.
    is_exact: bool,
    is_insecure: bool,
    timeout: Duration,
    headers: HeaderMap,
    compression: Compression,
    max_request: usize,
    max_response: usize,
    tls: Tls,
    problem: Option<OptionError>,
}

/// The settings of a sender.
pub(super) struct Settings {
    #[cfg(feature = "otlp-http")]
    pub(super) protocol: Protocol,
    pub(super) url: CollectorUrl,
    pub(super) timeout: Duration,
    pub(super) headers: HeaderMap,
    pub(super) compression: Compression,
    #[cfg(feature = "otlp-json")]
    pub(super) max_request: usize,
    pub(super) max_response: usize,
    #[cfg_attr(not(any(feature = "otlp-http", feature = "tls")), allow(dead_code))]
    pub(super) tls: Tls,
}

impl Builder {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            option: "with_endpoint",
            endpoint: protocol.default_endpoint().into(),
            is_exact: true,
            is_insecure: false,
            timeout: Duration::from_secs(10),
            headers: HeaderMap::new(),
            compression: Compression::None,
            max_request: MAX_REQUEST,
            max_response: MAX_RESPONSE,
            tls: Tls::default(),
            problem: None,
        }
    }

    /// The collector's URL. Over HTTP, a URL without a path gets `/v1/traces`; over gRPC it may be
    /// `host:port`, see [`with_insecure`](Self::with_insecure). User and password in
    /// the URL are sent as HTTP Basic authentication; percent-encode characters that a URL does not
    /// allow.
    pub fn with_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint_of("with_endpoint", url, false)
    }

    /// The URL that spans are sent to, including the path.
    pub fn with_traces_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint_of("with_traces_endpoint", url, true)
    }

    /// As [`with_endpoint`](Self::with_endpoint), with another option name in error messages.
    #[doc(hidden)]
    pub fn endpoint_of(
        mut self,
        option: &'static str,
        url: impl Into<String>,
        is_exact: bool,
    ) -> Self {
        self.option = option;
        self.endpoint = url.into().into();
        self.is_exact = is_exact;
        self
    }

    /// The timeout of a request, including the time to connect; 10 seconds by default, and no limit
    /// if it is zero.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends a header (over gRPC, metadata) with each request. Replaces an earlier header of this
    /// name. Its value is never logged.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            // Either may be the secret.
            _ => {
                let problem = "not usable as a header's name and value";
                self.problem = Some(OptionError::new("with_header", "***", problem));
            }
        }
        self
    }

    /// For a gRPC endpoint without a scheme (`collector:4317`): whether it is `http` instead of
    /// `https`, which is the default.
    pub fn with_insecure(mut self, is_insecure: bool) -> Self {
        self.is_insecure = is_insecure;
        self
    }

    /// The largest request in bytes, before compression: 64 MiB by default. A span that does not fit
    /// into it is lost.
    pub fn with_max_request_size(mut self, bytes: usize) -> Self {
        self.max_request = bytes;
        self
    }

    /// The largest response in bytes that is read, before and after decompression: 4 MiB by
    /// default. A longer one of a collector that has accepted the spans is a warning.
    pub fn with_max_response_size(mut self, bytes: usize) -> Self {
        self.max_response = bytes;
        self
    }

    /// Compresses requests. Not compressed by default.
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Trusts the certificates in this PEM text instead of those of the system, for an `https`
    /// endpoint. Needs the feature `tls`.
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        match TrustedRoots::from_pem("with_root_certificates", &pem.into()) {
            Ok(roots) => self.tls.roots = roots,
            Err(problem) => self.problem = Some(problem),
        }
        self
    }

    /// The client certificate (PEM, followed by any intermediate certificates) and its key (PEM,
    /// not encrypted), for an `https` collector that requests one. Needs the feature `tls`. The key
    /// is never logged.
    pub fn with_client_certificate(
        mut self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        const OPTION: &str = "with_client_certificate";
        let (certificate, key) = (certificate_pem.into(), key_pem.into());
        match ClientIdentity::from_pem([OPTION; 2], &certificate, &key) {
            Ok(identity) => self.tls.identity = Some(identity),
            Err(problem) => self.problem = Some(problem),
        }
        self
    }

    /// Makes the exporter. Does not connect yet: an unreachable collector is not an error until
    /// spans are lost.
    ///
    /// # Errors
    ///
    /// Names the invalid option.
    pub fn build(self) -> Result<Exporter, OptionError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if !self.compression.is_available() {
            let name = self.compression.as_str();
            let problem = format!("needs this crate's feature `{name}`");
            return Err(OptionError::new("with_compression", name, problem));
        }
        let uri = check_endpoint(
            self.option,
            self.endpoint.as_str(),
            self.protocol,
            self.is_insecure,
        )?;
        let mut url = CollectorUrl::new(match self.protocol.traces_path() {
            Some(path) if !self.is_exact => with_path(uri, path),
            _ => uri,
        });
        let mut headers = self.headers;
        for value in headers.values() {
            url.hide_header(value);
        }
        if let Some(user) = url.authorization() {
            headers.entry(AUTHORIZATION).or_insert(user.clone());
        }
        let settings = Settings {
            #[cfg(feature = "otlp-http")]
            protocol: self.protocol,
            url,
            timeout: self.timeout,
            headers,
            compression: self.compression,
            #[cfg(feature = "otlp-json")]
            max_request: self.max_request,
            max_response: self.max_response,
            tls: self.tls,
        };
        let sender = match self.protocol {
            #[cfg(feature = "otlp-grpc")]
            Protocol::Grpc => Sender::Grpc(Box::new(super::grpc::Grpc::new(settings)?)),
            #[cfg(feature = "otlp-http")]
            _ => Sender::Http(Box::new(super::http::Http::new(settings))),
        };
        Ok(Exporter::new(sender, self.max_request))
    }
}

/// Adds the path if the URL has none.
fn with_path(uri: Uri, path: &str) -> Uri {
    if !matches!(uri.path(), "" | "/") {
        return uri;
    }
    let mut parts = uri.clone().into_parts();
    let query = uri.query().map(|query| format!("?{query}"));
    let path = format!("{path}{}", query.unwrap_or_default());
    parts.path_and_query = path.parse().ok();
    Uri::from_parts(parts).unwrap_or(uri)
}

/// Checks the URL for [`Builder::with_endpoint`]. Over gRPC it [may be without a
/// scheme](https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlpgrpc).
#[doc(hidden)]
pub fn check_endpoint(
    option: &'static str,
    value: &str,
    protocol: Protocol,
    is_insecure: bool,
) -> Result<Uri, OptionError> {
    let value = value.trim();
    if protocol.traces_path().is_some() || value.is_empty() || value.contains("://") {
        return endpoint::check_endpoint(option, value);
    }
    if !is_insecure && !cfg!(feature = "tls") {
        let problem = "without a scheme it is https, which needs this crate's feature `tls` \
                       (OTEL_EXPORTER_OTLP_INSECURE=true or with_insecure makes it http)";
        return Err(OptionError::new(option, value, problem));
    }
    let scheme = if is_insecure { "http" } else { "https" };
    endpoint::check_endpoint(option, &format!("{scheme}://{value}"))
}

/// Checks the text for [`Builder::with_root_certificates`].
#[doc(hidden)]
pub fn check_certificates(option: &'static str, pem: &[u8]) -> Result<(), OptionError> {
    TrustedRoots::from_pem(option, pem).map(drop)
}

/// Checks the texts for [`Builder::with_client_certificate`], each with its option name.
#[doc(hidden)]
pub fn check_client_certificate(
    options: [&'static str; 2],
    certificate_pem: &[u8],
    key_pem: &[u8],
) -> Result<(), OptionError> {
    ClientIdentity::from_pem(options, certificate_pem, key_pem).map(drop)
}

// Not derived, to keep credentials out of logs.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Builder")
            .field("protocol", &self.protocol)
            .field("endpoint", &self.endpoint)
            .field("timeout", &self.timeout)
            .field("headers", &names)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_the_path_of_traces() {
        for (endpoint, wanted) in [
            ("http://h:4318", "http://h:4318/v1/traces"),
            ("http://h:4318/", "http://h:4318/v1/traces"),
            ("http://h/?k=v", "http://h/v1/traces?k=v"),
            ("http://h/mine", "http://h/mine"),
            ("http://h/mine/", "http://h/mine/"),
        ] {
            let uri = with_path(endpoint.parse().unwrap(), "/v1/traces");
            assert_eq!(uri.to_string(), wanted, "{endpoint}");
        }
    }

    #[test]
    fn debug_and_errors_contain_no_secrets() {
        let builder = Builder::new(Protocol::default())
            .with_endpoint("http://ann:secret@h:1")
            .with_header("x-key", "secret");
        let exporter = builder.clone().build().unwrap();
        for shown in [format!("{builder:?}"), format!("{exporter:?}")] {
            assert!(shown.contains("h:1"), "{shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
        let builder = builder.with_endpoint("http://ann:se/cret@h:1");
        let shown = format!("{builder:?}");
        assert!(!shown.contains("cret"), "{shown}");
        for (name, value) in [("x key", "secret"), ("secret\n", "x"), ("x", "secret\n")] {
            let builder = Builder::new(Protocol::default()).with_header(name, value);
            let error = builder.build().unwrap_err().to_string();
            assert!(error.starts_with("with_header: "), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
