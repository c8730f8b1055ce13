//! The layer. Its options are set in `settings`.

use std::marker::PhantomData;
use std::sync::Arc;

use tower_layer::Layer;

use super::service::Trace;
use super::side::{ClientSide, ServerSide, Side};
use crate::call::options::Options;
use crate::variables::apply_file;

/// A layer that traces each call of a server. See [`TraceLayer`] for its options.
///
/// Use it like any tower layer. For tonic and axum see the [crate's front page](crate); for a plain
/// hyper server wrap the service:
///
/// ```
/// use tower::ServiceBuilder;
///
/// # async fn handler(_: http::Request<String>) -> Result<http::Response<String>, std::convert::Infallible> {
/// #     Ok(http::Response::new(String::new()))
/// # }
/// let service = ServiceBuilder::new()
///     .layer(lianlu::server())
///     .service(tower::service_fn(handler));
/// # let _ = service;
/// ```
///
/// On axum prefer `Router::layer` or `route_layer`: inside the router the route's template is known
/// and names the span. Outside of it (around the whole router, or on a tonic server) an HTTP call
/// is named by its method alone. `axum::serve` takes a wrapped router once its response bodies are
/// axum's again:
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use tower::ServiceBuilder;
///
/// let app = ServiceBuilder::new()
///     .map_response(|response: http::Response<lianlu::layer::ResponseBody<axum::body::Body>>| {
///         response.map(axum::body::Body::new)
///     })
///     .layer(lianlu::server())
///     .service(axum::Router::<()>::new());
/// # let _ = app;
/// # }
/// ```
///
/// Put a time-out, such as tower's, **inside** of the layer: its span then has `error.type=timeout`.
/// One outside drops the call, as a caller does who leaves, and nothing tells the two apart: the
/// call counts as cancelled. Only a passed `grpc-timeout` is known, and is `DEADLINE_EXCEEDED`.
///
/// The peer's address is known on a tonic server, and on axum if it is served with
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn server() -> ServerLayer {
    TraceLayer::new()
}

/// A layer that traces each call of a client and propagates the trace. See [`TraceLayer`] for its
/// options.
///
/// # tonic
///
/// Wrap the channel. A channel does not expose its target, so set it with
/// [`with_target`](TraceLayer::with_target) for the attributes `server.address` and `server.port`:
///
/// ```
/// # #[cfg(feature = "tonic")]
/// # async fn f() -> Result<(), tonic::transport::Error> {
/// use lianlu_protos::helloworld::greeter_client::GreeterClient;
/// use tonic::transport::Channel;
/// use tower::ServiceBuilder;
///
/// let channel = Channel::from_static("http://127.0.0.1:9000").connect().await?;
/// let channel = ServiceBuilder::new()
///     .layer(lianlu::client().with_target("http://127.0.0.1:9000"))
///     .service(channel);
/// let greeter = GreeterClient::new(channel);
/// # let _ = greeter; Ok(())
/// # }
/// ```
///
/// # hyper-util
///
/// If hyper-util's client retries a request because its idle connection had just been closed, both
/// attempts are one span. To trace how it gets a connection, see `lianlu::connection` (feature
/// `hyper`).
///
/// ```
/// use http_body_util::Empty;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let client: Client<_, Empty<bytes::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
/// let mut client = ServiceBuilder::new().layer(lianlu::client()).service(client);
/// let request = http::Request::get("http://127.0.0.1:8000/").body(Empty::new())?;
/// let response = client.ready().await?.call(request).await?;
/// # let _ = response; Ok(())
/// # }
/// ```
///
/// # reqwest
///
/// A `reqwest::Client` is a tower service of `reqwest::Request`, and stays one when it is wrapped
/// (feature `reqwest`). Redirects that reqwest follows itself and its own retries
/// (`ClientBuilder::retry`) are part of the same span.
///
/// ```
/// # #[cfg(feature = "reqwest")]
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// let http = reqwest::Client::new();
/// let mut client = ServiceBuilder::new().layer(lianlu::client()).service(http.clone());
/// let request = http.get("http://127.0.0.1:8000/").build()?;
/// let text = client.ready().await?.call(request).await?.text().await?;
/// # let _ = text; Ok(())
/// # }
/// ```
///
/// # `reqwest_middleware`
///
/// The layer is also a middleware (feature `reqwest-middleware`):
///
/// ```
/// # #[cfg(feature = "reqwest-middleware")]
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use reqwest_middleware::ClientBuilder;
/// use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
///
/// let policy = ExponentialBackoff::builder().build_with_max_retries(2);
/// let client = ClientBuilder::new(reqwest::Client::new())
///     .with(RetryTransientMiddleware::new_with_policy(policy))
///     .with(lianlu::client())
///     .build();
/// let text = client
///     .get("http://127.0.0.1:8000/orders/7")
///     .with_extension(lianlu::layer::UrlTemplate("/orders/{id}".into()))
///     .send()
///     .await?
///     .text()
///     .await?;
/// # let _ = text; Ok(())
/// # }
/// ```
///
/// # Retries and redirects
///
/// The position of the layer decides what a span covers:
///
/// - **inside** of the retry or redirect layer, each attempt is a span with its own `traceparent`,
///   as the conventions require. Add [`attempts()`](crate::attempts) outside of both to number the
///   attempts in `http.request.resend_count`. (A middleware needs no `attempts()`.)
/// - **outside** of it, the whole call is one span, which ends with the last attempt; all attempts
///   carry the same `traceparent`.
///
/// With a layer in both positions, the call has a span, and each attempt has a child span. Only the
/// inner layer writes the `traceparent` that is sent.
///
/// reqwest follows redirects internally. To get a span for each, disable that and follow them in a
/// layer outside:
///
/// ```
/// # #[cfg(feature = "reqwest")]
/// # fn f() -> Result<(), reqwest::Error> {
/// use reqwest::{Body, Request, redirect};
/// use tower::{ServiceBuilder, service_fn};
/// use tower_http::follow_redirect::FollowRedirectLayer;
///
/// let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build()?;
/// let client = ServiceBuilder::new()
///     .layer(lianlu::attempts())
///     .layer(FollowRedirectLayer::new())
///     .layer(lianlu::client())
///     .service(service_fn(move |request: http::Request<Body>| {
///         let http = http.clone();
///         async move {
///             let response = http.execute(Request::try_from(request)?).await?;
///             Ok::<_, reqwest::Error>(http::Response::<Body>::from(response))
///         }
///     }));
/// # let _ = client; Ok(())
/// # }
/// ```
pub fn client() -> ClientLayer {
    TraceLayer::new()
}

