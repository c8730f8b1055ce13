//! What a client's caller can tell the layer about a call.

use std::borrow::Cow;

use opentelemetry::Context;

use crate::attempts::Attempts;
use crate::request::RequestHead;

/// The template of a request's path, `/orders/{id}`: the attribute [`url.template`], and with the
/// method the name of a client's span, `GET /orders/{id}`.
///
/// A client's layer finds it among the request's extensions:
///
/// ```
/// let mut request = http::Request::get("http://127.0.0.1:8000/orders/7").body(())?;
/// request.extensions_mut().insert(lianlu::layer::UrlTemplate("/orders/{id}".into()));
/// # Ok::<(), http::Error>(())
/// ```
///
/// A reqwest request has no extensions; there, and wherever it is handier, it may be a value of the
/// OpenTelemetry context that is current when the call is made. (With `reqwest_middleware` it is
/// `.with_extension(…)` again.)
///
/// ```
/// use opentelemetry::Context;
///
/// let template = lianlu::layer::UrlTemplate("/orders/{id}".into());
/// let _current = Context::current_with_value(template).attach();
/// // Calls made from here on have it; calls that their transport makes don't.
/// ```
///
/// It names many spans, so it must not hold a value of a single request. Servers have their route
/// instead, and [Kratos mode](crate::TraceLayer::kratos) its own
/// [`PathTemplate`](crate::kratos::PathTemplate).
///
/// [`url.template`]: https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate(pub Cow<'static, str>);

/// How often a request has been sent before: the attribute [`http.request.resend_count`], which is
/// there from 1 on.
///
/// For clients that send again by hand; tower's retries and the like are counted by
/// [`attempts()`](crate::attempts). Like [`UrlTemplate`] it is an extension of the request or a
/// value of the current context. What `attempts()` counts is added.
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

/// What was told about one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallHints {
    template: Option<UrlTemplate>,
    resend_count: u32,
}

impl CallHints {
    /// Reads what the request and the context tell, and counts an attempt.
    ///
    /// What the context told is taken from it: a call made inside of this one is another call.
    pub(crate) fn take(context: &mut Context, head: &RequestHead<'_>) -> Self {
        let mut told = Self::default();
        let extensions = head.extensions();
        if let Some(template) = context.get::<UrlTemplate>()
            && !template.0.is_empty()
        {
            told.template = Some(template.clone());
            *context = context.with_value(UrlTemplate("".into()));
        }
        if let Some(template) = extensions.get::<UrlTemplate>() {
            told.template = Some(template.clone());
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
        // What is counted further out has seen the attempts that are counted further in.
        if counted.is_none() {
            counted = extensions.get::<Attempts>().and_then(Attempts::next);
        }
        told.resend_count = sent_before.0.saturating_add(counted.unwrap_or(0));
        told
    }

    pub(crate) fn template(&self) -> Option<&str> {
        self.template.as_ref().map(|template| &*template.0)
    }

    /// `None` for a request that is sent for the first time.
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
    fn what_the_context_told_is_told_once() {
        let request = http::Request::new(());
        let mut context = Context::new()
            .with_value(UrlTemplate("/{id}".into()))
            .with_value(ResendCount(2))
            .with_value(Attempts::counting());
        let outer = context.clone();
        let told = take(&mut context, &request);
        assert_eq!(told.template(), Some("/{id}"));
        assert_eq!(told.resend_count(), Some(2));
        let inside = take(&mut context, &request);
        assert_eq!(inside.template(), None);
        assert_eq!(inside.resend_count(), None);
        let again = take(&mut outer.clone(), &request);
        assert_eq!(again.template(), Some("/{id}"));
        assert_eq!(again.resend_count(), Some(3));
    }

    #[test]
    fn the_request_knows_better_than_the_context() {
        let mut request = http::Request::new(());
        request.extensions_mut().insert(UrlTemplate("/a".into()));
        request.extensions_mut().insert(ResendCount(0));
        let mut context = Context::new()
            .with_value(UrlTemplate("/b".into()))
            .with_value(ResendCount(2));
        let told = take(&mut context, &request);
        assert_eq!(told.template(), Some("/a"));
        assert_eq!(told.resend_count(), None);
    }

    #[test]
    fn attempts_are_counted_in_one_place() {
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
        let told = take(&mut overflow, &request);
        assert_eq!(told.resend_count(), Some(i64::from(u32::MAX)));
    }
}
