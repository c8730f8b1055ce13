//! [HTTP spans](https://opentelemetry.io/docs/specs/semconv/http/http-spans/) and
//! [metrics](https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), stable.

use std::borrow::Cow;

use http::{Version, uri::Scheme};
use opentelemetry::StringValue;
use opentelemetry::trace::SpanKind;

use super::address::Address;
use super::datum::fixed;
use super::headers::{self, Direction};
use super::methods::{Method, known_http_method};
use super::settings::Settings;
use super::sink::Sink;
#[cfg(feature = "pipeline")]
use super::usual::Usual;
use super::{
    Carried, Described, End, OTHER, Protocol, Start, count, names, peer_attributes, port, table,
};
use crate::net::redact::clip;
use crate::request::RequestHead;

/// What stands for an unknown method in a span's name.
const NAME_OF_OTHER: &str = "HTTP";

pub(super) fn start(settings: &Settings, start: &Start<'_>, sink: &mut Sink<'_>) -> Described {
    let head = &start.head;
    let method = known_http_method(settings, head.method());
    match &method {
        Some(method) => sink.put(&table::HTTP_REQUEST_METHOD, method),
        None => {
            sink.put(&table::HTTP_REQUEST_METHOD, fixed(OTHER));
            let original = clip(head.method().as_str());
            sink.span(&table::HTTP_REQUEST_METHOD_ORIGINAL, original);
        }
    }
    if sink.has_old() {
        // Whatever it is; but of series there must not be one for each.
        sink.span(&table::HTTP_METHOD, clip(head.method().as_str()));
        sink.label(
            &table::HTTP_METHOD,
            method.as_ref().unwrap_or(&Cow::Borrowed(OTHER)),
        );
    }
    let http_method = method.unwrap_or(Cow::Borrowed(NAME_OF_OTHER));
    let template = if start.kind == SpanKind::Client {
        client(settings, start, sink)
    } else {
        server(settings, start, sink);
        start.route.clone()
    };
    both(settings, start, sink);
    #[cfg(feature = "pipeline")]
    let before = sink.attributes.written();
    if start.kind != SpanKind::Client {
        asked_for(settings, head, sink);
    }
    #[cfg(feature = "pipeline")]
    let after = sink.attributes.written();
    Described {
        name: name(http_method.clone(), template.as_ref()),
        carried: Carried {
            style: sink.style,
            http_method,
            has_route: start.route.is_some(),
            #[cfg(feature = "pipeline")]
            labels_later: false,
            grpc_method: Method::Known(Cow::Borrowed("")),
            #[cfg(feature = "pipeline")]
            usual: None,
        },
        #[cfg(feature = "pipeline")]
        own: (after.0 - before.0, after.1 - before.1),
    }
}

fn name(method: Cow<'static, str>, template: Option<&StringValue>) -> Cow<'static, str> {
    match template {
        Some(template) => match names::span_name(&method, template.as_str()) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("{method} {template}")),
        },
        None => method,
    }
}

/// Path and query of a server's call: what differs between the calls of a route.
pub(super) fn asked_for(settings: &Settings, head: &RequestHead<'_>, sink: &mut Sink<'_>) {
    let query = head.uri().query().filter(|_| sink.attributes.is_wanted());
    let query = query.map(|query| settings.redaction.redact(query));
    if sink.wants(&table::URL_PATH) {
        sink.span(&table::URL_PATH, clip(head.path()));
        if let Some(query) = &query {
            sink.span(&table::URL_QUERY, clip(query));
        }
    }
    if sink.wants(&table::HTTP_TARGET) {
        let target = match &query {
            Some(query) => clip(&format!("{}?{query}", head.path())).to_owned(),
            None => clip(head.path()).to_owned(),
        };
        sink.span(&table::HTTP_TARGET, &*target);
    }
}

/// The scheme of a request to a server without a proxy.
#[inline]
pub(super) fn scheme(settings: &Settings, head: &RequestHead<'_>) -> &'static str {
    match head.uri().scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => "https",
        None if settings.https => "https",
        _ => "http",
    }
}

fn server(settings: &Settings, start: &Start<'_>, sink: &mut Sink<'_>) {
    let head = &start.head;
    let scheme = start.origin.scheme;
    let scheme = scheme.unwrap_or_else(|| self::scheme(settings, head));
    sink.put(&table::URL_SCHEME, fixed(scheme));
    if let Some(route) = &start.route {
        sink.put(&table::HTTP_ROUTE, route);
    }
    super::server(settings, start, None, sink);
    client_address(start, sink);
    if let Some(local) = start
        .local
        .filter(|_| sink.wants(&table::NETWORK_LOCAL_ADDRESS))
    {
        sink.span(&table::NETWORK_LOCAL_ADDRESS, Address::of(local).as_str());
        sink.span(&table::NETWORK_LOCAL_PORT, port(local.port()));
    }
    if let Some(version) = protocol_version(head.version()) {
        sink.put(&table::NETWORK_PROTOCOL_VERSION, fixed(version));
    }
    if let Some(caller) = start.caller {
        sink.span(&table::SERVICE_PEER_NAME, caller);
    }
}

