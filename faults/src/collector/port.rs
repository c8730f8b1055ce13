//! A port that a collector listens on now and then.

use std::net::{SocketAddr, TcpListener};

use tokio::net::TcpSocket;

/// A port, and what has to be kept so that nobody else gets it while the collector is away: who binds to any port, or
/// connects from any, is given another one.
pub(super) fn hold() -> (SocketAddr, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    // As the standard library's listeners have it, or they would be refused.
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    (socket.local_addr().unwrap(), socket)
}

/// Listens there, and does not block.
pub(super) fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}
