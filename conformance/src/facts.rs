//! What a scenario knows of a call, and therefore expects of its span and its metrics.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The kinds of spans in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// [HTTP client spans](https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
    HttpClient,
    /// HTTP server spans, on the same page.
    HttpServer,
    /// [gRPC client spans](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/).
    RpcClient,
    /// gRPC server spans, on the same page.
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

    /// The opt-in metrics.
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

    /// The duration metric of the old conventions.
    pub fn old_duration(self) -> &'static str {
        match self {
            Self::HttpClient => "http.client.duration",
            Self::HttpServer => "http.server.duration",
            Self::RpcClient => "rpc.client.duration",
            Self::RpcServer => "rpc.server.duration",
        }
    }

    /// The duration metric.
    pub fn duration(self) -> &'static str {
        match self {
            Self::HttpClient => "http.client.request.duration",
            Self::HttpServer => "http.server.request.duration",
            Self::RpcClient => "rpc.client.call.duration",
            Self::RpcServer => "rpc.server.call.duration",
        }
    }
}

/// A condition in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// No condition.
    Always,
    /// The call ended with an error.
    Failed,
    /// The instrumentation does not know the method.
    MethodUnknown,
    /// The request is a retry or redirect of an earlier one.
    Resent,
    /// A status was sent or received.
    HasResponse,
    /// The server matched a route.
    HasRoute,
    /// The client has a URL template.
    HasTemplate,
    /// The peer's address is available.
    PeerKnown,
    /// The protocol is not HTTP.
    NotHttp,
    /// The protocol version is available.
    VersionKnown,
    /// The request, or the channel's target, names the server.
    AuthorityKnown,
    /// The port is available too.
    PortKnown,
    /// The URL has a query.
    HasQuery,
    /// There is a `user-agent` header.
    HasUserAgent,
    /// A trusted proxy has sent the client's address.
    Forwarded,
    /// The instrumentation knows the method.
    MethodKnown,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// By its status.
    ByStatus,
    /// With an error of the transport or the body, or a panic. With the value of `error.type` if
    /// the scenario knows it.
    Failed(Option<String>),
    /// Cancelled, which is not an error.
    Cancelled,
}

/// The expected value of an attribute.
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

/// The expectations of one call, on its span and its metrics.
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
    pub(crate) required: Vec<String>,
    pub(crate) classified: Option<bool>,
    pub(crate) own_methods: bool,
    pub(crate) is_sliced: bool,
    pub(crate) has_later_slice: bool,
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
            required: Vec::new(),
            classified: None,
            own_methods: false,
            is_sliced: false,
            has_later_slice: false,
        }
    }

    /// An HTTP call with a method that the instrumentation knows.
    pub fn http(group: Group, method: &str) -> Self {
        Self::new(group, method.to_owned()).value("http.request.method", method)
    }

    /// An HTTP call with an unknown method.
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

    /// A gRPC call of an unknown method or a malformed path; `original` is the value of
    /// `rpc.method_original`.
    pub fn rpc_unknown(group: Group, original: &str) -> Self {
        Self::new(group, "grpc".to_owned())
            .fact(Fact::MethodUnknown)
            .value("rpc.system.name", "grpc")
            .value("rpc.method", "_OTHER")
            .value("rpc.method_original", original)
    }

    /// The kind of the span.
    #[must_use]
    pub fn group(&self) -> Group {
        self.group
    }

    /// A fact holds.
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.insert(fact);
        self
    }

    /// Several facts hold.
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

    /// The client has this URL template.
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

    /// The call ends with an error without a status, with this `error.type` if it is known.
    pub fn failed(mut self, error_type: Option<&str>) -> Self {
        self.outcome = Outcome::Failed(error_type.map(str::to_owned));
        self
    }

    /// The call is cancelled.
    pub fn cancelled(mut self) -> Self {
        self.outcome = Outcome::Cancelled;
        self
    }

    /// The attribute or metric of this name may be present by opt-in. The suffixes `@span` and
    /// `@metric` restrict an attribute to that signal.
    pub fn opt_in(mut self, key: &str) -> Self {
        self.opted_in.push(key.to_owned());
        self
    }

    /// As [`opt_in`](Self::opt_in), for an attribute that must be present.
    pub fn requires(mut self, key: &str) -> Self {
        self.required.push(key.to_owned());
        self.opt_in(key)
    }

    /// A user's classifier decides whether the call is an error.
    pub fn classified(mut self, is_error: bool) -> Self {
        self.classified = Some(is_error);
        self
    }

    /// The user has replaced the list of known HTTP methods.
    pub fn own_methods(mut self) -> Self {
        self.own_methods = true;
        self
    }

    /// A stream that is exported in two or more slices. It must be the only call of its side in the
    /// scenario.
    pub fn sliced(mut self) -> Self {
        self.is_sliced = true;
        self
    }

    /// The expectations of a slice before the last one: the outcome is not known yet.
    pub(crate) fn slice(&self) -> Self {
        let mut slice = self.clone();
        slice.has_later_slice = true;
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
