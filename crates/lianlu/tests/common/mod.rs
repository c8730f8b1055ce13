//! What the scenarios share: destinations of spans and metrics, servers and clients on loopback
//! sockets.
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
pub mod sampler;
pub mod seen;
pub mod traces;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// The trace that a caller sends, sampled and not, and its ids.
pub const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
pub const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
pub const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub const PARENT_ID: &str = "00f067aa0ba902b7";

/// Makes a hang a failure. Long enough for a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Fails the test if `future` hangs.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("still waiting")
}

/// A closed gate; each `open` lets one `pass` through.
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

/// A listener on a free port, and its address.
pub async fn listen() -> (tokio::net::TcpListener, std::net::SocketAddr) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address without a listener: connections to it are refused.
pub async fn closed_port() -> std::net::SocketAddr {
    listen().await.1
}
