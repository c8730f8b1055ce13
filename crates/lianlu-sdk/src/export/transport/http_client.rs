//! The HTTP client of all exporters and of the remote sampler.

use std::time::Duration;

use ureq::Agent;

#[cfg(feature = "jaeger-remote-sampler")]
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::tls::Tls;

/// Most bytes of a response that are read.
#[cfg(any(feature = "jaeger", feature = "otlp-http", feature = "zipkin"))]
const MAX_RESPONSE: u64 = 4 * 1024 * 1024;

/// Longest timeout. The client adds it to the current time and panics on overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A blocking client, used on the pipeline's thread.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    agent: Agent,
}

impl HttpClient {
    /// A client with this timeout for requests, which follows no redirects and uses no proxy.
    #[cfg(any(
        feature = "jaeger",
        feature = "jaeger-remote-sampler",
        feature = "zipkin"
    ))]
    pub(crate) fn new(timeout: Duration) -> Self {
        Self::with_tls(timeout, &Tls::default())
    }

    /// As [`new`](Self::new), with these TLS settings.
    #[cfg_attr(not(feature = "tls"), allow(unused_variables))]
    pub(crate) fn with_tls(timeout: Duration, tls: &Tls) -> Self {
        let config = Agent::config_builder();
        #[cfg(feature = "tls")]
        let config = config.tls_config(tls.for_ureq());
        let config = config
            .timeout_global(Some(timeout.min(LONGEST)))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("lianlu/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
        }
    }

    /// Sends the request and reads the response. Its body is an error if it cannot be read to its
    /// end or is longer than 4 MiB.
    #[cfg(any(feature = "jaeger", feature = "otlp-http", feature = "zipkin"))]
    pub(crate) fn send(&self, request: http::Request<&[u8]>) -> Result<HttpResponse, ureq::Error> {
        let (head, mut body) = self.agent.run(request)?.into_parts();
        let body = body.with_config().limit(MAX_RESPONSE).read_to_vec();
        Ok(http::Response::from_parts(head, body))
    }

    /// Sends a GET request and reads the response; more than `limit` bytes are an error.
    #[cfg(feature = "jaeger-remote-sampler")]
    pub(crate) fn get(
        &self,
        url: &CollectorUrl,
        limit: u64,
    ) -> Result<(http::StatusCode, Vec<u8>), ureq::Error> {
        let mut request = self.agent.get(url.uri());
        if let Some(user) = url.authorization() {
            request = request.header(http::header::AUTHORIZATION, user);
        }
        let (head, mut body) = request.call()?.into_parts();
        let body = body.with_config().limit(limit).read_to_vec()?;
        Ok((head.status, body))
    }
}

#[cfg(any(feature = "jaeger", feature = "otlp-http", feature = "zipkin"))]
pub(crate) type HttpResponse = http::Response<Result<Vec<u8>, ureq::Error>>;
