//! The table of cases.

/// One row of the table: which request meets which layer and which handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) request: Kind,
    pub(crate) layer: Layer,
    pub(crate) handler: Handler,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A gRPC call as a server gets it, with a sampled parent.
    Grpc,
    /// The same with the body type of a tonic server, in which the layer counts messages.
    GrpcTonicBody,
    /// And with a tracestate of two members.
    GrpcTracestate,
    /// And with that tracestate and baggage of three members.
    GrpcBaggage,
    /// As `Grpc`, but the parent is not sampled.
    GrpcUnsampled,
    /// An HTTP call as a server gets it, with a sampled parent and the route of a router.
    Http,
    /// The same without a route, as in a plain hyper service.
    HttpNoRoute,
    /// A call as a client begins it: no parent, so each begins a trace.
    GrpcClient,
    HttpClient,
}

impl Kind {
    /// The kind whose bare service costs the same.
    fn bare(self) -> Self {
        match self {
            // One character of a header differs.
            Self::GrpcUnsampled => Self::Grpc,
            kind => kind,
        }
    }

    pub(crate) fn is_grpc(self) -> bool {
        !matches!(self, Self::Http | Self::HttpNoRoute | Self::HttpClient)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The bare service.
    None,
    Server,
    /// The server's layer with a flight recorder behind it.
    Recorded,
    /// The server's layer with a filter that leaves each call out.
    Off,
    Client,
}

/// What the handler does to the span of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    Nothing,
    /// Sets three attributes.
    Attributes,
    /// Sets three attributes, then starts and ends one child span.
    AttributesAndChild,
}

impl Case {
    #[rustfmt::skip]
    pub(crate) const ALL: [Self; 24] = {
        use {Handler as H, Kind as K, Layer as L};
        [
            Self::new("grpc-bare", K::Grpc, L::None, H::Nothing),
            Self::new("grpc", K::Grpc, L::Server, H::Nothing),
            Self::new("grpc-attributes", K::Grpc, L::Server, H::Attributes),
            Self::new("grpc-attributes-child", K::Grpc, L::Server, H::AttributesAndChild),
            Self::new("grpc-unsampled", K::GrpcUnsampled, L::Server, H::Nothing),
            Self::new("grpc-off", K::Grpc, L::Off, H::Nothing),
            Self::new("grpc-recorded", K::Grpc, L::Recorded, H::Nothing),
            Self::new("grpc-tonic-body-bare", K::GrpcTonicBody, L::None, H::Nothing),
            Self::new("grpc-tonic-body", K::GrpcTonicBody, L::Server, H::Nothing),
            Self::new("grpc-tracestate-bare", K::GrpcTracestate, L::None, H::Nothing),
            Self::new("grpc-tracestate", K::GrpcTracestate, L::Server, H::Nothing),
            Self::new("grpc-baggage-bare", K::GrpcBaggage, L::None, H::Nothing),
            Self::new("grpc-baggage", K::GrpcBaggage, L::Server, H::Nothing),
            Self::new("http-bare", K::Http, L::None, H::Nothing),
            Self::new("http", K::Http, L::Server, H::Nothing),
            Self::new("http-attributes", K::Http, L::Server, H::Attributes),
            Self::new("http-attributes-child", K::Http, L::Server, H::AttributesAndChild),
            Self::new("http-no-route-bare", K::HttpNoRoute, L::None, H::Nothing),
            Self::new("http-no-route", K::HttpNoRoute, L::Server, H::Nothing),
            Self::new("http-no-route-attributes", K::HttpNoRoute, L::Server, H::Attributes),
            Self::new("grpc-client-bare", K::GrpcClient, L::None, H::Nothing),
            Self::new("grpc-client", K::GrpcClient, L::Client, H::Nothing),
            Self::new("http-client-bare", K::HttpClient, L::None, H::Nothing),
            Self::new("http-client", K::HttpClient, L::Client, H::Nothing),
        ]
    };

    const fn new(name: &'static str, request: Kind, layer: Layer, handler: Handler) -> Self {
        Self {
            name,
            request,
            layer,
            handler,
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name == name)
    }

    /// The same request without the layer; `None` for a bare case itself.
    pub(crate) fn bare(self) -> Option<Self> {
        let is_bare =
            |case: &Self| case.layer == Layer::None && case.request == self.request.bare();
        if self.layer == Layer::None {
            return None;
        }
        Self::ALL.into_iter().find(is_bare)
    }

    /// The same call with a handler that leaves the span alone; `None` if that is this case.
    pub(crate) fn without_handler(self) -> Option<Self> {
        let is_same = |case: &Self| {
            case.layer == self.layer
                && case.request == self.request
                && case.handler == Handler::Nothing
        };
        if self.handler == Handler::Nothing {
            return None;
        }
        Self::ALL.into_iter().find(is_same)
    }
}
