//! The caller's service name.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use http::{HeaderMap, HeaderValue};
use lianlu_wire::percent_decode;
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use crate::header_text;

const HEADER: &str = "x-md-service-name";

/// Longer names are ignored, because any client can send the header.
const MAX_LEN: usize = 255;

/// The `service.name` of the pipeline that was installed last.
static INSTALLED: RwLock<Option<Arc<str>>> = RwLock::new(None);

#[cfg(feature = "pipeline")]
pub(crate) fn set_service_name(name: Option<&str>) {
    *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = name.map(Arc::from);
}

/// Injects this service's name as `x-md-service-name` and extracts the caller's, like Kratos's
/// `Metadata` propagator.
///
/// The extracted name is not authenticated: any client can send any name.
///
/// ```
/// use lianlu::propagation::{CallerService, ServiceName};
/// use opentelemetry::{Context, propagation::TextMapPropagator};
///
/// let mut carrier = std::collections::HashMap::new();
/// ServiceName::new("shop").inject_context(&Context::new(), &mut carrier);
/// let cx = ServiceName::new("till").extract_with_context(&Context::new(), &carrier);
/// assert_eq!(cx.get::<CallerService>().unwrap().as_str(), "shop");
/// ```
#[derive(Debug, Clone)]
pub struct ServiceName(Name);

#[derive(Debug, Clone)]
enum Name {
    Given(Cow<'static, str>),
    /// The name of the installed pipeline.
    OfPipeline,
    /// Extracts only.
    Unsent,
}

impl ServiceName {
    /// A propagator that injects `name`, or nothing if it is empty.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Name::Given(name.into()))
    }

    /// A propagator that injects the `service.name` of the pipeline that was installed last, or
    /// nothing if there is none.
    #[must_use]
    pub fn from_pipeline() -> Self {
        Self(Name::OfPipeline)
    }

    /// As part of the default propagator, which sends a name only if one was given.
    pub(super) fn of_default(self) -> Self {
        match self.0 {
            Name::OfPipeline => Self(Name::Unsent),
            Name::Given(_) | Name::Unsent => self,
        }
    }

    /// True if a propagator with these fields sends a name.
    pub(crate) fn is_in(mut fields: FieldIter<'_>) -> bool {
        fields.any(|field| field == HEADER)
    }

    /// Removes the header. Most requests have none, and fewer headers than a look-up has steps.
    #[inline]
    pub(crate) fn remove(headers: &mut HeaderMap) {
        if headers.keys().any(|name| name.as_str() == HEADER) {
            headers.remove(HEADER);
        }
    }
}

impl TextMapPropagator for ServiceName {
    fn inject_context(&self, _: &Context, injector: &mut dyn Injector) {
        let name = match &self.0 {
            Name::Given(name) => Some(name.to_string()),
            Name::OfPipeline => INSTALLED
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .as_deref()
                .map(str::to_owned),
            Name::Unsent => None,
        };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            injector.set(HEADER, name);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match extractor.get(HEADER).and_then(caller) {
            Some(caller) => cx.with_value(caller),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);
        match self.0 {
            Name::Unsent => FieldIter::new(&[]),
            Name::Given(_) | Name::OfPipeline => FieldIter::new(&*FIELDS),
        }
    }
}

/// Reads the name that [`ServiceName`] would extract.
pub(super) fn read(value: &HeaderValue) -> Option<CallerService> {
    caller(&header_text::text(value))
}

/// The name in a header's text. A name beyond ASCII is percent-encoded over gRPC.
fn caller(text: &str) -> Option<CallerService> {
    let decoded = percent_decode(text);
    let name = if decoded.is_ascii() { text } else { &decoded };
    is_valid(name).then(|| CallerService(name.into()))
}

/// Checks length and characters, because the name is written into logs and spans. U+FFFD stands for
/// bytes that are not UTF-8.
fn is_valid(name: &str) -> bool {
    let is_bad = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    (1..=MAX_LEN).contains(&name.len()) && !name.chars().any(is_bad)
}

/// The service name that the caller sent; a value of the context of a server's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerService(Arc<str>);

impl CallerService {
    /// The name as sent: 1 to 255 bytes without control characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::testing::Headers;
    use std::collections::HashMap;

    fn caller(extractor: &dyn Extractor) -> Option<String> {
        let cx = ServiceName::new("till").extract_with_context(&Context::new(), extractor);
        Some(cx.get::<CallerService>()?.as_str().to_owned())
    }

    #[test]
    fn accepts_names_of_up_to_255_bytes() {
        let longest = "n".repeat(MAX_LEN);
        assert_eq!(
            caller(&Headers::new(&[(HEADER, &longest)])),
            Some(longest.clone())
        );
        assert_eq!(
            caller(&Headers::new(&[(HEADER, &format!("{longest}n"))])),
            None
        );
    }

    #[test]
    fn names_may_be_any_text_without_control_characters() {
        for (sent, expected) in [
            (&b""[..], None),
            ("链路".as_bytes(), Some("链路")),
            (b"%E9%93%BE", Some("链")),
            (b"50%25", Some("50%25")),
            (b"%0A%E9%93%BE", None),
            (b"till\xff", None),
            (b"\x7f", None),
            (b"a\nb: c", None),
        ] {
            let text = String::from_utf8_lossy(sent).into_owned();
            let carrier = HashMap::from([(HEADER.to_owned(), text)]);
            assert_eq!(caller(&carrier).as_deref(), expected, "{sent:?}");
            if let Ok(value) = HeaderValue::from_bytes(sent) {
                let caller = read(&value);
                assert_eq!(caller.as_ref().map(CallerService::as_str), expected);
            }
        }
        // A control character cannot end the header.
        let headers = Headers::injected(&ServiceName::new("a\nb: c"), &Context::new());
        assert_eq!(headers.lines(), ["x-md-service-name: a%0Ab: c"]);
    }
}
