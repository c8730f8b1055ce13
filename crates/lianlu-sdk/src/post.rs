//! One batch, one request: how the exporters of Jaeger and Zipkin post.

use http::HeaderValue;

use crate::http_client::HttpClient;
use crate::place::Place;
use crate::quote::quote;

/// Posts a batch; `Err` says what a person needs to know.
pub(crate) fn post(
    client: &HttpClient,
    place: &Place,
    content_type: &'static str,
    authorization: Option<&HeaderValue>,
    body: &[u8],
) -> Result<(), String> {
    let mut request = http::Request::post(place.uri())
        .header(http::header::CONTENT_TYPE, content_type)
        .body(body)
        .map_err(|error| error.to_string())?;
    if let Some(value) = authorization {
        let headers = request.headers_mut();
        headers.insert(http::header::AUTHORIZATION, value.clone());
    }
    match client.send(request) {
        // Whatever the body is: the status has said all that counts.
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => {
            let said = answer.body().as_deref().unwrap_or_default();
            Err(format!(
                "{place} answered {}: {}",
                answer.status(),
                quote(&String::from_utf8_lossy(said))
            ))
        }
        Err(error) => Err(format!("{place}: {error}")),
    }
}
