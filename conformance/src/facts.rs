//! What a scenario knows of a call, and so what its span and its metrics must say.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The spans that the model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// [HTTP client spans](https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
    HttpClient,
    /// HTTP server spans, same place.
    HttpServer,
    /// [gRPC client spans](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/).
    RpcClient,
    /// gRPC server spans, same place.
    RpcServer,
}

impl Group {
    /// The group's name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpClient => "http.client",
            Self::HttpServer => "http.server",
            Self::RpcClient => "rpc.client",
            Self::RpcServer => "rpc.server",
        }
    }

    pub(crate) fn is_http(self) -> bool {
        matches!(self, Self::HttpClient | Self::HttpServer)
    }

    pub(crate) fn is_server(self) -> bool {
        matches!(self, Self::HttpServer | Self::RpcServer)
    }

    /// The metrics that the user has to ask for.
    pub fn optional_metrics(self) -> &'static [&'static str] {
        match self {
            Self::HttpClient => &[
                "http.client.active_requests",
                "http.client.request.body.size",
                "http.client.response.body.size",
            ],
            Self::HttpServer => &[
                "http.server.active_requests",
                "http.server.request.body.size",
                "http.server.response.body.size",
            ],
            Self::RpcClient | Self::RpcServer => &[],
        }
    }

    /// The metric that measured the group's calls in the old conventions.
    pub fn old_duration(self) -> &'static str {
        match self {
            Self::HttpClient => "http.client.duration",
            Self::HttpServer => "http.server.duration",
            Self::RpcClient => "rpc.client.duration",
            Self::RpcServer => "rpc.server.duration",
        }
    }

    /// The metric that measures the group's calls.
    pub fn duration(self) -> &'static str {
        match self {
            Self::HttpClient => "http.client.request.duration",
            Self::HttpServer => "http.server.request.duration",
            Self::RpcClient => "rpc.client.call.duration",
            Self::RpcServer => "rpc.server.call.duration",
        }
    }
}

/// What a condition of the model hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// No condition.
    Always,
    /// The call ended with an error.
    Failed,
    /// The method is none that the instrumentation knows.
    MethodUnknown,
    /// The request was sent before.
    Resent,
    /// A status was sent or received.
    HasResponse,
    /// The server matched a route.
    HasRoute,
    /// The client was told its URL's template.
    HasTemplate,
    /// The socket's other end can be known.
    PeerKnown,
    /// The protocol is no HTTP.
    NotHttp,
    /// The connection's version can be known.
    VersionKnown,
    /// The request, or the channel's target, names the server.
    AuthorityKnown,
    /// The same with its port.
    PortKnown,
    /// The URL has a query.
    HasQuery,
    /// The client names itself.
    HasUserAgent,
    /// A trusted proxy told whom it forwards for.
    Forwarded,
    /// The method is one that the instrumentation knows.
    MethodKnown,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// As its status says.
    ByStatus,
    /// With an error that is no status: a transport's, a body's, a panic. The value of `error.type`,
    /// where the scenario knows it.
    Failed(Option<String>),
    /// Given up on purpose, which is nobody's error.
    Cancelled,
}

/// A value that the scenario knows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Known {
    /// A text.
    Text(String),
    /// A number.
    Int(i64),
    /// A list.
    Texts(Vec<String>),
}

impl From<&str> for Known {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Known {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<String>> for Known {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

impl From<i64> for Known {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// What is expected of one call: of its span, and of its part in the metrics.
#[derive(Debug, Clone)]
#[must_use]
pub struct Expected {
    pub(crate) group: Group,
    pub(crate) name: String,
    pub(crate) facts: BTreeSet<Fact>,
    pub(crate) status: Option<String>,
    pub(crate) outcome: Outcome,
    pub(crate) values: Vec<(String, Known)>,
    pub(crate) opted_in: Vec<String>,
    pub(crate) asked: Vec<String>,
    pub(crate) classified: Option<bool>,
    pub(crate) own_methods: bool,
    pub(crate) is_sliced: bool,
    pub(crate) goes_on: bool,
}

impl Expected {
    fn new(group: Group, name: String) -> Self {
        Self {
            group,
            name,
            facts: [Fact::Always].into(),
            status: None,
            outcome: Outcome::ByStatus,
            values: Vec::new(),
            opted_in: Vec::new(),
            asked: Vec::new(),
            classified: None,
            own_methods: false,
            is_sliced: false,
            goes_on: false,
        }
    }

