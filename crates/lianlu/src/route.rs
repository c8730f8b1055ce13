//! A route's template, for the layers that can't see it themselves.

use std::borrow::Cow;

/// The template of the route that serves a request, `/orders/{id}`: the attribute `http.route`, and with
/// the method the name of a server's span.
///
/// On axum the layer finds the matched path by itself where it stands inside of the router. Elsewhere a
/// router or a handler says it, as an extension of the request that the layer gets or of the response
/// that it sees:
///
/// ```
/// let mut response = http::Response::new("an order");
/// response.extensions_mut().insert(lianlu::Route("/orders/{id}".into()));
/// ```
#[cfg_attr(
    feature = "axum",
    doc = "\nAround a whole axum router, [`route_layer`](crate::route_layer) does that."
)]
///
/// It names spans and series, so it must not hold a value of a single request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route(pub Cow<'static, str>);

#[cfg(feature = "axum")]
pub use late::{RouteFuture, RouteLayer, RouteService, route_layer};

#[cfg(feature = "axum")]
mod late {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use axum::extract::MatchedPath;
    use http::{Request, Response};
    use pin_project_lite::pin_project;
    use tower_layer::Layer;
    use tower_service::Service;

    use super::Route;

    /// Tells a [`server()`](crate::server) layer *around* an axum router which route served a request.
    ///
    /// A layer outside of the router has to start its span before there is a route: the span is named
    /// by the method alone. With this layer on the routes the span gets its `http.route` and its name
    /// when the response comes.
    ///
    /// ```
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/orders/{id}", axum::routing::get(|| async { "an order" }))
    ///     .route_layer(lianlu::route_layer());
    /// // … and `lianlu::server()` around `app`, with tonic's routes on the same port, say.
    /// # let _ = app;
    /// ```
    #[must_use]
    pub fn route_layer() -> RouteLayer {
        RouteLayer { _private: () }
    }

    /// The layer that [`route_layer()`] makes.
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
        /// The response, with its route among the extensions.
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
            // A handler, or a router further in, knows better.
            if let Some(route) = this.route.take()
                && response.extensions().get::<Route>().is_none()
            {
                response.extensions_mut().insert(route);
            }
            Poll::Ready(Ok(response))
        }
    }
}
