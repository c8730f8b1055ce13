//! The caller's name for itself.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use http::HeaderValue;
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

const HEADER: &str = "x-md-service-name";

/// Longer names are not believed: the header comes from whoever calls.
const MAX_LEN: usize = 255;

/// The name of the pipeline that was installed last.
static INSTALLED: RwLock<Option<Arc<str>>> = RwLock::new(None);

#[cfg(feature = "pipeline")]
pub(crate) fn set_service_name(name: Option<&str>) {
    *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = name.map(Arc::from);
}

/// Sends this service's name as `x-md-service-name`, and reads the caller's: Kratos's `Metadata`
/// propagator.
///
/// What was read is data from the caller, not proof of who it is.
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
pub struct ServiceName {
    /// `None`: that of the installed pipeline.
    name: Option<Cow<'static, str>>,
}

impl ServiceName {
    /// A propagator that sends `name`, or nothing if it is empty.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: Some(name.into()),
        }
    }

    /// A propagator that sends the `service.name` of the pipeline that was installed last, or nothing
    /// before there is one.
    #[must_use]
    pub fn from_pipeline() -> Self {
        Self { name: None }
    }
}

impl TextMapPropagator for ServiceName {
    fn inject_context(&self, _: &Context, injector: &mut dyn Injector) {
        let name = match &self.name {
            Some(name) => Some(name.to_string()),
            None => INSTALLED
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .as_deref()
                .map(str::to_owned),
        };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            injector.set(HEADER, name);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match extractor.get(HEADER) {
            Some(name) if is_believed(name) => cx.with_value(CallerService(name.into())),
            _ => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

/// As [`ServiceName`] extracts it.
pub(super) fn read(value: &HeaderValue) -> Option<CallerService> {
    let name = value.to_str().ok().filter(|name| is_believed(name))?;
    Some(CallerService(name.into()))
}

/// A name is written into logs and spans.
fn is_believed(name: &str) -> bool {
    (1..=MAX_LEN).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// The name that the caller of the current call gave itself, in the context of a server's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerService(Arc<str>);

impl CallerService {
    /// The name: 1 to 255 bytes, none of them a control character, as sent.
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
    fn names_of_255_bytes_and_no_more() {
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

    /// A carrier that is not HTTP has no rules of its own for values.
    #[test]
    fn other_characters_are_survived() {
        for name in [
            "",
            "\u{94fe}\u{8def}",
            "\u{7f}",
            "a\nb: c",
            "\0",
            "\u{94fe}\n",
        ] {
            let carrier = HashMap::from([(HEADER.to_owned(), name.to_owned())]);
            let expected = if name == "\u{94fe}\u{8def}" {
                Some(name)
            } else {
                None
            };
            assert_eq!(caller(&carrier).as_deref(), expected, "{name:?}");

            // What no header can hold is not sent, and nothing of it breaks out.
            let sent = Headers::sent(&ServiceName::new(name.to_owned()), &Context::new());
            let sent = sent.get_all(HEADER).unwrap_or_default();
            assert!(
                sent.len() <= 1 && sent.iter().all(|value| value.is_empty()),
                "{name:?}: {sent:?}"
            );
        }
        assert_eq!(
            caller(&Headers::new(&[(HEADER, "\u{94fe}")])),
            None,
            "not ASCII in a header"
        );
    }
}