    /// An HTTP call with a method that the instrumentation knows.
    pub fn http(group: Group, method: &str) -> Self {
        Self::new(group, method.to_owned()).value("http.request.method", method)
    }

    /// An HTTP call with any other.
    pub fn http_unknown(group: Group, method: &str) -> Self {
        Self::new(group, "HTTP".to_owned())
            .fact(Fact::MethodUnknown)
            .value("http.request.method", "_OTHER")
            .value("http.request.method_original", method)
    }

    /// A gRPC call of `package.Service/Method`.
    pub fn rpc(group: Group, method: &str) -> Self {
        Self::new(group, method.to_owned())
            .fact(Fact::MethodKnown)
            .value("rpc.system.name", "grpc")
            .value("rpc.method", method)
    }

    /// A gRPC call of what is no method, or none that is known; `original` is what
    /// `rpc.method_original` must say.
    pub fn rpc_unknown(group: Group, original: &str) -> Self {
        Self::new(group, "grpc".to_owned())
            .fact(Fact::MethodUnknown)
            .value("rpc.system.name", "grpc")
            .value("rpc.method", "_OTHER")
            .value("rpc.method_original", original)
    }

    /// Whose span it is.
    #[must_use]
    pub fn group(&self) -> Group {
        self.group
    }

    /// Something holds.
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.insert(fact);
        self
    }

    /// Several things hold.
    pub fn facts(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.facts.extend(facts);
        self
    }

    /// An attribute has this value.
    pub fn value(mut self, key: &str, value: impl Into<Known>) -> Self {
        self.values.push((key.to_owned(), value.into()));
        self
    }

    /// The server matched this route.
    pub fn route(mut self, route: &str) -> Self {
        self.name = format!("{} {route}", self.name);
        self.fact(Fact::HasRoute).value("http.route", route)
    }

    /// The client was told this template.
    pub fn template(mut self, template: &str) -> Self {
        self.name = format!("{} {template}", self.name);
        self.fact(Fact::HasTemplate)
            .value("url.template", template)
            .opt_in("url.template@span")
    }

    /// The HTTP status that was sent or received.
    pub fn http_status(mut self, status: u16) -> Self {
        self.status = Some(status.to_string());
        self.fact(Fact::HasResponse)
            .value("http.response.status_code", i64::from(status))
    }

    /// The gRPC status, by its name.
    pub fn rpc_status(mut self, status: &str) -> Self {
        self.status = Some(status.to_owned());
        self.fact(Fact::HasResponse)
    }

    /// It ended with an error that is no status, and with this `error.type` if that is known.
    pub fn failed(mut self, error_type: Option<&str>) -> Self {
        self.outcome = Outcome::Failed(error_type.map(str::to_owned));
        self
    }

    /// It was given up on purpose.
    pub fn cancelled(mut self) -> Self {
        self.outcome = Outcome::Cancelled;
        self
    }

    /// The user asked for this attribute, or for the metric of this name. With `@span` or `@metric` at
    /// its end, for the attribute there alone.
    pub fn opt_in(mut self, key: &str) -> Self {
        self.opted_in.push(key.to_owned());
        self
    }

    /// As [`opt_in`](Self::opt_in), of an attribute that can be known: it must be there.
    pub fn asks(mut self, key: &str) -> Self {
        self.asked.push(key.to_owned());
        self.opt_in(key)
    }

    /// The user decides what is an error, and has decided so.
    pub fn classified(mut self, is_error: bool) -> Self {
        self.classified = Some(is_error);
        self
    }

    /// The user has a list of HTTP methods, which is not the conventions'.
    pub fn own_methods(mut self) -> Self {
        self.own_methods = true;
        self
    }

    /// A stream whose span was cut into slices, two or more. No other call of its scenario is of its
    /// side.
    pub fn sliced(mut self) -> Self {
        self.is_sliced = true;
        self
    }

    /// What is expected of a slice that is followed by another: its end is not known yet.
    pub(crate) fn slice(&self) -> Self {
        let mut slice = self.clone();
        slice.goes_on = true;
        slice.classified = Some(false);
        slice.outcome = Outcome::ByStatus;
        slice
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.iter().find_map(|(known, value)| match value {
            Known::Text(text) if known == key => Some(text.as_str()),
            _ => None,
        })
    }

    pub(crate) fn holds(&self, fact: Fact, failed: bool) -> bool {
        match fact {
            Fact::Failed => failed,
            fact => self.facts.contains(&fact),
        }
    }
}
