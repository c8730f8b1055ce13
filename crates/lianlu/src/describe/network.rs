//! Both ends of a call: its server, and the sockets' addresses.

use std::net::SocketAddr;

use opentelemetry::trace::SpanKind;

use super::address::Address;
use super::request::CallRequest;
use super::response::CallResponse;
use super::settings::Settings;
use super::signals::SignalWriter;
use super::surface::OTHER;
use super::value::fixed;
use super::{table, target};
use crate::net::redact::clip;

/// Host and port of a call's server, on the span and where the table wants them on the metrics. `scheme` is what a
/// missing port stands for.
pub(super) fn server(
    settings: &Settings,
    request: &CallRequest<'_>,
    scheme: Option<&str>,
    out: &mut SignalWriter<'_>,
) {
    let Some((host, explicit)) = request.server() else {
        return;
    };
    let server_port = explicit.or_else(|| target::default_port(scheme?));
    out.span(&table::SERVER_ADDRESS, clip(host));
    if let Some(server_port) = server_port {
        out.span(&table::SERVER_PORT, port(server_port));
    }
    if !out.wants_label(&table::SERVER_ADDRESS) {
        return;
    }
    // Hosts that users or callers name must not make series without end.
    if settings.hosts.admit(clip(host), server_port) {
        out.label(&table::SERVER_ADDRESS, clip(host));
        if let Some(server_port) = server_port {
            out.label(&table::SERVER_PORT, port(server_port));
        }
    } else {
        out.label(&table::SERVER_ADDRESS, fixed(OTHER));
    }
}

/// The server that a client has reached.
pub(super) fn contacted(response: &CallResponse, out: &mut SignalWriter<'_>) {
    if let Some(end) = response.peer.filter(|_| response.kind == SpanKind::Client) {
        peer(end, out);
    }
}

/// The socket's other end.
pub(super) fn peer(end: SocketAddr, out: &mut SignalWriter<'_>) {
    out.span(&table::NETWORK_PEER_ADDRESS, Address::of(end).as_str());
    out.span(&table::NETWORK_PEER_PORT, port(end.port()));
}

pub(super) fn port(port: u16) -> i64 {
    i64::from(port)
}