/// The layer that [`server()`] makes.
pub type ServerLayer = TraceLayer<ServerSide>;

/// The layer that [`client()`] makes.
pub type ClientLayer = TraceLayer<ClientSide>;

/// A tower layer that makes a span for each call. Cheap to clone.
///
/// A server reads the trace context from the request's headers, a client writes it there. By
/// default spans come from the global tracer provider
/// ([`set_tracer_provider`](crate::set_tracer_provider)), with a tracer named `lianlu`, and their
/// context is propagated by [`default_propagator`](crate::propagation::default_propagator);
/// durations go to the global meter provider, if there is one
/// ([`set_meter_provider`](crate::set_meter_provider)).
///
/// | | |
/// |---|---|
/// | spans | [`with_tracer_provider`](Self::with_tracer_provider), [`with_tracer_name`](Self::with_tracer_name), [`with_conventions`](Self::with_conventions), [`kratos`](Self::kratos) |
/// | which calls | [`with_filter`](Self::with_filter), [`health_checks`](crate::health_checks), [`TraceOptions`](crate::TraceOptions), [`with_stream_end`](Self::with_stream_end) |
/// | propagation | [`with_propagator`](Self::with_propagator); servers: [`with_public_endpoint`](TraceLayer::with_public_endpoint), [`with_response_ids`](TraceLayer::with_response_ids); clients: [`with_outbound_hosts`](TraceLayer::with_outbound_hosts) |
/// | addresses | servers: [`with_trusted_proxies`](TraceLayer::with_trusted_proxies); clients: [`with_target`](TraceLayer::with_target) |
/// | metrics | [`with_metrics`](Self::with_metrics) |
/// | headers, bodies | [`with_capture`](Self::with_capture) |
/// | errors | [`with_errors`](Self::with_errors) |
/// | hooks | [`with_span_name`](Self::with_span_name), [`with_attributes`](Self::with_attributes), [`on_request`](Self::on_request), [`on_response`](Self::on_response), [`on_end`](Self::on_end) |
#[derive(Debug)]
#[must_use]
pub struct TraceLayer<K> {
    options: Arc<Options>,
    side: PhantomData<K>,
}

// Not derived: a derive would require `K: Clone`, and a layer is `Clone` for every side.
impl<K> Clone for TraceLayer<K> {
    fn clone(&self) -> Self {
        Self {
            options: Arc::clone(&self.options),
            side: PhantomData,
        }
    }
}

impl<K: Side> TraceLayer<K> {
    fn new() -> Self {
        let mut options = Options::default();
        apply_file(&mut options.settings, &K::KIND);
        options.settle();
        Self {
            options: Arc::new(options),
            side: PhantomData,
        }
    }

    #[cfg(feature = "reqwest-middleware")]
    pub(super) fn options(&self) -> &Arc<Options> {
        &self.options
    }

    /// Describes each call from scratch, without templates. For tests that compare the two.
    #[doc(hidden)]
    pub fn without_templates(self) -> Self {
        self.with(|options| options.describes_anew = true)
    }

    pub(super) fn with(mut self, set: impl FnOnce(&mut Options)) -> Self {
        let options = Arc::make_mut(&mut self.options);
        set(options);
        options.settle();
        self
    }
}

impl<K, S> Layer<S> for TraceLayer<K> {
    type Service = Trace<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace::new(inner, Arc::clone(&self.options))
    }
}
