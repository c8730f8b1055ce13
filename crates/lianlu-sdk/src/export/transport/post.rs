//! POST requests of the Jaeger and Zipkin exporters.

use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::http_client::HttpClient;
use crate::export::transport::response::send_batch;

/// Most bytes of a response that are read.
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// Posts a batch of `spans` spans.
pub(crate) fn post(
    client: &HttpClient,
    url: &CollectorUrl,
    content_type: &'static str,
    body: &[u8],
    spans: usize,
) -> Result<(), Failure> {
    let mut request = http::Request::post(url.uri())
        .header(http::header::CONTENT_TYPE, content_type)
        .body(body)
        .map_err(|error| Failure::new(spans, error.to_string()))?;
    if let Some(value) = url.authorization() {
        let headers = request.headers_mut();
        headers.insert(http::header::AUTHORIZATION, value.clone());
    }
    // The body of a success is ignored: neither protocol has partial success.
    send_batch(client, url, request, MAX_RESPONSE, spans, |_, body| {
        String::from_utf8_lossy(body).into_owned()
    })
    .map(drop)
}
