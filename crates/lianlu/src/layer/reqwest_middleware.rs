//! The client layer as a middleware of `reqwest_middleware`.

use std::future::Future;
use std::pin::Pin;

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use super::layer::ClientLayer;
use super::reqwest::{ReqwestFuture, begin};
use crate::attempts::Attempts;

type Handled<'a> = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

/// As a middleware of `reqwest_middleware`, each time that the request passes is a span (feature
/// `reqwest-middleware`).
///
/// After a retry middleware in the chain, that is each attempt, with `http.request.resend_count` from
/// the second on; before it, the call as a whole. Errors of the middlewares that come after are the
/// span's too.
impl Middleware for ClientLayer {
    // As `async_trait` writes it.
    fn handle<'a, 'b, 'c, 'd>(
        &'a self,
        mut request: Request,
        extensions: &'b mut Extensions,
        next: Next<'c>,
    ) -> Handled<'d>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        if !self.options().is_on {
            return Box::pin(next.run(request, extensions));
        }
        // The extensions are the call's, whatever sends its request again.
        let attempts = extensions.remove().unwrap_or_else(Attempts::counting);
        extensions.insert(attempts.clone());
        let mut active = begin(self.options(), &mut request, extensions);
        // A layer further in has attempts of its own.
        extensions.remove::<Attempts>();
        Box::pin(async move {
            let future = active.enter(|| next.run(request, &mut *extensions));
            let result = ReqwestFuture::new(future, active).await;
            extensions.insert(attempts);
            result
        })
    }
}
