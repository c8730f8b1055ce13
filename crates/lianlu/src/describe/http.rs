//! [HTTP spans](https://opentelemetry.io/docs/specs/semconv/http/http-spans/) and
//! [metrics](https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), stable.

use std::borrow::Cow;

use http::{Version, uri::Scheme};
use opentelemetry::StringValue;
use opentelemetry::trace::SpanKind;

use super::address::Address;
use super::headers::{self, Direction};
use super::methods::{Method, known_http_method};
use super::network::{self, port};
use super::request::{CallInfo, CallRequest, Described, authority};
use super::response::CallResponse;
use super::settings::Settings;
use super::signals::SignalWriter;
use super::surface::{OTHER, Protocol, Surface};
use super::target::Target;
use super::value::fixed;
use super::{count, interner, table};
use crate::known_headers::KnownHeaders;
use crate::net::redact::clip;
use crate::request::RequestHead;

/// The span name of a call with an unknown method.
const NAME_OF_OTHER: &str = "HTTP";

pub(super) fn start(
    settings: &Settings,
    request: &CallRequest<'_>,
    out: &mut SignalWriter<'_>,
) -> Described {
    let head = &request.head;
    let method = known_http_method(settings, head.method());
    match &method {
        Some(method) => out.put(&table::HTTP_REQUEST_METHOD, method),
        None => {
            out.put(&table::HTTP_REQUEST_METHOD, fixed(OTHER));
            let original = clip(head.method().as_str());
            out.span(&table::HTTP_REQUEST_METHOD_ORIGINAL, original);
        }
    }
    if out.has_old() {
        // Unbounded on spans, but not a label: each value would be a series.
        out.span(&table::HTTP_METHOD, clip(head.method().as_str()));
        out.label(
            &table::HTTP_METHOD,
            method.as_ref().unwrap_or(&Cow::Borrowed(OTHER)),
        );
    }
    let http_method = method.unwrap_or(Cow::Borrowed(NAME_OF_OTHER));
    let template = if request.kind == SpanKind::Client {
        client(settings, request, out)
    } else {
        server(settings, request, out);
        request.route.clone()
    };
    both(settings, request, out);
    let shared = out.attributes.count();
    own(settings, head, request.headers, request.target, out);
    Described {
        name: name(http_method.clone(), template.as_ref()),
        shared,
        info: CallInfo {
            style: out.style,
            http_method,
            has_route: request.route.is_some(),
            grpc_method: Method::Known(Cow::Borrowed("")),
        },
    }
}

/// Writes the attributes that differ from call to call: path and query of a server's call, the URL
/// of a client's.
pub(super) fn own(
    settings: &Settings,
    head: &RequestHead<'_>,
    headers: &KnownHeaders<'_>,
    target: Option<&Target>,
    out: &mut SignalWriter<'_>,
) {
    if out.style.surface == Surface::HttpClient {
        if out.attributes.is_wanted() {
            let mut full = url(head, headers, target);
            if let Some(fragment) = head.fragment() {
                full.push('#');
                full.push_str(fragment);
            }
            out.span(&table::URL_FULL, &*settings.redaction.redact(&full));
        }
        return;
    }
    path_and_query(settings, head, out);
}

fn name(method: Cow<'static, str>, template: Option<&StringValue>) -> Cow<'static, str> {
    match template {
        Some(template) => match interner::span_name(&method, template.as_str()) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("{method} {template}")),
        },
        None => method,
    }
}

fn path_and_query(settings: &Settings, head: &RequestHead<'_>, out: &mut SignalWriter<'_>) {
    let query = head.uri().query().filter(|_| out.attributes.is_wanted());
    let query = query.map(|query| settings.redaction.redact(query));
    if out.wants(&table::URL_PATH) {
        out.span(&table::URL_PATH, clip(head.path()));
        if let Some(query) = &query {
            out.span(&table::URL_QUERY, clip(query));
        }
    }
    if out.wants(&table::HTTP_TARGET) {
        let target = match &query {
            Some(query) => clip(&format!("{}?{query}", head.path())).to_owned(),
            None => clip(head.path()).to_owned(),
        };
        out.span(&table::HTTP_TARGET, &*target);
    }
}

/// The URL of a client's request. One in origin form has its host in a header.
fn url(head: &RequestHead<'_>, headers: &KnownHeaders<'_>, target: Option<&Target>) -> String {
    let configured = || Some(Cow::Owned(target?.authority()));
    let authority = authority(head, headers)
        .map(Cow::Borrowed)
        .or_else(configured);
    let path = match head.path() {
        "" => "/",
        path => path,
    };
    let scheme = client_scheme(head, target);
    let authority = authority.as_deref().unwrap_or("localhost");
    match head.uri().query() {
        Some(query) => [scheme, "://", authority, path, "?", query].concat(),
        None => [scheme, "://", authority, path].concat(),
    }
}

/// The scheme of a client's request.
#[inline]
pub(super) fn client_scheme<'a>(head: &RequestHead<'a>, target: Option<&Target>) -> &'a str {
    let configured = target.and_then(|target| target.scheme);
    head.uri().scheme_str().or(configured).unwrap_or("http")
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

