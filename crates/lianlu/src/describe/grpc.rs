//! [gRPC spans](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/) and
//! [metrics](https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/), release candidate.

use std::borrow::Cow;

use opentelemetry::trace::SpanKind;

use super::headers::{self, Direction};
use super::methods::Method;
use super::request::{CallInfo, CallRequest, Described};
use super::response::{CallResponse, Totals};
use super::settings::{RpcStatusKey, Settings};
use super::signals::SignalWriter;
use super::surface::{OTHER, Protocol};
use super::value::fixed;
use super::{count, network, table};
use crate::grpc::Code;
use crate::request::RequestHead;

/// The span name of a call with an unknown method.
const NAME_OF_OTHER: &str = "grpc";

pub(super) fn start(
    settings: &Settings,
    request: &CallRequest<'_>,
    out: &mut SignalWriter<'_>,
) -> Described {
    let head = &request.head;
    out.put(&table::RPC_SYSTEM_NAME, fixed("grpc"));
    let method = settings.grpc_methods.find(head.path(), is_named(head));
    let name = match &method {
        Method::Known(name) | Method::Presumed(name) => {
            span_method(out, name);
            name.clone()
        }
        Method::Unknown(original) => {
            unknown_method(out, original);
            Cow::Borrowed(NAME_OF_OTHER)
        }
    };
    network::server(settings, request, None, out);
    if let Some(peer) = request.peer {
        network::peer(peer, out);
    }
    if let Some(caller) = request.caller {
        out.span(&table::SERVICE_PEER_NAME, caller);
    }
    headers::capture(
        settings,
        Protocol::Grpc,
        Direction::Request,
        head.headers(),
        |attribute| out.attributes.push(attribute),
    );
    Described {
        name,
        shared: out.attributes.count(),
        info: CallInfo {
            style: out.style,
            http_method: Cow::Borrowed(""),
            has_route: true,
            grpc_method: method,
        },
    }
}

/// True if tonic's generated client code names this method.
pub(super) fn is_named(head: &RequestHead<'_>) -> bool {
    #[cfg(feature = "tonic")]
    if let Some(method) = head.extensions().get::<tonic::GrpcMethod<'static>>() {
        let path = head.path().strip_prefix('/');
        let parts = path.and_then(|path| path.split_once('/'));
        return parts == Some((method.service(), method.method()));
    }
    let _ = head;
    false
}

/// Writes a known method in the current and in the old conventions. A span has room for only one
/// `rpc.method`.
#[allow(clippy::ptr_arg)] // a constant among them stays one
fn span_method(out: &mut SignalWriter<'_>, name: &Cow<'static, str>) {
    out.span(&table::RPC_METHOD, name);
    if out.has_old()
        && let Some((service, method)) = name.split_once('/')
    {
        out.span(&table::RPC_SERVICE, service);
        if out.only_old() {
            out.span(&table::OLD_RPC_METHOD, method);
        }
    }
}

/// Writes a known method to the metrics, where current and old conventions have separate labels.
#[allow(clippy::ptr_arg)]
fn label_method(out: &mut SignalWriter<'_>, name: &Cow<'static, str>) {
    out.label(&table::RPC_METHOD, name);
    if !out.has_old() {
        return;
    }
    let method = match name.split_once('/') {
        Some((service, method)) => {
            out.label(&table::RPC_SERVICE, service);
            method
        }
        None => name,
    };
    out.label(&table::OLD_RPC_METHOD, method);
}

#[allow(clippy::ptr_arg)]
fn unknown_method(out: &mut SignalWriter<'_>, original: &Cow<'static, str>) {
    out.span(&table::RPC_METHOD, fixed(OTHER));
    out.span(&table::RPC_METHOD_ORIGINAL, original);
    if out.only_old() {
        out.span(&table::OLD_RPC_METHOD, fixed(OTHER));
    }
}

/// Returns a better name, if the end of the call provides one.
pub(super) fn end(
    settings: &Settings,
    info: &CallInfo,
    response: &CallResponse,
    out: &mut SignalWriter<'_>,
) -> Option<Cow<'static, str>> {
    let mut name = None;
    match &info.grpc_method {
        Method::Known(method) => label_method(out, method),
        Method::Presumed(method) => {
            if learn(settings, info, response) {
                label_method(out, method);
            } else {
                label_method(out, &Cow::Borrowed(OTHER));
                if response.kind != SpanKind::Client {
                    unknown_method(out, method);
                    name = Some(Cow::Borrowed(NAME_OF_OTHER));
                }
            }
        }
        Method::Unknown(_) => label_method(out, &Cow::Borrowed(OTHER)),
    }
    if let Some(status) = response.grpc_status() {
        status_code(settings, status.code, out);
    }
    messages(response.requests, response.responses, out);
    name
}

fn status_code(settings: &Settings, code: Code, out: &mut SignalWriter<'_>) {
    let (key, has_both) = (settings.rpc_status_key, out.has_old() && !out.only_old());
    if has_both || key == RpcStatusKey::ResponseStatusCode {
        out.put(&table::RPC_RESPONSE_STATUS_CODE, fixed(code.name()));
    }
    if has_both || key == RpcStatusKey::StatusCode {
        out.put(&table::RPC_STATUS_CODE, fixed(code.name()));
    }
    if out.has_old() {
        out.put(&table::RPC_GRPC_STATUS_CODE, i64::from(code.number()));
    }
}

/// True if the method may name spans and series. Call it when the call has ended: its response
/// shows whether the method exists.
pub(super) fn learn(settings: &Settings, info: &CallInfo, response: &CallResponse) -> bool {
    let Method::Presumed(method) = &info.grpc_method else {
        return true;
    };
    let is_refused = response.kind != SpanKind::Client && is_refused(response);
    settings.grpc_methods.admit(method, is_refused)
}

/// True if the server does not have this method: its router answers `UNIMPLEMENTED` without a
/// message, or the response is not gRPC at all.
fn is_refused(response: &CallResponse) -> bool {
    match &response.grpc_status {
        Some(status) => status.code == Code::Unimplemented && status.message.is_empty(),
        None => response.failure.is_none() && !response.is_unreadable,
    }
}

/// The message and byte counts of the request, and those of the response.
static COUNTS: [[&table::AttributeSpec; 2]; 2] = [
    [
        &table::LIANLU_REQUEST_MESSAGES,
        &table::LIANLU_REQUEST_BYTES,
    ],
    [
        &table::LIANLU_RESPONSE_MESSAGES,
        &table::LIANLU_RESPONSE_BYTES,
    ],
];

/// Writes the messages and bytes of both directions.
pub(super) fn messages(requests: Totals, responses: Totals, out: &mut SignalWriter<'_>) {
    for (totals, [messages, bytes]) in [requests, responses].into_iter().zip(COUNTS) {
        if let Some((message_count, byte_count)) = totals {
            out.span(messages, count(message_count));
            out.span(bytes, count(byte_count));
        }
    }
}
