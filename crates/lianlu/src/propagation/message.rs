//! Context in carriers other than HTTP requests.

use std::fmt;
use std::sync::OnceLock;

use lianlu_wire::jaeger_header::BAGGAGE_PREFIX;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use super::carrier::{FORMATS, contradicting};
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
/// First removes the fields of an earlier hop, in every format, from the first three: what is not in
/// `cx` is not sent. Other injectors can only set fields, so give them an empty carrier: a
/// `tracestate` that a `HashMap` already has would stay beside a new `traceparent`.
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
    // The trait can't remove. For our carriers this does; for others it is a hint without effect.
    carrier.reserve(0);
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
#[derive(Clone, Default, PartialEq, Eq)]
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

/// Without values: the headers of a message may hold secrets.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl Injector for Fields {
    /// Replaces all fields of this name, and removes those that contradict it: `tracestate` with
    /// `traceparent`, all of B3's with `b3` or `x-b3-traceid`.
    fn set(&mut self, key: &str, value: String) {
        let stale = contradicting(key);
        let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
        self.0
            .retain(|(name, _)| !is(name, key) && !stale.iter().any(|stale| is(name, stale)));
        if !value.is_empty() {
            self.0.push((key.to_owned(), value));
        }
    }

    /// With 0, removes the fields of all formats: [`inject`] calls it.
    fn reserve(&mut self, additional: usize) {
        let has_prefix = |name: &str| {
            let start = name.as_bytes().get(..BAGGAGE_PREFIX.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(BAGGAGE_PREFIX.as_bytes()))
        };
        if additional == 0 {
            self.0.retain(|(name, _)| {
                !FORMATS.iter().any(|known| name.eq_ignore_ascii_case(known)) && !has_prefix(name)
            });
        } else {
            self.0.reserve(additional);
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

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId};

    use super::*;
    use crate::propagation::{B3, Environment, HeaderInjector, TraceContext};

    fn root() -> Context {
        let (trace, span) = (TraceId::from(0xa1), SpanId::from(0xb2));
        let flags = TraceFlags::SAMPLED;
        let span = SpanContext::new(trace, span, flags, true, Default::default());
        Context::new().with_remote_span_context(span)
    }

    /// The names of the fields, sorted, as headers have them.
    fn names(carrier: &dyn Extractor) -> Vec<String> {
        let name = |name: &str| name.to_lowercase().replace('_', "-");
        let mut names: Vec<_> = carrier.keys().into_iter().map(name).collect();
        names.sort();
        names
    }

    fn stale() -> impl Iterator<Item = &'static str> {
        FORMATS.into_iter().chain(["uberctx-tenant", "x-other"])
    }

    #[test]
    fn inject_leaves_nothing_of_an_earlier_hop() {
        for (cx, expected) in [
            (root(), &["traceparent", "x-other"][..]),
            (Context::new(), &["x-other"]),
        ] {
            let upper = |name: &str| (name.to_uppercase(), "stale");
            let mut fields: Fields = stale().map(upper).collect();
            let mut environment = Environment::new();
            let mut headers = HeaderMap::new();
            for name in stale() {
                environment.set(name, "stale".to_owned());
                let name = HeaderName::from_static(name);
                headers.insert(name, HeaderValue::from_static("stale"));
            }
            inject(&cx, &mut fields);
            inject(&cx, &mut environment);
            inject(&cx, &mut HeaderInjector::new(&mut headers));
            let headers: Fields = headers.iter().map(|(k, v)| (k, v.as_bytes())).collect();
            let carriers: [&dyn Extractor; 3] = [&fields, &environment, &headers];
            for carrier in carriers {
                assert_eq!(names(carrier), expected);
            }
            // Only `inject` itself removes.
            fields.set("b3", "1".to_owned());
            Injector::reserve(&mut fields, 9);
            assert_eq!(fields.get("b3"), Some("1"));
        }
    }

    #[test]
    fn one_propagator_replaces_its_format() {
        fn left<C: Injector + Extractor>(mut carrier: C, it: &dyn TextMapPropagator) -> String {
            for name in ["b3", "x-b3-flags", "x-b3-parentspanid", "tracestate"] {
                carrier.set(name, "stale".to_owned());
            }
            it.inject_context(&root(), &mut carrier);
            names(&carrier).join(" ")
        }
        let propagators: [(&dyn TextMapPropagator, _); 3] = [
            (
                &TraceContext::new(),
                "b3 traceparent x-b3-flags x-b3-parentspanid",
            ),
            (&B3::new(), "b3 tracestate"),
            (
                &B3::multi(),
                "tracestate x-b3-sampled x-b3-spanid x-b3-traceid",
            ),
        ];
        for (it, expected) in propagators {
            assert_eq!(left(Fields::new(), it), expected);
            assert_eq!(left(Environment::new(), it), expected);
        }
    }

    #[test]
    fn debug_output_has_no_values() {
        let fields = Fields::from_iter([("authorization", "secret")]);
        assert_eq!(format!("{fields:?}"), r#"["authorization"]"#);
    }
}
