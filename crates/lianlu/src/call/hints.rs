//! Hints about a call that a client's caller can give to the layer.

use std::borrow::Cow;

use opentelemetry::Context;

use crate::attempts::Attempts;
use crate::request::RequestHead;

/// The template of a request's path, `/orders/{id}`: the attribute [`url.template`]. Together with
/// the method it is the name of a client's span, `GET /orders/{id}`.
///
/// A client's layer reads it from the request's extensions:
///
/// ```
/// let mut request = http::Request::get("http://127.0.0.1:8000/orders/7").body(())?;
/// request.extensions_mut().insert(lianlu::layer::UrlTemplate("/orders/{id}".into()));
/// # Ok::<(), http::Error>(())
/// ```
///
/// A reqwest request has no extensions. There, or wherever it is more convenient, set it as a value
/// of the OpenTelemetry context that is current when the call is made. (With `reqwest_middleware`,
/// use `.with_extension(…)`.)
///
/// ```
/// use opentelemetry::Context;
///
/// let template = lianlu::layer::UrlTemplate("/orders/{id}".into());
/// let _current = Context::current_with_value(template).attach();
/// // Calls made from here on have it; calls that their transport makes don't.
/// ```
///
/// It names spans, so it must not contain values of a single request. Servers use their route
/// instead, and [Kratos mode](crate::TraceLayer::kratos) uses its own
/// [`PathTemplate`](crate::kratos::PathTemplate).
///
/// [`url.template`]: https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate(pub Cow<'static, str>);

/// How often a request has been sent before: the attribute [`http.request.resend_count`], written
/// if it is at least 1.
///
/// For clients with their own retry loop; [`attempts()`](crate::attempts) counts the retries of
/// tower layers. Like [`UrlTemplate`] it is an extension of the request or a value of the current
/// context. The count of `attempts()` is added to it.
///
/// ```
/// let mut request = http::Request::get("http://127.0.0.1:8000/").body(())?;
/// request.extensions_mut().insert(lianlu::layer::ResendCount(1));
/// # Ok::<(), http::Error>(())
/// ```
///
/// [`http.request.resend_count`]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResendCount(pub u32);

/// The hints for one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallHints {
    template: Option<UrlTemplate>,
    resend_count: u32,
}

impl CallHints {
    /// Reads the hints of the request and of the context, and counts an attempt.
    ///
    /// The context's hints are removed from it, so that nested calls do not inherit them.
    #[inline(never)]
    pub(crate) fn take(context: &mut Context, head: &RequestHead<'_>) -> Self {
        let mut hints = Self::default();
        let extensions = head.extensions();
        if let Some(template) = context.get::<UrlTemplate>()
            && !template.0.is_empty()
        {
            hints.template = Some(template.clone());
            *context = context.with_value(UrlTemplate("".into()));
        }
        if let Some(template) = extensions.get::<UrlTemplate>() {
            hints.template = Some(template.clone());
        }
        let mut sent_before = ResendCount(0);
        if let Some(count) = context.get::<ResendCount>()
            && *count != ResendCount(0)
        {
            sent_before = *count;
            *context = context.with_value(ResendCount(0));
        }
        if let Some(count) = extensions.get::<ResendCount>() {
            sent_before = *count;
        }
        let mut counted = None;
        if let Some(attempts) = context.get::<Attempts>()
            && attempts.is_on()
        {
            counted = attempts.next();
            *context = context.with_value(Attempts::default());
        }
        // A counter further out has already counted the attempts of one further in.
        if counted.is_none() {
            counted = extensions.get::<Attempts>().and_then(Attempts::next);
        }
        hints.resend_count = sent_before.0.saturating_add(counted.unwrap_or(0));
        hints
    }

    pub(crate) fn template(&self) -> Option<&str> {
        self.template.as_ref().map(|template| &*template.0)
    }

    /// `None` on the first attempt.
    pub(crate) fn resend_count(&self) -> Option<i64> {
        (self.resend_count > 0).then_some(i64::from(self.resend_count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(context: &mut Context, request: &http::Request<()>) -> CallHints {
        CallHints::take(context, &RequestHead::new(request))
    }

    #[test]
    fn nested_calls_do_not_inherit_hints() {
        let request = http::Request::new(());
        let mut context = Context::new()
            .with_value(UrlTemplate("/{id}".into()))
            .with_value(ResendCount(2))
            .with_value(Attempts::counting());
        let outer = context.clone();
        let hints = take(&mut context, &request);
        assert_eq!(hints.template(), Some("/{id}"));
        assert_eq!(hints.resend_count(), Some(2));
        let inside = take(&mut context, &request);
        assert_eq!(inside.template(), None);
        assert_eq!(inside.resend_count(), None);
        let again = take(&mut outer.clone(), &request);
        assert_eq!(again.template(), Some("/{id}"));
        assert_eq!(again.resend_count(), Some(3));
    }

    #[test]
    fn hints_of_the_request_override_the_context() {
        let mut request = http::Request::new(());
        request.extensions_mut().insert(UrlTemplate("/a".into()));
        request.extensions_mut().insert(ResendCount(0));
        let mut context = Context::new()
            .with_value(UrlTemplate("/b".into()))
            .with_value(ResendCount(2));
        let hints = take(&mut context, &request);
        assert_eq!(hints.template(), Some("/a"));
        assert_eq!(hints.resend_count(), None);
    }

    #[test]
    fn counts_attempts_once() {
        let mut request = http::Request::new(());
        request.extensions_mut().insert(Attempts::counting());
        let context = Context::new();
        for expected in [None, Some(1), Some(2)] {
            assert_eq!(
                take(&mut context.clone(), &request).resend_count(),
                expected
            );
        }
        let context = context.with_value(Attempts::counting());
        for expected in [None, Some(1)] {
            assert_eq!(
                take(&mut context.clone(), &request).resend_count(),
                expected
            );
        }
        let mut overflow = Context::new().with_value(ResendCount(u32::MAX));
        let hints = take(&mut overflow, &request);
        assert_eq!(hints.resend_count(), Some(i64::from(u32::MAX)));
    }
}
