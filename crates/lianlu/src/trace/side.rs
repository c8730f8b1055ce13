//! The two sides of a call.

use opentelemetry::trace::SpanKind;

mod sealed {
    pub trait Sealed {}
}

/// A side of a call: [`Server`] or [`Client`]. Sealed.
pub trait Side: sealed::Sealed + Clone + Copy + std::fmt::Debug + Send + Sync + 'static {
    /// The kind of the side's spans.
    const KIND: SpanKind;
}

/// Marks the layer of a server.
#[derive(Debug, Clone, Copy)]
pub struct Server;

/// Marks the layer of a client.
#[derive(Debug, Clone, Copy)]
pub struct Client;

impl sealed::Sealed for Server {}
impl sealed::Sealed for Client {}

impl Side for Server {
    const KIND: SpanKind = SpanKind::Server;
}

impl Side for Client {
    const KIND: SpanKind = SpanKind::Client;
}
