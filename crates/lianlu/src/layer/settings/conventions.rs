//! Which names and keys spans and metrics have.

use std::sync::Arc;

use super::super::layer::TraceLayer;
use super::super::side::{ServerSide, Side};
use crate::describe::methods::{GrpcMethods, KnownMethods};
use crate::describe::opt_in::OptIn;
use crate::describe::settings::RpcStatusKey;
use crate::describe::stability::Conventions;
use crate::describe::surface::Dialect;

impl<K: Side> TraceLayer<K> {
    /// Which generation of the HTTP conventions is written. The current one by default, or what
    /// `OTEL_SEMCONV_STABILITY_OPT_IN` says.
    pub fn with_http_conventions(self, conventions: Conventions) -> Self {
        self.with(|options| options.settings.http = Some(conventions))
    }

    /// As [`with_http_conventions`](Self::with_http_conventions), for RPC.
    pub fn with_rpc_conventions(self, conventions: Conventions) -> Self {
        self.with(|options| options.settings.rpc = Some(conventions))
    }

    /// Under which key a gRPC call's status code stands.
    pub fn with_rpc_status_key(self, key: RpcStatusKey) -> Self {
        self.with(|options| options.settings.rpc_status_key = key)
    }

    /// Writes an attribute that the conventions leave to be asked for. Calls add up.
    pub fn with_opt_in(self, opt_in: OptIn) -> Self {
        self.with(|options| options.settings.opt_ins.insert(opt_in))
    }

    /// The gRPC methods that may name spans and series; others are `_OTHER`, with the path in
    /// `rpc.method_original`, and their spans are named `grpc`.
    ///
    /// Without a list a client's generated code tells them, and a server learns them from its own
    /// answers to calls that are recorded or measured: unknown is what its router refuses (`UNIMPLEMENTED`
    /// without a message) or what is answered without a gRPC status, and at most 256 methods are learned. A
    /// server that answers to unknown methods with anything else (because it authenticates first, say), or
    /// has more methods than that, should have a list. Without one a span has started under the path when the answer shows that
    /// there is no such method; its `rpc.method` is then set again, for providers that keep the last value
    /// of a key as the API wants it. (`opentelemetry_sdk` keeps both; the pipelines of this crate don't.)
    pub fn with_known_methods(self, methods: KnownMethods) -> Self {
        self.with(|options| {
            options.settings.grpc_methods = Arc::new(GrpcMethods::listed(methods));
        })
    }

    /// The HTTP methods that may name spans and series, in place of those of RFC 9110, `PATCH` and
    /// `QUERY`, or of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`. With their case.
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

    /// Writes spans as Kratos v2 and v3 do: names with a leading slash, Kratos's own attribute keys,
    /// status `Ok` on success, and the tracer name `kratos` unless
    /// [`with_tracer_name`](Self::with_tracer_name) gives another. The metrics stay OpenTelemetry's.
    ///
    /// What differs on purpose: a stream is one span and not one for each message, a panic is an
    /// error, `peer.service` is never empty, sizes are those on the wire (compressed where the call
    /// is), and over HTTP the sizes of protobuf messages, which are not on the wire, are left out. See
    /// [`crate::kratos`] for the operation's name over HTTP.
    pub fn kratos(self) -> Self {
        self.with(|options| {
            options.settings.dialect = Dialect::Kratos;
            options.name_scope();
        })
    }
}

impl TraceLayer<ServerSide> {
    /// This server's own sockets speak TLS: `url.scheme` is `https`. Over HTTP/2 the request says so
    /// itself; an HTTP/1.1 request does not. (Behind a proxy that speaks TLS in its place, use
    /// [`with_trusted_proxies`](Self::with_trusted_proxies).)
    pub fn with_https(self) -> Self {
        self.with(|options| options.settings.https = true)
    }
}
