//! A port that a collector can close and open again.

use std::net::{SocketAddr, TcpListener};

use tokio::net::TcpSocket;

/// A free port, and a socket that reserves it: while the socket exists, the system does not give the port to another
/// socket that asks for any port.
pub(super) fn hold() -> (SocketAddr, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    // The standard library's listeners set it too; both must, or the listener is refused.
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    (socket.local_addr().unwrap(), socket)
}

/// A listener there that does not block.
pub(super) fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}
