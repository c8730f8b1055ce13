//! Finds out which protocol a peer speaks, to explain a failed request.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use http::Uri;

/// What to do about a gRPC port.
#[cfg(any(feature = "jaeger", feature = "otlp-http", feature = "zipkin"))]
pub(crate) const USE_GRPC: &str =
    "use the collector's port for HTTP (4318 by default for OTLP), or the protocol grpc";

/// What to do about an HTTP port.
#[cfg_attr(not(feature = "otlp-grpc"), allow(dead_code))]
pub(crate) const USE_HTTP: &str =
    "use the collector's port for gRPC (4317 by default), or the protocol http/protobuf";

/// Longest wait for the connection, and for the answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// The first protocol that the peer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Http1,
    Http2,
}

/// True if a peer that does not speak our protocol may fail so: by an answer that cannot be read, or
/// by closing the connection.
pub(crate) fn may_be_of_protocol(error: Option<&io::Error>) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};

    let kinds = [
        BrokenPipe,
        ConnectionAborted,
        ConnectionReset,
        UnexpectedEof,
    ];
    error.is_none_or(|error| kinds.contains(&error.kind()))
}

/// Asks the server of an `http` URL for a connection of HTTP/2. A server of HTTP/2 answers with its
/// SETTINGS, another one in HTTP/1.1, or only to a request of HTTP/1.1.
pub(crate) fn speaks(uri: &Uri) -> Option<Peer> {
    const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const HTTP1: &[u8] = b"HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

    if uri.scheme_str() != Some("http") {
        return None;
    }
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let address = (host, uri.port_u16().unwrap_or(80));
    let address = address.to_socket_addrs().ok()?.next()?;
    let answers = |request| match answer(address, request).ok()? {
        [_, _, _, 4, 0, 0, 0, 0, 0] => Some(Peer::Http2),
        start if start.starts_with(b"HTTP/1.") => Some(Peer::Http1),
        _ => None,
    };
    answers(HTTP2).or_else(|| answers(HTTP1))
}

/// The first nine bytes, the length of a frame's header.
fn answer(address: SocketAddr, request: &[u8]) -> io::Result<[u8; 9]> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut start = [0; 9];
    stream.read_exact(&mut start)?;
    Ok(start)
}
