//! Clients: connecting, TLS handshakes, redirects, retries and panics of the transport.

mod connects;
mod flaky;
mod redirects;
mod reqwest_middleware;
mod retries;
mod shakes_hands;
mod transport_panics;
