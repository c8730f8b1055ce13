//! How the exporters of Jaeger and Zipkin post.

use http::HeaderValue;

use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::http_client::HttpClient;
use crate::export::transport::one_line::quote;
use crate::export::transport::response::deliver;

/// Posts a batch of `spans` spans. `authorization` goes before a user in the URL.
pub(crate) fn post(
    client: &HttpClient,
    place: &CollectorUrl,
    content_type: &'static str,
    authorization: Option<&HeaderValue>,
    body: &[u8],
    spans: usize,
) -> Result<(), Failure> {
    let mut request = http::Request::post(place.uri())
        .header(http::header::CONTENT_TYPE, content_type)
        .body(body)
        .map_err(|error| Failure::new(spans, error.to_string()))?;
    if let Some(value) = authorization.or(place.authorization()) {
        let headers = request.headers_mut();
        headers.insert(http::header::AUTHORIZATION, value.clone());
    }
    // A body says nothing that the status has not said: neither protocol takes a part of a batch.
    deliver(client, place, request, spans, |_, body| {
        quote(&String::from_utf8_lossy(body))
    })
    .map(drop)
}
