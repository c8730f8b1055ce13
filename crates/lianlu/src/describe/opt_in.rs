//! Attributes that are opt-in in the conventions.

/// An attribute that the conventions mark as opt-in; enable it with
/// [`Conventions::opt_in`](crate::conventions::Conventions::opt_in).
///
/// Captured headers, body contents, active requests and body sizes are opt-in too; they have their
/// own methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OptIn {
    /// `client.port` on an HTTP server's spans.
    ClientPort,
    /// `network.local.address` and `network.local.port` on an HTTP server's spans, if the server
    /// provides them (tonic does, axum does not).
    NetworkLocal,
    /// `network.transport` (`tcp` or `unix`) on HTTP spans, where it is known.
    NetworkTransport,
    /// `url.scheme` on an HTTP client's spans and metrics.
    UrlScheme,
    /// `user_agent.original` on an HTTP client's spans.
    UserAgent,
    /// `user_agent.synthetic.type` on HTTP spans and a server's metrics: `bot` for user agents that
    /// identify themselves as bot, crawler or spider, `test` for those that identify themselves as
    /// synthetic tests.
    SyntheticUserAgent,
    /// `http.request.body.size` and `http.response.body.size` on HTTP spans, counted from the
    /// bodies.
    BodySize,
    /// `server.address` and `server.port` on a server's metrics. They come from a header that the
    /// caller controls; after the first hundred hosts the value is `_OTHER`.
    ServerAddressOnMetrics,
    /// `url.template` on an HTTP client's duration metric. The metrics of active requests and body
    /// sizes have it whenever it is known.
    UrlTemplateOnMetrics,
    /// `service.peer.name` on a server's spans, if the caller sends its name in
    /// `x-md-service-name`. Any caller can send any name.
    ServicePeerName,
}

/// A set of [`OptIn`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OptIns(u16);

impl OptIns {
    pub(crate) fn insert(&mut self, opt_in: OptIn) {
        self.0 |= 1 << opt_in as u16;
    }

    pub(crate) fn contains(self, opt_in: OptIn) -> bool {
        self.0 & (1 << opt_in as u16) != 0
    }
}
