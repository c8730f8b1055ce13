//! Expectations of HTTP calls over loopback.

use std::net::SocketAddr;

use http::Version;
use lianlu_conformance::{Expected, Fact, Group};

/// The server side of a call to `path`, with a host.
pub fn server(address: SocketAddr, method: &str, path: &str, version: Version) -> Expected {
    server_of(
        Expected::http(Group::HttpServer, method),
        address,
        path,
        version,
    )
}

pub fn server_of(call: Expected, address: SocketAddr, path: &str, version: Version) -> Expected {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let call = call
        .facts([
            Fact::AuthorityKnown,
            Fact::PortKnown,
            Fact::PeerKnown,
            Fact::VersionKnown,
        ])
        .value("server.address", address.ip().to_string())
        .value("server.port", i64::from(address.port()))
        .value("url.path", path)
        .value("url.scheme", "http")
        .value("client.address", "127.0.0.1")
        .value("network.peer.address", "127.0.0.1")
        .value("network.protocol.version", number(version));
    match query {
        Some(query) => call.fact(Fact::HasQuery).value("url.query", query),
        None => call,
    }
}

/// The client side of a call to `path`.
pub fn client(address: SocketAddr, method: &str, path: &str) -> Expected {
    client_of(Expected::http(Group::HttpClient, method), address, path)
}

pub fn client_of(call: Expected, address: SocketAddr, path: &str) -> Expected {
    call.value("server.address", address.ip().to_string())
        .value("server.port", i64::from(address.port()))
        .value("url.full", format!("http://{address}{path}"))
}

/// A client call with a response.
pub fn answered(call: Expected, address: SocketAddr, status: u16, version: Version) -> Expected {
    call.http_status(status)
        .facts([Fact::VersionKnown, Fact::PeerKnown])
        .value("network.protocol.version", number(version))
        .value("network.peer.address", address.ip().to_string())
        .value("network.peer.port", i64::from(address.port()))
}

pub fn number(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        _ => panic!("not a version of the scenarios"),
    }
}
