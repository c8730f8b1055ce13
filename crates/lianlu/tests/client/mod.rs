//! Clients: connecting, TLS handshakes, redirects, retries and panics of the transport.

mod connecting;
mod flaky;
mod redirects;
mod reqwest_middleware;
mod retries;
mod tls_handshake;
mod transport_panics;