/// Who called: what trusted proxies say, else the socket's other end.
fn client_address(start: &Start<'_>, sink: &mut Sink<'_>) {
    match &start.origin.client_address {
        Some(client) => {
            sink.span(&table::CLIENT_ADDRESS, clip(client));
            if sink.wants(&table::HTTP_CLIENT_IP) {
                sink.span(&table::HTTP_CLIENT_IP, clip(client));
            }
            if let Some(client_port) = start.origin.client_port {
                sink.span(&table::CLIENT_PORT, port(client_port));
            }
        }
        None => {
            if let Some(peer) = start.peer {
                sink.span(&table::CLIENT_ADDRESS, Address::of(peer).as_str());
                sink.span(&table::CLIENT_PORT, port(peer.port()));
            }
        }
    }
    if let Some(peer) = start.peer {
        peer_attributes(peer, sink);
    }
}

/// Gives the path's template, if there is one.
fn client(settings: &Settings, start: &Start<'_>, sink: &mut Sink<'_>) -> Option<StringValue> {
    let head = &start.head;
    let uri = head.uri();
    let told = start.target.and_then(|target| target.scheme);
    let scheme = uri.scheme_str().or(told).unwrap_or("http");
    let full = match (uri.scheme(), uri.authority()) {
        // An absolute target tells all; a request in origin form has its host in a header.
        (Some(_), Some(_)) => uri.to_string(),
        _ => {
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            match (start.authority(), start.target) {
                (Some(authority), _) => format!("{scheme}://{authority}{path}"),
                (None, Some(target)) => format!("{scheme}://{}{path}", target.authority()),
                (None, None) => format!("{scheme}://localhost{path}"),
            }
        }
    };
    sink.span(&table::URL_FULL, &*settings.redaction.redact(&full));
    let known_scheme = match scheme {
        "http" => "http",
        "https" => "https",
        _ => OTHER,
    };
    sink.put(&table::URL_SCHEME, fixed(known_scheme));
    let template = start
        .told
        .template()
        .map(|template| StringValue::from(clip(template).to_owned()));
    if let Some(template) = &template {
        sink.put(&table::URL_TEMPLATE, template);
    }
    if let Some(resend_count) = start.told.resend_count() {
        sink.span(&table::HTTP_REQUEST_RESEND_COUNT, resend_count);
    }
    super::server(settings, start, Some(scheme), sink);
    template
}

/// What both sides have alike.
fn both(settings: &Settings, start: &Start<'_>, sink: &mut Sink<'_>) {
    let head = &start.head;
    if let Some(transport) = start.transport {
        sink.span(&table::NETWORK_TRANSPORT, fixed(transport));
    }
    if let Some(agent) = start.scan.user_agent() {
        if sink.wants(&table::USER_AGENT_ORIGINAL) {
            sink.span(&table::USER_AGENT_ORIGINAL, clip(agent));
        }
        let row = &table::USER_AGENT_SYNTHETIC_TYPE;
        if (sink.wants(row) || sink.labels(row))
            && let Some(kind) = synthetic(agent)
        {
            sink.put(row, fixed(kind));
        }
    }
    headers::capture(
        settings,
        Protocol::Http,
        Direction::Request,
        head.headers(),
        |attribute| sink.attributes.push(attribute),
    );
}

/// `bot` or `test`, for a user agent that says so itself.
fn synthetic(agent: &str) -> Option<&'static str> {
    let agent = clip(agent).to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| agent.contains(word));
    if has(&["synthetic", "alwayson", "uptime"]) {
        Some("test")
    } else if has(&["bot", "crawler", "spider"]) {
        Some("bot")
    } else {
        None
    }
}

/// Gives a better name, if there is one now.
pub(super) fn end(carried: &Carried, end: &End, sink: &mut Sink<'_>) -> Option<Cow<'static, str>> {
    #[cfg(feature = "pipeline")]
    if let Some(Usual::Route(route)) = carried.usual.filter(|_| carried.labels_later) {
        sink.labels.clone_from(route.labels());
    }
    if let Some(status) = end.http_status {
        let status = i64::from(status.as_u16());
        sink.put(&table::HTTP_RESPONSE_STATUS_CODE, status);
    }
    // A client's request is written before its connection has agreed on a version.
    if end.kind == SpanKind::Client
        && let Some(version) = end.version.and_then(protocol_version)
    {
        sink.put(&table::NETWORK_PROTOCOL_VERSION, fixed(version));
    }
    for (row, size) in [
        (&table::HTTP_REQUEST_BODY_SIZE, end.request_size),
        (&table::HTTP_RESPONSE_BODY_SIZE, end.response_size),
    ] {
        if let Some(size) = size {
            sink.span(row, count(size));
        }
    }
    late_route(carried, end, sink)
}

/// Writes a route that was not known at the start. Gives the name that it makes.
fn late_route(carried: &Carried, end: &End, sink: &mut Sink<'_>) -> Option<Cow<'static, str>> {
    let route = end.late_route.as_ref().filter(|_| !carried.has_route)?;
    sink.put(&table::HTTP_ROUTE, route);
    Some(name(carried.http_method.clone(), Some(route)))
}

#[inline]
pub(super) fn protocol_version(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => return None,
    })
}
