//! What the scenarios share: a place that spans go to, servers and clients on loopback sockets.
#![allow(dead_code)]

#[path = "../../../lianlu-sdk/tests/common/decoded.rs"]
pub mod decoded;
pub mod echo;
pub mod http;
pub mod logs;
pub mod measured;
pub mod metrics;
pub mod plain;
pub mod provider;
pub mod seen;
pub mod traces;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// Long enough for any machine; only there to make a hang a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Fails the test if `future` hangs.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("still waiting")
}

/// Closed at first; each `open` lets one `pass` through.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    pub async fn pass(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

/// A listener on a port of the system's choice, and its address.
pub async fn listen() -> (tokio::net::TcpListener, std::net::SocketAddr) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address where nobody listens.
pub async fn nobody() -> std::net::SocketAddr {
    listen().await.1
}
