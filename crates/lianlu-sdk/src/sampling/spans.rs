//! The spans that a rule applies to.

use lianlu_wire::health_checks;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Key, KeyValue};
use opentelemetry_semantic_conventions::attribute::{
    HTTP_REQUEST_METHOD, HTTP_ROUTE, RPC_METHOD, URL_FULL, URL_PATH,
};

use super::glob::Glob;

/// Kratos' keys for the same attributes.
const HTTP_METHOD: &str = "http.method";
const HTTP_TARGET: &str = "http.target";

const ROUTES: &[&str] = &[HTTP_ROUTE];
const PATHS: &[&str] = &[URL_PATH, HTTP_TARGET];
const METHODS: &[&str] = &[HTTP_REQUEST_METHOD, HTTP_METHOD, RPC_METHOD];

/// Selects spans by what is known when they start. Every condition must hold.
///
/// Patterns match exactly, except that `*` matches any run of characters, including `/`. Attributes
/// that are set later, such as a response's status, are not known yet and match nothing.
///
/// ```
/// use lianlu_sdk::sampling::Spans;
///
/// let reports = Spans::any().method("GET").route("/reports/*");
/// let gold = Spans::any().attribute("customer.tier", "gold");
/// let calls = Spans::any().method("shop.v1.Orders/*");
/// # let _ = (reports, gold, calls);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a description does nothing without a rule"]
pub struct Spans {
    kind: Option<SpanKind>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone)]
enum Condition {
    Name(Glob),
    OneOf(&'static [&'static str], Glob),
    Attribute(Key, Glob),
    HealthCheck,
}

impl Spans {
    /// Every span, until a condition is added.
    pub fn any() -> Self {
        Self {
            kind: None,
            conditions: Vec::new(),
        }
    }

    /// Health checks: gRPC's `grpc.health.v1.Health`, and `GET` and `HEAD` of `/health`, `/healthz`,
    /// `/healthcheck`, `/livez`, `/readyz`, `/startupz`, `/actuator/health` and paths below these,
    /// `/live`, `/ready`, `/-/healthy`, `/-/ready`, `/metrics`. Both on servers and on clients.
    pub fn health_checks() -> Self {
        Self::any().and(Condition::HealthCheck)
    }

    /// Spans of this kind.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Spans with this name: `GET /orders/*`.
    pub fn name(self, pattern: impl Into<String>) -> Self {
        self.and(Condition::Name(Glob::new(pattern)))
    }

    /// Calls of this route, as the router defines it (`http.route`): `/orders/{id}`.
    pub fn route(self, pattern: impl Into<String>) -> Self {
        self.and(Condition::OneOf(ROUTES, Glob::new(pattern)))
    }

    /// Calls that a server receives at this path (`url.path`, Kratos' `http.target`): `/orders/*`.
    pub fn path(self, pattern: impl Into<String>) -> Self {
        self.and(Condition::OneOf(PATHS, Glob::new(pattern)))
    }

    /// Calls of this method: of HTTP (`http.request.method`, Kratos' `http.method`), such as `GET`,
    /// or of gRPC (`rpc.method`), such as `shop.v1.Orders/PlaceOrder`.
    pub fn method(self, pattern: impl Into<String>) -> Self {
        self.and(Condition::OneOf(METHODS, Glob::new(pattern)))
    }

    /// Spans that start with this attribute. Numbers and booleans are compared as text.
    pub fn attribute(self, key: impl Into<Key>, pattern: impl Into<String>) -> Self {
        self.and(Condition::Attribute(key.into(), Glob::new(pattern)))
    }

    /// As [`attribute`](Self::attribute), and `?` matches any one character. For configuration
    /// files.
    #[doc(hidden)]
    pub fn attribute_pattern(self, key: impl Into<Key>, pattern: impl Into<String>) -> Self {
        let glob = Glob::with_question_marks(pattern);
        self.and(Condition::Attribute(key.into(), glob))
    }

    fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    pub(super) fn matches(&self, name: &str, kind: &SpanKind, attributes: &[KeyValue]) -> bool {
        self.kind.as_ref().is_none_or(|wanted| wanted == kind)
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(name, attributes))
    }
}