fn server(settings: &Settings, request: &CallRequest<'_>, out: &mut SignalWriter<'_>) {
    let head = &request.head;
    let scheme = request.origin.scheme;
    let scheme = scheme.unwrap_or_else(|| self::scheme(settings, head));
    out.put(&table::URL_SCHEME, fixed(scheme));
    if let Some(route) = &request.route {
        out.put(&table::HTTP_ROUTE, route);
    }
    network::server(settings, request, None, out);
    client_address(request, out);
    if let Some(local) = request
        .local
        .filter(|_| out.wants(&table::NETWORK_LOCAL_ADDRESS))
    {
        out.span(&table::NETWORK_LOCAL_ADDRESS, Address::of(local).as_str());
        out.span(&table::NETWORK_LOCAL_PORT, port(local.port()));
    }
    if let Some(version) = protocol_version(head.version()) {
        out.put(&table::NETWORK_PROTOCOL_VERSION, fixed(version));
    }
    if let Some(caller) = request.caller {
        out.span(&table::SERVICE_PEER_NAME, caller);
    }
}

/// The client's address: as reported by trusted proxies, else the socket's peer.
fn client_address(request: &CallRequest<'_>, out: &mut SignalWriter<'_>) {
    match &request.origin.client_address {
        Some(client) => {
            out.span(&table::CLIENT_ADDRESS, clip(client));
            if out.wants(&table::HTTP_CLIENT_IP) {
                out.span(&table::HTTP_CLIENT_IP, clip(client));
            }
            if let Some(client_port) = request.origin.client_port {
                out.span(&table::CLIENT_PORT, port(client_port));
            }
        }
        None => {
            if let Some(peer) = request.peer {
                out.span(&table::CLIENT_ADDRESS, Address::of(peer).as_str());
                out.span(&table::CLIENT_PORT, port(peer.port()));
            }
        }
    }
    if let Some(peer) = request.peer {
        network::peer(peer, out);
    }
}

/// Writes the attributes of clients. Returns the path's template, if there is one.
fn client(
    settings: &Settings,
    request: &CallRequest<'_>,
    out: &mut SignalWriter<'_>,
) -> Option<StringValue> {
    let scheme = client_scheme(&request.head, request.target);
    let known_scheme = match scheme {
        "http" => "http",
        "https" => "https",
        _ => OTHER,
    };
    out.put(&table::URL_SCHEME, fixed(known_scheme));
    let template = request
        .hints
        .template()
        .map(|template| StringValue::from(clip(template).to_owned()));
    if let Some(template) = &template {
        out.put(&table::URL_TEMPLATE, template);
    }
    if let Some(resend_count) = request.hints.resend_count() {
        out.span(&table::HTTP_REQUEST_RESEND_COUNT, resend_count);
    }
    network::server(settings, request, Some(scheme), out);
    template
}

/// Writes the attributes that both sides share.
fn both(settings: &Settings, request: &CallRequest<'_>, out: &mut SignalWriter<'_>) {
    let head = &request.head;
    if let Some(transport) = request.transport {
        out.span(&table::NETWORK_TRANSPORT, fixed(transport));
    }
    if let Some(agent) = request.headers.user_agent() {
        if out.wants(&table::USER_AGENT_ORIGINAL) {
            out.span(&table::USER_AGENT_ORIGINAL, clip(&agent));
        }
        let row = &table::USER_AGENT_SYNTHETIC_TYPE;
        if (out.wants(row) || out.wants_label(row))
            && let Some(kind) = synthetic(&agent)
        {
            out.put(row, fixed(kind));
        }
    }
    headers::capture(
        settings,
        Protocol::Http,
        Direction::Request,
        head.headers(),
        |attribute| out.attributes.push(attribute),
    );
}

/// `bot` or `test`, if the user agent identifies itself as one.
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

/// Returns a better name, if the end of the call provides one.
pub(super) fn end(
    info: &CallInfo,
    response: &CallResponse,
    out: &mut SignalWriter<'_>,
) -> Option<Cow<'static, str>> {
    if let Some(status) = response.http_status {
        let status = i64::from(status.as_u16());
        out.put(&table::HTTP_RESPONSE_STATUS_CODE, status);
    }
    // A client's request is made before its connection has agreed on a version.
    if response.kind == SpanKind::Client
        && let Some(version) = response.version.and_then(protocol_version)
    {
        out.put(&table::NETWORK_PROTOCOL_VERSION, fixed(version));
    }
    for (row, size) in [
        (&table::HTTP_REQUEST_BODY_SIZE, response.request_size),
        (&table::HTTP_RESPONSE_BODY_SIZE, response.response_size),
    ] {
        if let Some(size) = size {
            out.span(row, count(size));
        }
    }
    late_route(info, response, out)
}

/// Writes a route that was unknown when the request arrived. Returns the name that it gives the
/// span.
fn late_route(
    info: &CallInfo,
    response: &CallResponse,
    out: &mut SignalWriter<'_>,
) -> Option<Cow<'static, str>> {
    let route = response.late_route.as_ref().filter(|_| !info.has_route)?;
    out.put(&table::HTTP_ROUTE, route);
    Some(name(info.http_method.clone(), Some(route)))
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
