//! The two sides of a call.

use opentelemetry::trace::SpanKind;

mod sealed {
    pub trait Sealed {}
}

/// A side of a call: [`ServerSide`] or [`ClientSide`]. Sealed.
pub trait Side: sealed::Sealed + Clone + Copy + std::fmt::Debug + Send + Sync + 'static {
    /// The kind of the side's spans.
    const KIND: SpanKind;
}

/// Marks the layer of a server.
#[derive(Debug, Clone, Copy)]
pub struct ServerSide;

/// Marks the layer of a client.
#[derive(Debug, Clone, Copy)]
pub struct ClientSide;

impl sealed::Sealed for ServerSide {}
impl sealed::Sealed for ClientSide {}

impl Side for ServerSide {
    const KIND: SpanKind = SpanKind::Server;
}

impl Side for ClientSide {
    const KIND: SpanKind = SpanKind::Client;
}