impl Condition {
    fn holds(&self, name: &str, attributes: &[KeyValue]) -> bool {
        match self {
            Self::Name(glob) => glob.matches(name),
            Self::OneOf(keys, glob) => attributes.iter().any(|attribute| {
                keys.contains(&attribute.key.as_str()) && glob.matches(&attribute.value.as_str())
            }),
            Self::Attribute(key, glob) => attributes
                .iter()
                .any(|attribute| attribute.key == *key && glob.matches(&attribute.value.as_str())),
            Self::HealthCheck => is_health_check(name, attributes),
        }
    }
}

fn is_health_check(name: &str, attributes: &[KeyValue]) -> bool {
    // A gRPC span's name is its method; Kratos' begins with a slash.
    if health_checks::is_grpc(name) {
        return true;
    }
    let method = attributes
        .iter()
        .find(|attribute| METHODS.contains(&attribute.key.as_str()));
    let method = method.map_or("GET".into(), |method| method.value.as_str());
    attributes.iter().any(|attribute| {
        let key = attribute.key.as_str();
        let value = attribute.value.as_str();
        let path = if ROUTES.contains(&key) || PATHS.contains(&key) {
            &value
        } else if key == URL_FULL {
            let authority_and_path = value.split_once("://").map(|(_, rest)| rest);
            let path = authority_and_path.and_then(|rest| rest.get(rest.find('/')?..));
            path.unwrap_or_default()
        } else {
            return false;
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        health_checks::is_http(&method, path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_must_hold() {
        let attributes = [
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/orders/{id}"),
            KeyValue::new("tier", 3),
        ];
        let matches =
            |spans: Spans| spans.matches("GET /orders/{id}", &SpanKind::Server, &attributes);
        for spans in [
            Spans::any(),
            Spans::any().kind(SpanKind::Server),
            Spans::any().name("GET *"),
            Spans::any().route("/orders/*"),
            Spans::any().method("G*"),
            Spans::any().attribute("tier", "3"),
            Spans::any()
                .method("GET")
                .route("/orders/{id}")
                .attribute("tier", "*"),
        ] {
            assert!(matches(spans.clone()), "{spans:?}");
        }
        for spans in [
            Spans::any().kind(SpanKind::Client),
            Spans::any().name("GET"),
            Spans::any().route("/orders"),
            Spans::any().path("/orders/*"),
            Spans::any().method("POST"),
            Spans::any().attribute("tier", "4"),
            Spans::any().attribute("other", "*"),
            Spans::any().method("GET").route("/carts/*"),
            Spans::health_checks(),
        ] {
            assert!(!matches(spans.clone()), "{spans:?}");
        }
    }

    #[test]
    fn matches_health_checks_of_http_and_grpc() {
        let is = |name: &str, method: &'static str, key: &'static str, value: &str| {
            let attributes = [
                KeyValue::new("http.request.method", method),
                KeyValue::new(key, value.to_owned()),
            ];
            Spans::health_checks().matches(name, &SpanKind::Server, &attributes)
        };
        for (name, method, key, value, expected) in [
            ("GET", "GET", "url.path", "/readyz/etcd", true),
            ("POST", "POST", "url.path", "/readyz", false),
            ("GET /health", "GET", "http.route", "/health", true),
            ("/health", "HEAD", "http.target", "/health?full=1", true),
            (
                "GET",
                "GET",
                "url.full",
                "http://a.example:80/livez?a",
                true,
            ),
            (
                "GET",
                "GET",
                "url.full",
                "http://a.example/shop/health",
                false,
            ),
            ("GET", "GET", "url.full", "/health", false),
            ("GET", "GET", "url.path", "/ping", false),
            (
                "grpc.health.v1.Health/Check",
                "",
                "rpc.system.name",
                "grpc",
                true,
            ),
            (
                "/grpc.health.v1.Health/Watch",
                "",
                "rpc.system",
                "grpc",
                true,
            ),
            ("shop.v1.Health/Check", "", "rpc.system", "grpc", false),
        ] {
            assert_eq!(is(name, method, key, value), expected, "{name} {value}");
        }
    }
}
