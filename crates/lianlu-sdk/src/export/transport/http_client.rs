//! The HTTP client of all exporters and of the remote sampler.

use std::sync::OnceLock;
use std::time::Duration;

use ureq::Agent;

use crate::env::no_limit_if_zero;
#[cfg(feature = "jaeger-remote-sampler")]
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::probe::{Peer, may_be_of_protocol, speaks};
use crate::export::transport::tls::Tls;

/// Longest timeout. The client adds it to the current time and panics on overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A blocking client, used on the pipeline's thread.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    agent: Agent,
    /// Found out at the first failure that may be due to it.
    is_http2: OnceLock<bool>,
}

impl HttpClient {
    /// A client with this timeout for requests (zero: no limit), which follows no redirects and uses no proxy.
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
            .timeout_global(Some(no_limit_if_zero(timeout).min(LONGEST)))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("lianlu/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            is_http2: OnceLock::new(),
        }
    }

    /// Sends the request and reads the response. Its body is an error if it cannot be read to its
    /// end or is longer than `most` bytes.
    #[cfg(any(feature = "jaeger", feature = "otlp-http", feature = "zipkin"))]
    pub(crate) fn send(
        &self,
        request: http::Request<&[u8]>,
        most: usize,
    ) -> Result<HttpResponse, ureq::Error> {
        let (head, mut body) = self.agent.run(request)?.into_parts();
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let body = body.with_config().limit(most).read_to_vec();
        Ok(http::Response::from_parts(head, body))
    }

    /// Whether a request failed so because the peer speaks HTTP/2 only. Asked once, because it takes
    /// another connection.
    pub(crate) fn speaks_http2(&self, uri: &http::Uri, error: &ureq::Error) -> bool {
        may_be_http2(error)
            && *self
                .is_http2
                .get_or_init(|| speaks(uri) == Some(Peer::Http2))
    }

    /// Sends a GET request and reads the response; more than `most` bytes are an error.
    #[cfg(feature = "jaeger-remote-sampler")]
    pub(crate) fn get(
        &self,
        url: &CollectorUrl,
        most: usize,
    ) -> Result<(http::StatusCode, Vec<u8>), ureq::Error> {
        let mut request = self.agent.get(url.uri());
        if let Some(user) = url.authorization() {
            request = request.header(http::header::AUTHORIZATION, user);
        }
        let (head, mut body) = request.call()?.into_parts();
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let body = body.with_config().limit(most).read_to_vec()?;
        Ok((head.status, body))
    }
}

#[cfg(any(feature = "jaeger", feature = "otlp-http", feature = "zipkin"))]
pub(crate) type HttpResponse = http::Response<Result<Vec<u8>, ureq::Error>>;

fn may_be_http2(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Protocol(_) => true,
        ureq::Error::Io(error) => may_be_of_protocol(Some(error)),
        _ => false,
    }
}
