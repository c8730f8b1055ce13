//! The layer and its options.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use tower_layer::Layer;

use super::options::Options;
use super::service::Trace;
use super::side::{ClientSide, ServerSide, Side};
use crate::conventions::{Dialect, target::Target};
use crate::propagation;
use crate::request::RequestHead;

/// A layer that traces each call of a server. See [`TraceLayer`] for its options.
///
/// It goes wherever tower's layers go; for tonic and axum see the [crate's front page](crate), for a
/// plain hyper server wrap the service:
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
/// and names the span; outside of it (around the whole router, or on a tonic server) an HTTP call is
/// named by its method alone. `axum::serve` takes a wrapped router once its response bodies are
/// axum's again:
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use tower::ServiceBuilder;
///
/// let app = ServiceBuilder::new()
///     .map_response(|response: http::Response<lianlu::ResponseBody<axum::body::Body>>| {
///         response.map(axum::body::Body::new)
///     })
///     .layer(lianlu::server())
///     .service(axum::Router::<()>::new());
/// # let _ = app;
/// # }
/// ```
///
/// The peer's address is known on a tonic server, and on axum when it is served with
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn server() -> ServerLayer {
    TraceLayer::new()
}

/// A layer that traces each call of a client, and sends the trace along with it. See [`TraceLayer`]
/// for its options.
///
/// # tonic
///
/// Wrap the channel. A channel does not tell where it goes, so name it with
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
/// A `reqwest::Client` is a tower service of `reqwest::Request`, and stays one (feature `reqwest`).
/// A redirect that reqwest follows by itself, and a retry of its own (`ClientBuilder::retry`), is part
/// of the one span.
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
/// The layer is a middleware too (feature `reqwest-middleware`):
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
///     .with_extension(lianlu::UrlTemplate("/orders/{id}".into()))
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
/// Where the layer stands decides what a span is:
///
/// - **inside** of what sends again, each attempt is a span with its own `traceparent`, as the
///   conventions want it. Put [`attempts()`](crate::attempts) outside of both and they are numbered by
///   `http.request.resend_count`. (A middleware needs no `attempts()`.)
/// - **outside** of it, the call as a whole is one span, which ends as the last attempt does; all
///   attempts carry the same `traceparent`.
///
/// Both at once make a span for the call with one for each attempt below it. Only the layer inside
/// writes the `traceparent` that is sent.
///
/// reqwest follows redirects inside itself. For a span each, switch that off and follow them outside:
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
/// A server reads the trace from the request's headers, a client writes it there. By default the
/// span comes from the global tracer provider ([`set_tracer_provider`](crate::set_tracer_provider)),
/// with a tracer named `lianlu`, and travels as [`propagation::default_propagator`] says.
#[derive(Debug)]
#[must_use]
pub struct TraceLayer<K> {
    options: Arc<Options>,
    side: PhantomData<K>,
}

// Not derived: a layer is `Clone` whatever its side.
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
        Self {
            options: Arc::default(),
            side: PhantomData,
        }
    }

    #[cfg(feature = "reqwest-middleware")]
    pub(super) fn options(&self) -> &Arc<Options> {
        &self.options
    }

    fn with(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(Arc::make_mut(&mut self.options));
        self
    }

    /// Takes spans from `provider` instead of the global one.
    ///
    /// ```
    /// let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    /// let layer = lianlu::server().with_tracer_provider(provider);
    /// # let _ = layer;
    /// ```
    pub fn with_tracer_provider<P, T, S>(self, provider: P) -> Self
    where
        S: Span + Send + Sync + 'static,
        T: Tracer<Span = S> + Send + Sync + 'static,
        P: TracerProvider<Tracer = T> + Send + Sync + 'static,
    {
        self.with(|options| options.tracer.set_provider(Arc::new(provider)))
    }

    /// Reads and writes headers with `propagator` alone. OpenTelemetry's global propagator is never
    /// asked, as in Kratos.
    pub fn with_propagator(
        self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.propagator = Arc::new(propagator))
    }

    /// Names the tracer, the spans' instrumentation scope.
    pub fn with_tracer_name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|options| {
            options.tracer_name = Some(name.into());
            options.name_tracer();
        })
    }

    /// Makes spans only for requests that `filter` says `true` to.
    ///
    /// Headers are read and written for the others too, so a trace goes on past a call that has no
    /// span.
    pub fn with_filter(
        self,
        filter: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.filter = Some(Arc::new(filter)))
    }

    /// The name that a client calls itself by in `x-md-service-name`.
    ///
    /// Without it, the `service.name` of the pipeline that was installed last. Replaces a propagator
    /// set before.
    pub fn with_service_name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with_propagator(propagation::default_propagator_for(
            propagation::ServiceName::new(name),
        ))
    }

    /// Writes spans as Kratos v2 and v3 do: names with a leading slash, Kratos's own attribute keys,
    /// status `Ok` on success, and the tracer name `kratos` unless
    /// [`with_tracer_name`](Self::with_tracer_name) gives another.
    ///
    /// What differs on purpose: a stream is one span and not one for each message, a panic is an
    /// error, `peer.service` is never empty, sizes are those on the wire (compressed where the call
    /// is), and over HTTP the sizes of protobuf messages, which are not on the wire, are left out. See [`crate::kratos`] for the operation's name over HTTP.
    pub fn kratos(self) -> Self {
        self.with(|options| {
            options.dialect = Dialect::Kratos;
            options.name_tracer();
        })
    }
}

impl TraceLayer<ClientSide> {
    /// Where this client's calls go, for `server.address` and `server.port`: a URL or a gRPC target
    /// (`host:port`, `dns:///host:port`, `unix:///path`).
    ///
    /// Needed around a tonic `Channel`, which hides it; other clients have it in each request.
    pub fn with_target(self, target: impl AsRef<str>) -> Self {
        self.with(|options| options.target = Some(Target::parse(target.as_ref())))
    }
}

impl<K, S> Layer<S> for TraceLayer<K> {
    type Service = Trace<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace::new(inner, Arc::clone(&self.options))
    }
}
