//! One batch, one request: how the exporters of Jaeger and Zipkin post.

use http::{HeaderValue, Uri};

use crate::http_client::HttpClient;

/// How much of an error's body is quoted.
const MAX_QUOTE: usize = 200;

/// Posts a batch; `Err` says what a person needs to know.
pub(crate) fn post(
    client: &HttpClient,
    uri: &Uri,
    content_type: &'static str,
    authorization: Option<&HeaderValue>,
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
    match client.send(request) {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(format!(
            "{place} answered {}: {}",
            response.status(),
            quote(response.body())
        )),
        Err(error) => Err(format!("{place}: {error}")),
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
