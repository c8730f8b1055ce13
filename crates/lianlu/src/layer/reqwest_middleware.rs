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

/// As a middleware of `reqwest_middleware`, the layer makes a span each time a request passes
/// (feature `reqwest-middleware`).
///
/// After a retry middleware in the chain, each attempt is a span, with `http.request.resend_count`
/// from the second attempt on. Before it, the whole call is one span. Errors of later middlewares
/// are recorded on the span.
impl Middleware for ClientLayer {
    // The signature that `async_trait` generates.
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
        // The extensions belong to the call and are shared by all of its attempts.
        let attempts = extensions.remove().unwrap_or_else(Attempts::counting);
        extensions.insert(attempts.clone());
        let mut active = begin(self.options(), &mut request, extensions);
        // A layer further in counts its own attempts.
        extensions.remove::<Attempts>();
        Box::pin(async move {
            let future = active.enter(|| next.run(request, &mut *extensions));
            let result = ReqwestFuture::new(future, active).await;
            extensions.insert(attempts);
            result
        })
    }
}
