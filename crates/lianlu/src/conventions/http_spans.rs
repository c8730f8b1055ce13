//! [HTTP spans](https://opentelemetry.io/docs/specs/semconv/http/http-spans/), stable.

use std::borrow::Cow;
use std::sync::LazyLock;

use http::{Method, Version, header, uri::Scheme};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, SpanRef, Status};

use super::{Described, End, Failure, Start, keys, port, target};
use crate::redact::{clip, redact};

/// Stands for what the conventions don't know.
const OTHER: &str = "_OTHER";

pub(super) fn start(start: &Start<'_>) -> Described {
    let head = &start.head;
    let method = known_method(head.method());
    let mut attributes = Vec::with_capacity(14);
    attributes.push(KeyValue::new(
        keys::HTTP_REQUEST_METHOD,
        method.unwrap_or(OTHER),
    ));
    if method.is_none() {
        attributes.push(KeyValue::new(
            keys::HTTP_REQUEST_METHOD_ORIGINAL,
            clip(head.method().as_str()).to_owned(),
        ));
    }
    if start.kind == SpanKind::Client {
        client(start, &mut attributes);
    } else {
        server(start, &mut attributes);
    }
    let name = match (method, start.route.or(start.told.template().map(clip))) {
        (method, Some(route)) => Cow::Owned(format!("{} {route}", method.unwrap_or("HTTP"))),
        (method, None) => Cow::Borrowed(method.unwrap_or("HTTP")),
    };
    Described { name, attributes }
}

fn server(start: &Start<'_>, attributes: &mut Vec<KeyValue>) {
    let head = &start.head;
    attributes.push(KeyValue::new(keys::URL_PATH, clip(head.path()).to_owned()));
    let scheme = match head.uri().scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => "https",
        _ => "http",
    };
    attributes.push(KeyValue::new(keys::URL_SCHEME, scheme));
    if let Some(query) = head.uri().query() {
        attributes.push(KeyValue::new(
            keys::URL_QUERY,
            clip(&redact(query)).to_owned(),
        ));
    }
    if let Some(route) = start.route {
        attributes.push(KeyValue::new(keys::HTTP_ROUTE, route.to_owned()));
    }
    if let Some((host, server_port)) = start.server() {
        attributes.push(KeyValue::new(keys::SERVER_ADDRESS, clip(host).to_owned()));
        if let Some(server_port) = server_port {
            attributes.push(KeyValue::new(keys::SERVER_PORT, port(server_port)));
        }
    }
    if let Some(peer) = start.peer {
        let address = peer.ip().to_canonical().to_string();
        attributes.push(KeyValue::new(keys::CLIENT_ADDRESS, address.clone()));
        attributes.push(KeyValue::new(keys::NETWORK_PEER_ADDRESS, address));
        attributes.push(KeyValue::new(keys::NETWORK_PEER_PORT, port(peer.port())));
    }
    if let Some(agent) = head.header(header::USER_AGENT) {
        attributes.push(KeyValue::new(
            keys::USER_AGENT_ORIGINAL,
            clip(agent).to_owned(),
        ));
    }
    if let Some(version) = protocol_version(head.version()) {
        attributes.push(KeyValue::new(keys::NETWORK_PROTOCOL_VERSION, version));
    }
    if let Some(caller) = start.caller {
        attributes.push(KeyValue::new(keys::SERVICE_PEER_NAME, caller.to_owned()));
    }
}

fn client(start: &Start<'_>, attributes: &mut Vec<KeyValue>) {
    let head = &start.head;
    let uri = head.uri();
    let scheme = uri.scheme_str();
    let full = match (scheme, uri.authority()) {
        // An absolute target tells all; a request in origin form has its host in a header.
        (Some(_), Some(_)) => uri.to_string(),
        _ => {
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            let host = start.target.map(|target| target.host.as_str());
            let host = head.authority().or(host).unwrap_or("localhost");
            format!("http://{host}{path}")
        }
    };
    attributes.push(KeyValue::new(keys::URL_FULL, redact(&full).into_owned()));
    if let Some(template) = start.told.template() {
        attributes.push(KeyValue::new(keys::URL_TEMPLATE, clip(template).to_owned()));
    }
    if let Some(count) = start.told.resend_count() {
        attributes.push(KeyValue::new(keys::HTTP_REQUEST_RESEND_COUNT, count));
    }
    let Some((host, explicit)) = start.server() else {
        return;
    };
    attributes.push(KeyValue::new(keys::SERVER_ADDRESS, host.to_owned()));
    let server_port = explicit.or_else(|| target::default_port(scheme.unwrap_or("http")));
    if let Some(server_port) = server_port {
        attributes.push(KeyValue::new(keys::SERVER_PORT, port(server_port)));
    }
}

pub(super) fn end(span: &SpanRef<'_>, end: &End) {
    let status = end.http_status;
    if let Some(status) = status {
        span.set_attribute(KeyValue::new(
            keys::HTTP_RESPONSE_STATUS_CODE,
            i64::from(status.as_u16()),
        ));
    }
    // A client's request is written before its connection has agreed on a version.
    if end.kind == SpanKind::Client
        && let Some(version) = end.version.and_then(protocol_version)
    {
        span.set_attribute(KeyValue::new(keys::NETWORK_PROTOCOL_VERSION, version));
    }
    match &end.failure {
        Some(Failure::Error { class, message, .. }) => {
            span.set_attribute(KeyValue::new(keys::ERROR_TYPE, class.clone()));
            span.set_status(Status::error(message.clone()));
            return;
        }
        Some(Failure::Panic) => {
            span.set_attribute(KeyValue::new(keys::ERROR_TYPE, "panic"));
            span.set_status(Status::error("panic"));
            return;
        }
        Some(Failure::Dropped | Failure::Deadline) => {
            span.set_attribute(KeyValue::new(keys::LIANLU_CANCELLED, true));
        }
        None => {}
    }
    let lowest_error = if end.kind == SpanKind::Client {
        400
    } else {
        500
    };
    if let Some(status) = status.filter(|status| status.as_u16() >= lowest_error) {
        span.set_attribute(KeyValue::new(keys::ERROR_TYPE, status.as_str().to_owned()));
        // The code says it all; the conventions want no description that repeats it.
        span.set_status(Status::error(""));
    }
}

/// The methods that go by their name: those of RFC 9110, `PATCH` and `QUERY`, or the list that
/// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` puts in their place.
static KNOWN_METHODS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let list = std::env::var("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS");
    let list = list.ok().filter(|list| !list.trim().is_empty());
    let list = list
        .as_deref()
        .unwrap_or("GET,HEAD,POST,PUT,DELETE,CONNECT,OPTIONS,TRACE,PATCH,QUERY");
    list.split(',').map(|name| name.trim().to_owned()).collect()
});

fn known_method(method: &Method) -> Option<&'static str> {
    let known = KNOWN_METHODS.iter().find(|known| *known == method.as_str());
    known.map(String::as_str)
}

fn protocol_version(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => return None,
    })
}
