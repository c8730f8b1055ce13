//! Helpers for the propagators' tests.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;

use super::HeaderInjector;

/// A request's headers.
#[derive(Debug, Default)]
pub(super) struct Headers(HeaderMap);

impl Headers {
    /// Headers with these lines.
    pub(super) fn new(lines: &[(&str, &str)]) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        Self(headers)
    }

    /// The headers that `propagator` injects.
    pub(super) fn injected(propagator: &dyn TextMapPropagator, cx: &Context) -> Self {
        let mut headers = HeaderMap::new();
        propagator.inject_context(cx, &mut HeaderInjector(&mut headers));
        Self(headers)
    }

    pub(super) fn map(&self) -> &HeaderMap {
        &self.0
    }

    /// All headers as `name: value`, sorted.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        let mut lines: Vec<_> = self.0.iter().map(line).collect();
        lines.sort();
        lines
    }
}

/// Behaves like [`HeaderExtractor`](super::HeaderExtractor).
impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values = self.0.get_all(key).iter();
        let values: Vec<_> = values
            .map(|value| value.to_str().unwrap_or_default())
            .collect();
        (!values.is_empty()).then_some(values)
    }
}

impl Injector for Headers {
    fn set(&mut self, key: &str, value: String) {
        HeaderInjector(&mut self.0).set(key, value);
    }
}

/// The remote parent in a context as `trace id, span id, sampled`, or `none`.
pub(super) fn described(cx: &Context) -> String {
    let span = cx.span();
    let span = span.span_context();
    if !span.is_valid() {
        return "none".to_owned();
    }
    assert!(span.is_remote());
    format!(
        "{} {} {}",
        span.trace_id(),
        span.span_id(),
        span.is_sampled()
    )
}
