//! The keys of captured headers.

use http::{HeaderMap, HeaderName};
use opentelemetry::KeyValue;

use super::keys;
use super::settings::Settings;
use super::surface::Protocol;

/// The message that headers belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// Emits the captured headers (or a gRPC call's metadata) as attributes.
///
/// The old conventions wrote a header's dashes as underscores, and metadata under gRPC-specific
/// keys.
pub(crate) fn capture(
    settings: &Settings,
    protocol: Protocol,
    direction: Direction,
    headers: &HeaderMap,
    mut record: impl FnMut(KeyValue),
) {
    let (capture, http, grpc, old_grpc) = match direction {
        Direction::Request => (
            &settings.request_headers,
            keys::HTTP_REQUEST_HEADER,
            keys::RPC_REQUEST_METADATA,
            keys::old::RPC_GRPC_REQUEST_METADATA,
        ),
        Direction::Response => (
            &settings.response_headers,
            keys::HTTP_RESPONSE_HEADER,
            keys::RPC_RESPONSE_METADATA,
            keys::old::RPC_GRPC_RESPONSE_METADATA,
        ),
    };
    if capture.is_empty() {
        return;
    }
    let conventions = settings.generation(protocol);
    let current = |name: &HeaderName| match protocol {
        Protocol::Http => Some([http, name.as_str()].concat()),
        Protocol::Grpc => Some([grpc, name.as_str()].concat()),
    };
    let old = |name: &HeaderName| match protocol {
        // Without a dash the old key equals the current one, which is already written.
        Protocol::Http if conventions.current() && !name.as_str().contains('-') => None,
        Protocol::Http => Some([http, &name.as_str().replace('-', "_")].concat()),
        Protocol::Grpc => Some([old_grpc, name.as_str()].concat()),
    };
    if conventions.current() {
        capture.capture(current, headers, &mut record);
    }
    if conventions.old() {
        capture.capture(old, headers, &mut record);
    }
}
