//! Route templates for layers that cannot determine the route themselves.

use std::borrow::Cow;

/// The template of a request's route, `/orders/{id}`. It is the attribute `http.route` and, after
/// the method, part of the name of a server's span.
///
/// Inside an axum router the layer finds the matched path itself. Otherwise a router or handler
/// sets it as an extension of the request or of the response:
///
/// ```
/// let mut response = http::Response::new("an order");
/// response.extensions_mut().insert(lianlu::Route("/orders/{id}".into()));
/// ```
#[cfg_attr(
    feature = "axum",
    doc = "\nIf the layer is around a whole axum router, use [`route_layer`](crate::route_layer)."
)]
///
/// It becomes part of span names and metric labels, so it must not contain values of a single
/// request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route(pub Cow<'static, str>);

#[cfg(feature = "axum")]
pub use layer::{RouteFuture, RouteLayer, RouteService, route_layer};

#[cfg(feature = "axum")]
mod layer {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use axum::extract::MatchedPath;
    use http::{Request, Response};
    use pin_project_lite::pin_project;
    use tower_layer::Layer;
    use tower_service::Service;

    use super::Route;

    /// Reports the matched route to a [`server()`](crate::server) layer *around* an axum router.
    ///
    /// A layer outside of the router starts its span before the route is known, so it names the
    /// span by the method only. With this layer on the routes, the span gets its `http.route` and
    /// its full name with the response.
    ///
    /// ```
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/orders/{id}", axum::routing::get(|| async { "an order" }))
    ///     .route_layer(lianlu::route_layer());
    /// // … and `lianlu::server()` around `app`, for example together with tonic's routes.
    /// # let _ = app;
    /// ```
    #[must_use]
    pub fn route_layer() -> RouteLayer {
        RouteLayer { _private: () }
    }

    /// The layer that [`route_layer()`] returns.
    #[derive(Debug, Clone)]
    pub struct RouteLayer {
        _private: (),
    }

    impl<S> Layer<S> for RouteLayer {
        type Service = RouteService<S>;

        fn layer(&self, inner: S) -> Self::Service {
            RouteService { inner }
        }
    }

    /// The service that [`route_layer()`] wraps around another.
    #[derive(Debug, Clone)]
    pub struct RouteService<S> {
        inner: S,
    }

    impl<S, B, ResB> Service<Request<B>> for RouteService<S>
    where
        S: Service<Request<B>, Response = Response<ResB>>,
    {
        type Response = S::Response;
        type Error = S::Error;
        type Future = RouteFuture<S::Future>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.inner.poll_ready(cx)
        }

        fn call(&mut self, request: Request<B>) -> Self::Future {
            let matched = request.extensions().get::<MatchedPath>();
            let route = matched.map(|path| Route(path.as_str().to_owned().into()));
            RouteFuture {
                inner: self.inner.call(request),
                route,
            }
        }
    }

    pin_project! {
        /// The future of a [`RouteService`]: adds the route to the response's extensions.
        #[derive(Debug)]
        #[must_use = "futures do nothing unless polled"]
        pub struct RouteFuture<F> {
            #[pin]
            inner: F,
            route: Option<Route>,
        }
    }

    impl<F, B, E> Future for RouteFuture<F>
    where
        F: Future<Output = Result<Response<B>, E>>,
    {
        type Output = F::Output;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let this = self.project();
            let mut response = ready!(this.inner.poll(cx))?;
            // A route set by the handler or by an inner router takes precedence.
            if let Some(route) = this.route.take()
                && response.extensions().get::<Route>().is_none()
            {
                response.extensions_mut().insert(route);
            }
            Poll::Ready(Ok(response))
        }
    }
}
