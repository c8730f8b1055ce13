//! Context in carriers other than HTTP requests.

use std::sync::OnceLock;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use super::{DefaultPropagator, default_propagator};

/// The [`default_propagator`] of the first use.
pub(super) fn propagator() -> &'static DefaultPropagator {
    static PROPAGATOR: OnceLock<DefaultPropagator> = OnceLock::new();
    PROPAGATOR.get_or_init(default_propagator)
}

/// Writes the trace context and the baggage of `cx` into a carrier: [`Fields`] for messages,
/// [`Environment`](super::Environment) for environment variables,
/// [`HeaderInjector`](super::HeaderInjector) for HTTP headers, a `HashMap`, or your own
/// [`Injector`].
///
/// The fields are those of the [`default_propagator`], which `OTEL_PROPAGATORS` replaces.
///
/// ```
/// use opentelemetry::Context;
///
/// let mut carrier = std::collections::HashMap::new();
/// lianlu::propagation::inject(&Context::current(), &mut carrier);
/// // Outside of a trace there is nothing to send.
/// assert!(carrier.is_empty());
/// ```
pub fn inject(cx: &Context, carrier: &mut dyn Injector) {
    propagator().inject_context(cx, carrier);
}

/// Reads what [`inject`] has written, into a copy of the current context. A carrier without a valid
/// trace leaves its trace as it is.
///
/// ```
/// use opentelemetry::trace::TraceContextExt;
///
/// # if std::env::var_os("OTEL_PROPAGATORS").is_some() { return; }
/// let carrier = std::collections::HashMap::from([(
///     "traceparent".to_owned(),
///     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
/// )]);
/// let cx = lianlu::propagation::extract(&carrier);
/// assert_eq!(cx.span().span_context().span_id().to_string(), "00f067aa0ba902b7");
/// ```
#[must_use]
pub fn extract(carrier: &dyn Extractor) -> Context {
    propagator().extract(carrier)
}

/// The headers of a message (Kafka, NATS, AMQP and others) as a carrier: a list of names, which are
/// compared without case, and values. A name may occur several times.
///
/// ```
/// use lianlu::propagation::{Fields, extract, inject};
/// use opentelemetry::Context;
///
/// // A producer: copy the fields into the message.
/// let mut fields = Fields::new();
/// inject(&Context::current(), &mut fields);
/// let headers: Vec<(String, Vec<u8>)> = fields
///     .iter()
///     .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
///     .collect();
///
/// // A consumer: collect the message's headers. The work in `cx` is part of the trace.
/// let fields: Fields = headers.iter().map(|(name, value)| (name, value)).collect();
/// let cx = extract(&fields);
/// # let _ = cx;
/// ```
///
/// | client | producer, for each field | consumer, from each header |
/// |---|---|---|
/// | `rdkafka` | `headers.insert(Header { key: name, value: Some(value) })` | `Some((header.key, header.value?))` |
/// | `async-nats` | `headers.insert(name, value)` | `(name.as_ref(), value.as_str())` |
/// | `lapin` | `table.insert(name.into(), AMQPValue::LongString(value.into()))` | `(name.as_str(), value.as_long_string()?.as_bytes())` |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// Values are read as UTF-8; other bytes become U+FFFD.
impl<K: AsRef<str>, V: AsRef<[u8]>> FromIterator<(K, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(fields: I) -> Self {
        let field = |(name, value): (K, V)| {
            let value = String::from_utf8_lossy(value.as_ref());
            (name.as_ref().to_owned(), value.into_owned())
        };
        Self(fields.into_iter().map(field).collect())
    }
}

impl Injector for Fields {
    fn set(&mut self, key: &str, value: String) {
        self.0.retain(|(name, _)| !name.eq_ignore_ascii_case(key));
        if !value.is_empty() {
            self.0.push((key.to_owned(), value));
        }
    }
}

impl Extractor for Fields {
    fn get(&self, key: &str) -> Option<&str> {
        let mut fields = self.iter();
        let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        Some(value)
    }

    fn keys(&self) -> Vec<&str> {
        self.iter().map(|(name, _)| name).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let fields = self.iter();
        let values = fields.filter(|(name, _)| name.eq_ignore_ascii_case(key));
        let values: Vec<_> = values.map(|(_, value)| value).collect();
        (!values.is_empty()).then_some(values)
    }
}
