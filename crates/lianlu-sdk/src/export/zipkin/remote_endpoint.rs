//! The remote endpoint of a call.

use std::net::IpAddr;

use lianlu_wire::authority;
use lianlu_wire::otlp::{AnyValue, ReadError, Span};
use lianlu_wire::zipkin::Endpoint;
use opentelemetry_semantic_conventions::attribute;

/// The attributes that name the remote endpoint, with their port attributes, in OpenTelemetry's
/// [order](https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/#remote-endpoint).
#[allow(deprecated)] // old attributes are still read
const RANKED: [(&str, Option<&str>); 12] = [
    // The new name of the next one.
    (attribute::SERVICE_PEER_NAME, None),
    (attribute::PEER_SERVICE, None),
    (attribute::SERVER_ADDRESS, Some(attribute::SERVER_PORT)),
    (attribute::NET_PEER_NAME, Some(attribute::NET_PEER_PORT)),
    (
        attribute::NETWORK_PEER_ADDRESS,
        Some(attribute::NETWORK_PEER_PORT),
    ),
    ("server.socket.domain", None),
    ("server.socket.address", Some("server.socket.port")),
    (attribute::NET_SOCK_PEER_NAME, None),
    (
        attribute::NET_SOCK_PEER_ADDR,
        Some(attribute::NET_SOCK_PEER_PORT),
    ),
    ("peer.hostname", None),
    ("peer.address", None),
    (attribute::DB_NAME, None),
];

/// The remote endpoint, from the first attribute present. Empty unless the span is a client or a
/// producer: Zipkin draws its dependencies from these.
pub(super) fn remote_endpoint<'a>(span: &Span<'a>) -> Result<Endpoint<'a>, ReadError> {
    if !matches!(span.kind, 3 | 4) {
        return Ok(Endpoint::default());
    }
    let attributes: Vec<_> = span.attributes().collect::<Result<_, _>>()?;
    let find = |key: &str| {
        let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
        Some(attribute.value)
    };
    for (key, port) in RANKED {
        if let Some(AnyValue::String(name)) = find(key)
            && !name.is_empty()
        {
            return Ok(endpoint(name, port.and_then(find).and_then(number)));
        }
    }
    Ok(Endpoint::default())
}

fn endpoint(name: &str, port: Option<u16>) -> Endpoint<'_> {
    let mut endpoint = Endpoint {
        port,
        ..Endpoint::default()
    };
    match name.parse() {
        Ok(IpAddr::V4(address)) => endpoint.ipv4 = Some(address),
        Ok(IpAddr::V6(address)) => endpoint.ipv6 = Some(address),
        Err(_) => endpoint.service_name = name.into(),
    }
    endpoint
}

fn number(port: AnyValue<'_>) -> Option<u16> {
    match port {
        AnyValue::Int(port) => port.try_into().ok(),
        AnyValue::String(port) => authority::port(port),
        _ => None,
    }
}
