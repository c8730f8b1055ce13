//! The names and keys of spans and metrics.

use std::sync::Arc;

use super::super::layer::TraceLayer;
use super::super::side::{ServerSide, Side};
use crate::describe::methods::{GrpcMethods, KnownMethods};
use crate::describe::opt_in::OptIn;
use crate::describe::settings::RpcStatusKey;
use crate::describe::stability::Conventions;
use crate::describe::surface::Dialect;

impl<K: Side> TraceLayer<K> {
    /// The generation of the HTTP conventions to write. By default `OTEL_SEMCONV_STABILITY_OPT_IN`
    /// decides, or the current one if it is not set.
    pub fn with_http_conventions(self, conventions: Conventions) -> Self {
        self.with(|options| options.settings.http = Some(conventions))
    }

    /// As [`with_http_conventions`](Self::with_http_conventions), for RPC.
    pub fn with_rpc_conventions(self, conventions: Conventions) -> Self {
        self.with(|options| options.settings.rpc = Some(conventions))
    }

    /// The key of a gRPC call's status code.
    pub fn with_rpc_status_key(self, key: RpcStatusKey) -> Self {
        self.with(|options| {
            options.settings.rpc_status_key = key;
            options.name_scope();
        })
    }

    /// Writes an attribute that is opt-in in the conventions. Calls add up.
    pub fn with_opt_in(self, opt_in: OptIn) -> Self {
        self.with(|options| options.settings.opt_ins.insert(opt_in))
    }

    /// The gRPC methods that may name spans and series. Others are recorded as `_OTHER`, with the
    /// path in `rpc.method_original`, and their spans are named `grpc`.
    ///
    /// Without a list, a client takes the methods from its generated code. A server learns them
    /// from its own responses to calls that are recorded or measured: a method is unknown if the
    /// router refuses it (`UNIMPLEMENTED` without a message) or if the response has no gRPC status.
    /// At most 256 methods are learned. Provide a list if the server has more methods, or if it
    /// responds to unknown methods in another way (because it authenticates first, for example).
    ///
    /// Without a list, the span of an unknown method has already started under the path when the
    /// response shows that there is no such method. Its `rpc.method` is then set again; providers
    /// keep the last value of a key, as the API requires. (`opentelemetry_sdk` keeps both; the
    /// pipelines of this crate do not.)
    pub fn with_known_methods(self, methods: KnownMethods) -> Self {
        self.with(|options| {
            options.settings.grpc_methods = Arc::new(GrpcMethods::listed(methods));
        })
    }

    /// The HTTP methods that may name spans and series, instead of those of RFC 9110, `PATCH` and
    /// `QUERY`, or of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`. Case-sensitive.
    ///
    /// ```
    /// let layer = lianlu::server().with_known_http_methods(["GET", "PROPFIND"]);
    /// # let _ = layer;
    /// ```
    pub fn with_known_http_methods<M: Into<String>>(
        self,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        let methods = methods.into_iter().map(Into::into).collect();
        self.with(|options| options.settings.http_methods = Some(Arc::new(methods)))
    }

    /// Writes spans as Kratos v2 and v3 do: names with a leading slash, Kratos's own attribute
    /// keys, status `Ok` on success, and the tracer name `kratos` unless
    /// [`with_tracer_name`](Self::with_tracer_name) sets another. Metrics follow the OpenTelemetry
    /// conventions.
    ///
    /// Deliberate differences from Kratos: a stream is one span instead of one per message, a panic
    /// is an error, `peer.service` is never empty, sizes are those on the wire (compressed if the
    /// call is), and over HTTP the sizes of protobuf messages, which are not sent in that form, are
    /// left out. See [`crate::kratos`] for the operation's name over HTTP.
    pub fn kratos(self) -> Self {
        self.with(|options| {
            options.settings.dialect = Dialect::Kratos;
            options.name_scope();
        })
    }
}

impl TraceLayer<ServerSide> {
    /// Declares that this server terminates TLS itself: `url.scheme` is `https`. An HTTP/2 request
    /// carries its scheme, an HTTP/1.1 request does not. (Behind a proxy that terminates TLS, use
    /// [`with_trusted_proxies`](Self::with_trusted_proxies).)
    pub fn with_https(self) -> Self {
        self.with(|options| options.settings.https = true)
    }
}
