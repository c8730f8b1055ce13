//! The names and keys of spans and metrics.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::describe::methods::{GrpcMethods, KnownMethods};
use crate::describe::opt_in::{OptIn, OptIns};
use crate::describe::settings::RpcStatusKey;
use crate::describe::stability::Generation;
use crate::describe::surface::Dialect;

/// Which of OpenTelemetry's conventions spans and metrics follow, and with which known methods; see
/// [`with_conventions`](TraceLayer::with_conventions). By default the current ones without opt-in
/// attributes.
///
/// ```
/// use lianlu::conventions::{Generation, OptIn};
///
/// let layer = lianlu::server().with_conventions(|conventions| {
///     conventions
///         .http(Generation::Both)
///         .opt_in(OptIn::NetworkTransport)
///         .http_methods(["GET", "PROPFIND"])
/// });
/// # let _ = layer;
/// ```
#[derive(Debug)]
#[must_use]
pub struct Conventions {
    http: Option<Generation>,
    rpc: Option<Generation>,
    rpc_status_key: RpcStatusKey,
    opt_ins: OptIns,
    grpc_methods: Arc<GrpcMethods>,
    http_methods: Option<Arc<HashSet<String>>>,
    https: bool,
}

impl Conventions {
    /// The generation of the HTTP conventions to write. By default `OTEL_SEMCONV_STABILITY_OPT_IN`
    /// decides, or the current one if it is not set.
    pub fn http(mut self, generation: Generation) -> Self {
        self.http = Some(generation);
        self
    }

    /// As [`http`](Self::http), for RPC.
    pub fn rpc(mut self, generation: Generation) -> Self {
        self.rpc = Some(generation);
        self
    }

    /// The key of a gRPC call's status code.
    pub fn rpc_status_key(mut self, key: RpcStatusKey) -> Self {
        self.rpc_status_key = key;
        self
    }

    /// Writes an attribute that is opt-in in the conventions. Calls add up.
    pub fn opt_in(mut self, opt_in: OptIn) -> Self {
        self.opt_ins.insert(opt_in);
        self
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
    pub fn grpc_methods(mut self, methods: KnownMethods) -> Self {
        self.grpc_methods = Arc::new(GrpcMethods::listed(methods));
        self
    }

    /// The HTTP methods that may name spans and series, instead of those of RFC 9110, `PATCH` and
    /// `QUERY`, or of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`. Case-sensitive.
    pub fn http_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.http_methods = Some(Arc::new(methods.into_iter().map(Into::into).collect()));
        self
    }

    /// Declares that this server terminates TLS itself: `url.scheme` is `https`. An HTTP/2 request
    /// carries its scheme, an HTTP/1.1 request does not. (Behind a proxy that terminates TLS, use
    /// [`with_trusted_proxies`](TraceLayer::with_trusted_proxies).) Not for clients, whose requests
    /// carry it.
    pub fn https(mut self) -> Self {
        self.https = true;
        self
    }
}

impl<K: Side> TraceLayer<K> {
    /// Changes the conventions that spans and metrics follow.
    pub fn with_conventions(self, change: impl FnOnce(Conventions) -> Conventions) -> Self {
        self.with(|options| {
            let settings = &mut options.settings;
            let conventions = change(Conventions {
                http: settings.http,
                rpc: settings.rpc,
                rpc_status_key: settings.rpc_status_key,
                opt_ins: settings.opt_ins,
                grpc_methods: Arc::clone(&settings.grpc_methods),
                http_methods: settings.http_methods.take(),
                https: settings.https,
            });
            settings.http = conventions.http;
            settings.rpc = conventions.rpc;
            settings.rpc_status_key = conventions.rpc_status_key;
            settings.opt_ins = conventions.opt_ins;
            settings.grpc_methods = conventions.grpc_methods;
            settings.http_methods = conventions.http_methods;
            settings.https = conventions.https;
            // The schema depends on the generation and on the key.
            options.name_scope();
        })
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
