//! The addresses of both ends of a socket, taken from extensions: a server sets them on its
//! requests, a client on its responses.

use std::net::SocketAddr;

use http::Extensions;

use crate::request::RequestHead;

/// tonic's information about a TCP connection, with or without TLS.
#[cfg(feature = "tonic")]
fn tcp<'a>(head: &RequestHead<'a>) -> Option<&'a tonic::transport::server::TcpConnectInfo> {
    let extensions = head.extensions();
    #[cfg(feature = "tonic-tls")]
    if let Some(info) = extensions.get::<tonic::transport::server::TlsConnectInfo<_>>() {
        return Some(info.get_ref());
    }
    extensions.get()
}

/// The peer of a server's connection.
pub(crate) fn peer(head: &RequestHead<'_>) -> Option<SocketAddr> {
    let extensions = head.extensions();
    #[cfg(feature = "tonic")]
    if let Some(info) = tcp(head) {
        return info.remote_addr();
    }
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
        return Some(info.0);
    }
    extensions.get::<SocketAddr>().copied()
}

/// The peer of a client's connection, from its response: the last one, if there were several.
pub(crate) fn contacted(response: &Extensions) -> Option<SocketAddr> {
    #[cfg(feature = "hyper")]
    if let Some(info) = response.get::<hyper_util::client::legacy::connect::HttpInfo>() {
        return Some(info.remote_addr());
    }
    response.get::<SocketAddr>().copied()
}

/// The local address of a server's connection.
#[cfg(feature = "tonic")]
pub(crate) fn local(head: &RequestHead<'_>) -> Option<SocketAddr> {
    tcp(head)?.local_addr()
}

/// Only tonic provides it.
#[cfg(not(feature = "tonic"))]
pub(crate) fn local(_: &RequestHead<'_>) -> Option<SocketAddr> {
    None
}

/// The transport below HTTP, if known.
pub(crate) fn transport(head: &RequestHead<'_>, peer: Option<SocketAddr>) -> Option<&'static str> {
    #[cfg(all(feature = "tonic", unix))]
    if head
        .extensions()
        .get::<tonic::transport::server::UdsConnectInfo>()
        .is_some()
    {
        return Some("unix");
    }
    match head.version() {
        http::Version::HTTP_3 => Some("quic"),
        _ => peer.map(|_| "tcp"),
    }
}
