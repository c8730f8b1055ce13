//! [gRPC spans](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/) and
//! [metrics](https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/), release candidate.

use std::borrow::Cow;

use opentelemetry::trace::SpanKind;

use super::datum::fixed;
use super::headers::{self, Direction};
use super::methods::Method;
use super::settings::{RpcStatusKey, Settings};
use super::sink::{Part, Sink};
#[cfg(feature = "pipeline")]
use super::usual::Usual;
use super::{
    Carried, Described, End, OTHER, Protocol, Start, Totals, count, peer_attributes, server, table,
};
use crate::grpc::Code;
use crate::request::RequestHead;

/// What stands for an unknown method in a span's name.
const NAME_OF_OTHER: &str = "grpc";

pub(super) fn start(settings: &Settings, start: &Start<'_>, sink: &mut Sink<'_>) -> Described {
    let head = &start.head;
    sink.label(&table::RPC_SYSTEM_NAME, fixed("grpc"));
    let method = settings.grpc_methods.find(head.path(), is_named(head));
    let name = match &method {
        Method::Known(name) | Method::Presumed(name) => {
            sink.remembered(Part::Method, name, 0, |sink| {
                sink.span(&table::RPC_SYSTEM_NAME, fixed("grpc"));
                span_method(sink, name);
            });
            name.clone()
        }
        Method::Unknown(original) => {
            sink.span(&table::RPC_SYSTEM_NAME, fixed("grpc"));
            unknown_method(sink, original);
            Cow::Borrowed(NAME_OF_OTHER)
        }
    };
    server(settings, start, None, sink);
    if let Some(peer) = start.peer {
        peer_attributes(peer, sink);
    }
    if let Some(caller) = start.caller {
        sink.span(&table::SERVICE_PEER_NAME, caller);
    }
    headers::capture(
        settings,
        Protocol::Grpc,
        Direction::Request,
        head.headers(),
        |attribute| sink.attributes.push(attribute),
    );
    Described {
        name,
        carried: Carried {
            style: sink.style,
            http_method: Cow::Borrowed(""),
            has_route: true,
            #[cfg(feature = "pipeline")]
            labels_later: false,
            grpc_method: method,
            #[cfg(feature = "pipeline")]
            usual: None,
        },
        #[cfg(feature = "pipeline")]
        own: (0, 0),
    }
}

/// Whether tonic's generated client has said that it calls this method.
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

/// Writes a known method in the current and in the old way. A span has room for one `rpc.method`.
#[allow(clippy::ptr_arg)] // a constant among them stays one
fn span_method(sink: &mut Sink<'_>, name: &Cow<'static, str>) {
    sink.span(&table::RPC_METHOD, name);
    if sink.has_old()
        && let Some((service, method)) = name.split_once('/')
    {
        sink.span(&table::RPC_SERVICE, service);
        if sink.only_old() {
            sink.span(&table::OLD_RPC_METHOD, method);
        }
    }
}

/// The same for metrics, of which each has its own.
#[allow(clippy::ptr_arg)]
pub(super) fn label_method(sink: &mut Sink<'_>, name: &Cow<'static, str>) {
    sink.label(&table::RPC_METHOD, name);
    if !sink.has_old() {
        return;
    }
    let method = match name.split_once('/') {
        Some((service, method)) => {
            sink.label(&table::RPC_SERVICE, service);
            method
        }
        None => name,
    };
    sink.label(&table::OLD_RPC_METHOD, method);
}

#[allow(clippy::ptr_arg)]
fn unknown_method(sink: &mut Sink<'_>, original: &Cow<'static, str>) {
    sink.span(&table::RPC_METHOD, fixed(OTHER));
    sink.span(&table::RPC_METHOD_ORIGINAL, original);
    if sink.only_old() {
        sink.span(&table::OLD_RPC_METHOD, fixed(OTHER));
    }
}

/// Gives a better name, if there is one now.
pub(super) fn end(
    settings: &Settings,
    carried: &Carried,
    end: &End,
    sink: &mut Sink<'_>,
) -> Option<Cow<'static, str>> {
    let mut name = None;
    #[cfg(feature = "pipeline")]
    if let Some(Usual::Method(method)) = carried.usual.filter(|_| carried.labels_later) {
        sink.labels.clone_from(method.labels());
    }
    match &carried.grpc_method {
        Method::Known(method) => label_method(sink, method),
        Method::Presumed(method) => {
            if learn(settings, carried, end) {
                label_method(sink, method);
            } else {
                label_method(sink, &Cow::Borrowed(OTHER));
                if end.kind != SpanKind::Client {
                    unknown_method(sink, method);
                    name = Some(Cow::Borrowed(NAME_OF_OTHER));
                }
            }
        }
        Method::Unknown(_) => label_method(sink, &Cow::Borrowed(OTHER)),
    }
    if let Some(status) = end.grpc_status() {
        status_code(settings, status.code, sink);
    }
    messages(end.requests, end.responses, sink);
    name
}

pub(super) fn status_code(settings: &Settings, code: Code, sink: &mut Sink<'_>) {
    let row = match settings.rpc_status_key {
        RpcStatusKey::ResponseStatusCode => &table::RPC_RESPONSE_STATUS_CODE,
        RpcStatusKey::StatusCode => &table::RPC_STATUS_CODE,
    };
    sink.put(row, fixed(code.name()));
    if sink.has_old() {
        sink.put(&table::RPC_GRPC_STATUS_CODE, i64::from(code.number()));
    }
}

/// Whether a call's method goes by its name, now that the call has ended.
pub(super) fn learn(settings: &Settings, carried: &Carried, end: &End) -> bool {
    let Method::Presumed(method) = &carried.grpc_method else {
        return true;
    };
    let is_refused = end.kind != SpanKind::Client && is_refused(end);
    settings.grpc_methods.admit(method, is_refused)
}

/// Whether a server has no such method: its router says `UNIMPLEMENTED` and no word more, or what
/// answered does not speak gRPC at all.
fn is_refused(end: &End) -> bool {
    match &end.grpc_status {
        Some(status) => status.code == Code::Unimplemented && status.message.is_empty(),
        None => end.failure.is_none() && !end.is_unreadable,
    }
}

/// The attributes of a direction's messages and bytes: of the request's, and of the response's.
pub(super) static COUNTS: [[&table::Row; 2]; 2] = [
    [
        &table::LIANLU_REQUEST_MESSAGES,
        &table::LIANLU_REQUEST_BYTES,
    ],
    [
        &table::LIANLU_RESPONSE_MESSAGES,
        &table::LIANLU_RESPONSE_BYTES,
    ],
];

/// Messages and bytes of both directions.
pub(super) fn messages(requests: Totals, responses: Totals, sink: &mut Sink<'_>) {
    for (totals, [messages, bytes]) in [requests, responses].into_iter().zip(COUNTS) {
        if let Some((message_count, byte_count)) = totals {
            sink.span(messages, count(message_count));
            sink.span(bytes, count(byte_count));
        }
    }
}
