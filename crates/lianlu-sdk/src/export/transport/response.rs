//! One batch, one request over HTTP, and what became of it.
//!
//! Whether a batch is taken is said by the status, the first line of an answer. Without one, nobody has said so, and
//! the batch [may be sent again](https://opentelemetry.io/docs/specs/otlp/#otlphttp-connection); twice in a store is
//! better than never. With a 2xx it is taken, even if the answer's body is cut off, too long or nonsense: it could not
//! take the receipt back, and a collector that answers so does it every time.

use std::io::ErrorKind;

use http::response::Parts;

use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::http_client::{Answer, HttpClient};
use crate::export::transport::status::refusal;

/// Posts a batch of `spans` spans. `Ok` is the answer of a collector that has taken it; `said` finds what one that has
/// not has to say.
pub(crate) fn deliver(
    client: &HttpClient,
    place: &CollectorUrl,
    request: http::Request<&[u8]>,
    spans: usize,
    said: impl FnOnce(&Parts, &[u8]) -> String,
) -> Result<Answer, Failure> {
    let answer = client
        .send(request)
        .map_err(|error| unanswered(place, &error, spans))?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let (head, body) = answer.into_parts();
    let said = match body {
        Ok(body) => said(&head, &body),
        Err(error) => error.to_string(),
    };
    Err(refusal(place, head.status, &head.headers, &said, spans))
}

/// There is no answer: nobody there, a connection that broke, a time-out, TLS that fails, or somebody who doesn't speak
/// HTTP. All of it may be mended while the pipeline waits, but for a request that can't be made.
fn unanswered(place: &CollectorUrl, error: &ureq::Error, spans: usize) -> Failure {
    let reason = match error {
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => {
            return Failure::new(spans, format!("{place}: {error}"));
        }
        // What the TLS library makes of a handshake; its texts seldom have the word in them.
        ureq::Error::Io(cause) if cause.kind() == ErrorKind::InvalidData => {
            format!("{place}: TLS failed: {cause}")
        }
        error => format!("{place}: {error}"),
    };
    Failure::temporary(reason)
}
