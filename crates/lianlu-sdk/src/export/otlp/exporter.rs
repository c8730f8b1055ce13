//! The exporter: sends each batch as one request.

use std::fmt;

use super::Protocol;
use super::builder::Builder;
#[cfg(feature = "otlp-grpc")]
use super::grpc::Grpc;
#[cfg(feature = "otlp-http")]
use super::http::Http;
use super::response::Accepted;
use crate::export::batch::Batch;
use crate::export::{Component, Export, Failure};

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
    max_request: usize,
}

pub(super) enum Sender {
    #[cfg(feature = "otlp-grpc")]
    Grpc(Box<Grpc>),
    #[cfg(feature = "otlp-http")]
    Http(Box<Http>),
}

impl Exporter {
    /// The options of an exporter. The default endpoint is a collector on the same machine;
    /// environment variables are not read.
    pub fn builder(protocol: Protocol) -> Builder {
        Builder::new(protocol)
    }

    pub(super) fn new(sender: Sender, max_request: usize) -> Self {
        Self {
            sender,
            max_request,
        }
    }
}

impl Sender {
    fn send(&mut self, batch: &Batch) -> Result<Accepted, Failure> {
        match self {
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(grpc) => grpc.send(batch),
            #[cfg(feature = "otlp-http")]
            Self::Http(http) => http.send(batch),
        }
    }

    fn url(&self) -> &crate::export::transport::collector_url::CollectorUrl {
        match self {
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(grpc) => grpc.url(),
            #[cfg(feature = "otlp-http")]
            Self::Http(http) => http.url(),
        }
    }
}

impl Export for Exporter {
    fn destination(&self) -> String {
        self.sender.url().to_string()
    }

    fn component(&self) -> Component {
        self.sender.url().component(match &self.sender {
            #[cfg(feature = "otlp-grpc")]
            Sender::Grpc(_) => "otlp_grpc_span_exporter",
            #[cfg(feature = "otlp-http")]
            Sender::Http(http) => http.component_type(),
        })
    }

    fn max_request_size(&self) -> usize {
        match &self.sender {
            // JSON is longer than the protobuf that it is made of: at most six times, for control
            // characters.
            #[cfg(feature = "otlp-json")]
            Sender::Http(http) if http.is_json() => self.max_request / 8,
            _ => self.max_request,
        }
    }

    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        check_size(batch, batch.request_len(), self.max_request)?;
        let Accepted { rejected, message } = self.sender.send(batch)?;
        let url = self.sender.url();
        let message = url.quote(&message);
        let lost = usize::try_from(rejected).unwrap_or(usize::MAX);
        let reason = match (lost, message.is_empty()) {
            (0, true) => return Ok(()),
            (0, false) => format!("{url} reported: {message}"),
            (_, true) => format!("{url} rejected spans"),
            (_, false) => format!("{url} rejected spans: {message}"),
        };
        Err(Failure::new(lost.min(batch.len()), reason).with_error_type("rejected"))
    }
}

/// The failure of a batch whose request is too large. The pipeline makes smaller batches, unless one
/// span is too large.
pub(super) fn check_size(batch: &Batch, bytes: usize, most: usize) -> Result<(), Failure> {
    if bytes <= most {
        return Ok(());
    }
    let reason = format!(
        "a span with a request of {bytes} bytes is larger than the largest request of {most} bytes"
    );
    Err(Failure::new(batch.len(), reason))
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("endpoint", self.sender.url())
            .finish_non_exhaustive()
    }
}
