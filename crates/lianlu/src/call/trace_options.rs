//! Options for the span of a single request.

use std::borrow::Cow;

use opentelemetry::{Context, KeyValue};

use crate::request::RequestHead;

/// Options for the span of a single request: another name, more attributes, or no span at all.
///
/// Set them as an extension of the request, in the code that calls a client, or in a layer outside
/// of the server's:
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
/// A handler can set them as an extension of its *response*, to name the span afterwards; it is
/// then too late for muting. A reqwest request has no extensions: there, set them as a value of the
/// OpenTelemetry context that is current when the call is made.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TraceOptions {
    muted: bool,
    name: Option<Cow<'static, str>>,
    attributes: Vec<KeyValue>,
}

impl TraceOptions {
    /// Options that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// No span and no metrics. The trace continues across the call.
    pub fn muted() -> Self {
        Self {
            muted: true,
            ..Self::default()
        }
    }

    /// Sets the span's name. It should have low cardinality: many calls should share it.
    pub fn with_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds an attribute to the span.
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

    /// The options in the request's extensions.
    #[inline]
    pub(crate) fn of<'a>(head: &RequestHead<'a>) -> Option<&'a Self> {
        head.extensions().get()
    }

    /// The options in the context. They are removed from it, so that nested calls do not inherit
    /// them.
    #[inline]
    pub(crate) fn take(context: &mut Context) -> Option<Box<Self>> {
        let options = context
            .get::<Self>()
            .filter(|options| !options.is_empty())?;
        let options = Box::new(options.clone());
        *context = context.with_value(Self::default());
        Some(options)
    }
}
