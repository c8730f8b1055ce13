//! What a single request asks of the layer.

use std::borrow::Cow;

use opentelemetry::{Context, KeyValue};

use crate::request::RequestHead;

/// What a single request or response asks of its span: another name, more attributes, or no span at all.
///
/// An extension of the request, put there by whoever calls a client, or by a layer outside of a
/// server's:
///
/// ```
/// use lianlu::{KeyValue, TraceOptions};
///
/// let mut request = http::Request::post("http://127.0.0.1:8000/poll").body(())?;
/// request.extensions_mut().insert(TraceOptions::muted());
///
/// let mut request = http::Request::post("http://127.0.0.1:8000/graphql").body(())?;
/// request.extensions_mut().insert(
///     TraceOptions::new()
///         .with_name("POST orders-by-customer")
///         .with_attribute(KeyValue::new("graphql.operation.name", "orders-by-customer")),
/// );
/// # Ok::<(), http::Error>(())
/// ```
///
/// A handler puts it among its *response's* extensions, to name the span after the fact; muting comes too
/// late there. A reqwest request has no extensions: there it is a value of the OpenTelemetry context that
/// is current when the call is made.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TraceOptions {
    muted: bool,
    name: Option<Cow<'static, str>>,
    attributes: Vec<KeyValue>,
}

impl TraceOptions {
    /// Asks for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for no span and no metrics. The trace goes on past the call.
    pub fn muted() -> Self {
        Self {
            muted: true,
            ..Self::default()
        }
    }

    /// The span's name. It should be one that many calls have.
    pub fn with_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// An attribute of the span.
    pub fn with_attribute(mut self, attribute: KeyValue) -> Self {
        self.attributes.push(attribute);
        self
    }

    pub(crate) fn is_muted(&self) -> bool {
        self.muted
    }

    pub(crate) fn name(&self) -> Option<Cow<'static, str>> {
        self.name.clone()
    }

    pub(crate) fn attributes(&self) -> &[KeyValue] {
        &self.attributes
    }

    fn is_empty(&self) -> bool {
        !self.muted && self.name.is_none() && self.attributes.is_empty()
    }

    /// What the request itself asks for.
    #[inline]
    pub(crate) fn of<'a>(head: &RequestHead<'a>) -> Option<&'a Self> {
        head.extensions().get()
    }

    /// What the context asks for; it is taken from it: a call made inside of this one is another call.
    #[inline]
    pub(crate) fn take(context: &mut Context) -> Option<Box<Self>> {
        let told = context.get::<Self>().filter(|told| !told.is_empty())?;
        let told = Box::new(told.clone());
        *context = context.with_value(Self::default());
        Some(told)
    }
}
