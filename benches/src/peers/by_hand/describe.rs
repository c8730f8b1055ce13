//! A request's attributes.

use std::any::TypeId;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath};
use http::{Extensions, Request, header};
use opentelemetry::KeyValue;
use tonic::transport::server::TcpConnectInfo;

use super::kept;

/// The other end of the connection.
pub(crate) fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    if let Some(info) = extensions.get::<TcpConnectInfo>() {
        return info.remote_addr();
    }
    let info = extensions.get::<ConnectInfo<SocketAddr>>();
    info.map(|info| info.0)
}

/// What the caller calls the server.
pub(super) fn host<B>(request: &Request<B>) -> Option<&str> {
    let authority = request.uri().authority();
    authority
        .map(|authority| authority.as_str())
        .or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}

pub(super) fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Whether a request's messages can be counted: our layer does so in bodies of tonic's type alone, and
/// the others here must not do more than it does.
pub(crate) fn counts_messages<B: 'static>() -> bool {
    TypeId::of::<B>() == TypeId::of::<tonic::body::Body>()
}

/// The span's name and the attributes that are known at its start.
pub(super) fn start<B>(request: &Request<B>) -> (&'static str, Vec<KeyValue>) {
    // Room for those of the end too.
    let mut attributes = Vec::with_capacity(12);
    let path = request.uri().path();
    let name = if is_grpc(request) {
        let name = kept::method(path);
        attributes.push(KeyValue::new("rpc.system.name", "grpc"));
        attributes.push(KeyValue::new("rpc.method", name));
        name
    } else {
        http(request, &mut attributes)
    };
    if let Some(host) = host(request) {
        let (host, port) = host.rsplit_once(':').unwrap_or((host, ""));
        attributes.push(KeyValue::new("server.address", kept::host(host)));
        if let Ok(port) = port.parse::<i64>() {
            attributes.push(KeyValue::new("server.port", port));
        }
    }
    if let Some(peer) = peer(request.extensions()) {
        let address = kept::address(peer.ip());
        attributes.push(KeyValue::new("network.peer.address", address));
        attributes.push(KeyValue::new("network.peer.port", i64::from(peer.port())));
    }
    (name, attributes)
}

fn http<B>(request: &Request<B>, attributes: &mut Vec<KeyValue>) -> &'static str {
    let route = request.extensions().get::<MatchedPath>();
    let route = kept::method(route.map_or("/", MatchedPath::as_str));
    attributes.push(KeyValue::new("http.request.method", "GET"));
    attributes.push(KeyValue::new("http.route", route));
    attributes.push(KeyValue::new("url.scheme", "http"));
    // A path is not one of few: it has to be copied.
    attributes.push(KeyValue::new("url.path", request.uri().path().to_owned()));
    if let Some(query) = request.uri().query() {
        attributes.push(KeyValue::new("url.query", query.to_owned()));
    }
    attributes.push(KeyValue::new("network.protocol.version", "1.1"));
    if let Some(agent) = request.headers().get(header::USER_AGENT)
        && let Ok(agent) = agent.to_str()
    {
        attributes.push(KeyValue::new("user_agent.original", kept::host(agent)));
    }
    route
}
