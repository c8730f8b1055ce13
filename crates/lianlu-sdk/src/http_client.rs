//! One HTTP client for every exporter that posts.

use std::time::Duration;

use http::Uri;
use ureq::Agent;

/// A collector's answer is read to this size, and no further.
const MAX_RESPONSE: u64 = 4 * 1024 * 1024;

/// How much of an error's body is quoted.
const MAX_QUOTE: usize = 200;

/// Posts batches; blocks, on the pipeline's thread.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    agent: Agent,
}

impl HttpClient {
    /// A client whose requests end after `timeout`, follow no redirect, and go through no proxy.
    pub(crate) fn new(timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("lianlu/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
        }
    }

    /// Sends the request, and reads the whole answer.
    pub(crate) fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, ureq::Error> {
        let (head, mut body) = self.agent.run(request)?.into_parts();
        let body = body.with_config().limit(MAX_RESPONSE).read_to_vec()?;
        Ok(http::Response::from_parts(head, body))
    }

    /// Posts a batch; `Err` says what a person needs to know.
    #[cfg(any(feature = "jaeger", feature = "zipkin"))]
    pub(crate) fn post(
        &self,
        uri: &Uri,
        content_type: &'static str,
        authorization: Option<&http::HeaderValue>,
        body: Vec<u8>,
    ) -> Result<(), String> {
        let mut request = http::Request::post(uri)
            .header(http::header::CONTENT_TYPE, content_type)
            .body(body)
            .map_err(|error| error.to_string())?;
        if let Some(value) = authorization {
            let headers = request.headers_mut();
            headers.insert(http::header::AUTHORIZATION, value.clone());
        }
        let place = display(uri);
        match self.send(request) {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!(
                "{place} answered {}: {}",
                response.status(),
                quote(response.body())
            )),
            Err(error) => Err(format!("{place}: {error}")),
        }
    }
}

/// The endpoint without credentials.
fn display(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let port = uri
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or_default();
    format!("{scheme}://{host}{port}{}", uri.path())
}

fn quote(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|c| !c.is_control())
        .take(MAX_QUOTE)
        .collect()
}

/// The `Authorization` header of HTTP Basic authentication (RFC 7617).
pub(crate) fn basic_auth(user: &str, password: &str) -> Option<http::HeaderValue> {
    use base64::Engine as _;
    let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let mut value = http::HeaderValue::try_from(format!("Basic {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
