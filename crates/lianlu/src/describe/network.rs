//! Both ends of a call: its server, and the addresses of the sockets.

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

/// Writes host and port of a call's server, on the span and on the metrics that the table lists.
/// `scheme` gives the default for a missing port.
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
    // Hosts named by users or callers must not make an unlimited number of series.
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

/// Writes the address of the socket's peer.
pub(super) fn peer(end: SocketAddr, out: &mut SignalWriter<'_>) {
    out.span(&table::NETWORK_PEER_ADDRESS, Address::of(end).as_str());
    out.span(&table::NETWORK_PEER_PORT, port(end.port()));
}

pub(super) fn port(port: u16) -> i64 {
    i64::from(port)
}
