//! The exporter: a batch in, a request or several out.

use std::fmt;
use std::sync::Arc;

use super::answer::Taken;
use super::builder::Builder;
#[cfg(feature = "otlp-grpc")]
use super::grpc::Grpc;
#[cfg(feature = "otlp-http")]
use super::http::Http;
use super::split::split;
use super::{MAX_REQUEST, Protocol};
use crate::batch::Batch;
use crate::export::{Export, Failure};

/// Sends spans over OTLP.
///
/// ```
/// use std::time::Duration;
///
/// use lianlu_sdk::otlp::{Exporter, Protocol};
///
/// let exporter = Exporter::builder(Protocol::Grpc)
///     .with_endpoint("http://collector:4317")
///     .with_header("x-tenant", "shop")
///     .with_timeout(Duration::from_secs(5))
///     .build()?;
/// # drop(exporter);
/// # Ok::<(), lianlu_sdk::OptionError>(())
/// ```
pub struct Exporter {
    sender: Sender,
    /// The request, shared with the sender while it goes out, and used again for the next.
    request: Arc<Vec<u8>>,
}

pub(super) enum Sender {
    #[cfg(feature = "otlp-grpc")]
    Grpc(Box<Grpc>),
    #[cfg(feature = "otlp-http")]
    Http(Box<Http>),
}

impl Exporter {
    /// An exporter in the making. It sends to a collector on the same machine unless told otherwise, and
    /// reads no environment.
    pub fn builder(protocol: Protocol) -> Builder {
        Builder::new(protocol)
    }

    pub(super) fn new(sender: Sender) -> Self {
        Self {
            sender,
            request: Arc::default(),
        }
    }

    /// Sends one request, and adds what became of its spans.
    fn send(&mut self, spans: usize, write: impl FnOnce(&mut Vec<u8>), outcome: &mut Failure) {
        // Whoever gave a request up may still hold its bytes.
        if Arc::get_mut(&mut self.request).is_none() {
            self.request = Arc::default();
        }
        let bytes = Arc::make_mut(&mut self.request);
        bytes.clear();
        // One large span is no reason to keep its memory.
        bytes.shrink_to(MAX_REQUEST);
        write(bytes);
        let (lost, reason) = match self.sender.send(&self.request) {
            Ok(Taken { rejected, message }) => {
                let rejected = usize::try_from(rejected).unwrap_or(usize::MAX).min(spans);
                let place = self.sender.place();
                match (rejected, message.is_empty()) {
                    (0, true) => return,
                    (0, false) => (0, format!("{place} says: {message}")),
                    (_, true) => (rejected, format!("{place} rejected spans")),
                    (_, false) => (rejected, format!("{place} rejected spans: {message}")),
                }
            }
            Err(reason) => (spans, reason),
        };
        // A warning does not hide why spans are gone.
        if lost > 0 || outcome.lost == 0 {
            outcome.reason = reason;
        }
        outcome.lost += lost;
    }
}

impl Sender {
    /// `Err` is for people: every span of the request is lost.
    fn send(&mut self, request: &Arc<Vec<u8>>) -> Result<Taken, String> {
        match self {
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(grpc) => grpc.send(request),
            #[cfg(feature = "otlp-http")]
            Self::Http(http) => http.send(request),
        }
    }

    fn place(&self) -> &crate::place::Place {
        match self {
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(grpc) => grpc.place(),
            #[cfg(feature = "otlp-http")]
            Self::Http(http) => http.place(),
        }
    }
}

impl Export for Exporter {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let mut outcome = Failure::new(0, "");
        if batch.request_len() <= MAX_REQUEST {
            let write = |out: &mut Vec<u8>| batch.write_request(out);
            self.send(batch.len(), write, &mut outcome);
        } else {
            let parts = split(batch, MAX_REQUEST)
                .map_err(|error| Failure::new(batch.len(), error.to_string()))?;
            for part in parts {
                self.send(part.spans, |out| part.write_request(out), &mut outcome);
            }
        }
        if outcome.lost == 0 && outcome.reason.is_empty() {
            Ok(())
        } else {
            Err(outcome)
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("endpoint", self.sender.place())
            .finish_non_exhaustive()
    }
}
