//! [gRPC spans](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/), release candidate.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, SpanRef, Status};

use super::{Described, End, Failure, Start, count, keys, port};
use crate::redact::clip;

/// Stands for a method that is none.
const OTHER: &str = "_OTHER";

pub(super) fn start(start: &Start<'_>) -> Described {
    let head = &start.head;
    let method = method(head.path()).map(clip);
    let mut attributes = Vec::with_capacity(12);
    attributes.push(KeyValue::new(keys::RPC_SYSTEM_NAME, "grpc"));
    match method {
        Some(method) => attributes.push(KeyValue::new(keys::RPC_METHOD, method.to_owned())),
        None => {
            attributes.push(KeyValue::new(keys::RPC_METHOD, OTHER));
            attributes.push(KeyValue::new(
                keys::RPC_METHOD_ORIGINAL,
                clip(head.path()).to_owned(),
            ));
        }
    }
    if let Some((host, server_port)) = start.server() {
        attributes.push(KeyValue::new(keys::SERVER_ADDRESS, clip(host).to_owned()));
        if let Some(server_port) = server_port {
            attributes.push(KeyValue::new(keys::SERVER_PORT, port(server_port)));
        }
    }
    if let Some(peer) = start.peer {
        let address = peer.ip().to_canonical().to_string();
        attributes.push(KeyValue::new(keys::NETWORK_PEER_ADDRESS, address));
        attributes.push(KeyValue::new(keys::NETWORK_PEER_PORT, port(peer.port())));
    }
    if let Some(caller) = start.caller {
        attributes.push(KeyValue::new(keys::SERVICE_PEER_NAME, caller.to_owned()));
    }
    let name = match method {
        Some(method) => Cow::Owned(method.to_owned()),
        None => Cow::Borrowed("grpc"),
    };
    Described { name, attributes }
}

pub(super) fn end(span: &SpanRef<'_>, end: &End) {
    let status = end.grpc_status();
    if let Some(status) = &status {
        span.set_attribute(KeyValue::new(
            keys::RPC_RESPONSE_STATUS_CODE,
            status.code.name(),
        ));
    }
    for (messages, bytes, totals) in [
        (
            keys::LIANLU_REQUEST_MESSAGES,
            keys::LIANLU_REQUEST_BYTES,
            end.requests,
        ),
        (
            keys::LIANLU_RESPONSE_MESSAGES,
            keys::LIANLU_RESPONSE_BYTES,
            end.responses,
        ),
    ] {
        if let Some((message_count, byte_count)) = totals {
            span.set_attribute(KeyValue::new(messages, count(message_count)));
            span.set_attribute(KeyValue::new(bytes, count(byte_count)));
        }
    }

    // Giving up a call, one's own or the client's, is nobody's error.
    if end.is_cancelled() {
        span.set_attribute(KeyValue::new(keys::LIANLU_CANCELLED, true));
        return;
    }
    let Some(status) = status else { return };
    let (is_error, class) = match &end.failure {
        Some(Failure::Panic) => (true, Cow::Borrowed("panic")),
        Some(Failure::Error {
            class, code: None, ..
        }) => (true, class.clone()),
        _ if end.kind == SpanKind::Client => {
            (status.code.is_client_error(), status.code.name().into())
        }
        _ => (status.code.is_server_error(), status.code.name().into()),
    };
    if is_error {
        span.set_attribute(KeyValue::new(keys::ERROR_TYPE, class));
        span.set_status(Status::error(status.message));
    }
}

/// `package.Service/Method` of a well-formed path.
fn method(path: &str) -> Option<&str> {
    let method = path.strip_prefix('/')?;
    let (service, name) = method.split_once('/')?;
    let well_formed = !service.is_empty() && !name.is_empty() && !name.contains('/');
    well_formed.then_some(method)
}
