//! Helpers for the propagators' tests.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;

use super::HeaderInjector;

/// A request's headers.
#[derive(Debug, Default)]
pub(super) struct Headers(HeaderMap);

impl Headers {
    /// Headers with these lines.
    pub(super) fn new(lines: &[(&str, &str)]) -> Self {
        let bytes = lines.iter().map(|(name, value)| (*name, value.as_bytes()));
        Self::of_bytes(bytes)
    }

    pub(super) fn of_bytes<'a>(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        Self(headers)
    }

    /// The headers that `propagator` injects.
    pub(super) fn injected(propagator: &dyn TextMapPropagator, cx: &Context) -> Self {
        Self::default().with_injected(propagator, cx)
    }

    /// These headers, after `propagator` has injected.
    pub(super) fn with_injected(
        mut self,
        propagator: &dyn TextMapPropagator,
        cx: &Context,
    ) -> Self {
        propagator.inject_context(cx, &mut HeaderInjector::new(&mut self.0));
        self
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

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        // The tests' own lines are UTF-8.
        std::str::from_utf8(self.0.get(key)?.as_bytes()).ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values = self.0.get_all(key).iter();
        let values: Vec<_> = values
            .map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or_default())
            .collect();
        (!values.is_empty()).then_some(values)
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
