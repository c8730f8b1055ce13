//! The spans of Kratos v2.9.1 and v3: names, keys and values as its tracing middleware writes them.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status};

use super::address::Address;
use super::keys::{LIANLU_STREAM_SLICE, exception, kratos as keys};
use super::request::CallRequest;
use super::response::{CallResponse, Failure};
use super::settings::Settings;
use super::surface::Protocol;
use super::writer::AttributeWriter;
use super::{Ended, count};
use crate::grpc::Code;
use crate::net::redact::clip;

/// Writes the request's attributes. Returns the span's name.
pub(super) fn start(
    settings: &Settings,
    request: &CallRequest<'_>,
) -> (Cow<'static, str>, Vec<KeyValue>) {
    let head = &request.head;
    let mut attributes = Vec::with_capacity(10);
    let operation = match request.protocol {
        Protocol::Grpc => {
            attributes.push(KeyValue::new(keys::RPC_SYSTEM, "grpc"));
            clip(head.path()).to_owned()
        }
        Protocol::Http => {
            let template = match (request.path_template, &request.route) {
                (Some(template), _) => template.0.to_string(),
                (None, Some(route)) => route.to_string(),
                (None, None) => raw_path(settings, request),
            };
            let operation = match request.operation {
                Some(operation) => operation.0.to_string(),
                None => template.clone(),
            };
            let method = clip(head.method().as_str()).to_owned();
            attributes.push(KeyValue::new(keys::HTTP_METHOD, method));
            attributes.push(KeyValue::new(keys::HTTP_ROUTE, template));
            attributes.push(KeyValue::new(
                keys::HTTP_TARGET,
                clip(head.path()).to_owned(),
            ));
            attributes.push(KeyValue::new(keys::RPC_SYSTEM, "http"));
            operation
        }
    };
    match operation.trim_start_matches('/').split_once('/') {
        Some((service, method)) => {
            for (key, part) in [(keys::RPC_SERVICE, service), (keys::RPC_METHOD, method)] {
                if !part.is_empty() {
                    attributes.push(KeyValue::new(key, part.to_owned()));
                }
            }
        }
        None => attributes.push(KeyValue::new(keys::RPC_OPERATION, operation.clone())),
    }
    if let Some((ip, port)) = peer(request) {
        attributes.push(KeyValue::new(keys::NET_PEER_IP, ip));
        attributes.push(KeyValue::new(keys::NET_PEER_PORT, port));
    }
    if let Some(caller) = request.caller {
        attributes.push(KeyValue::new(keys::PEER_SERVICE, caller.to_owned()));
    }
    (Cow::Owned(operation), attributes)
}

/// A client's raw path includes the query, as in Kratos, but with credentials redacted.
fn raw_path(settings: &Settings, request: &CallRequest<'_>) -> String {
    let uri = request.head.uri();
    match (&request.kind, uri.path_and_query()) {
        (SpanKind::Client, Some(path)) => {
            clip(&settings.redaction.redact(path.as_str())).to_owned()
        }
        _ => clip(uri.path()).to_owned(),
    }
}

/// Address and port of the peer. Both are strings, and a client's address may be a name.
fn peer(request: &CallRequest<'_>) -> Option<(String, String)> {
    if request.kind != SpanKind::Client {
        let peer = request.peer?;
        return Some((
            Address::of(peer).as_str().to_owned(),
            peer.port().to_string(),
        ));
    }
    let (host, port) = request.server()?;
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    Some((host.to_owned(), port?.to_string()))
}

/// The attributes of a slice that is followed by another. Kratos has no such attributes.
pub(super) fn slice(response: &CallResponse) -> Vec<KeyValue> {
    let number = response.slice.map(i64::from);
    number
        .map(|number| KeyValue::new(LIANLU_STREAM_SLICE, number))
        .into_iter()
        .collect()
}

pub(super) fn end(response: &CallResponse, into: &mut AttributeWriter<'_>) -> Ended {
    let error = match response.protocol {
        Protocol::Grpc => grpc_error(response),
        Protocol::Http => http_error(response),
    };
    let mut status = Status::Ok;
    let mut attributes = slice(response);
    let mut event = None;
    if let Some(error) = &error {
        event = Some((
            exception::EVENT,
            vec![
                KeyValue::new(exception::EXCEPTION_TYPE, error.class.clone()),
                KeyValue::new(exception::EXCEPTION_MESSAGE, error.message.clone()),
            ],
        ));
        let code = KeyValue::new(keys::RPC_STATUS_CODE, error.code);
        attributes.push(code);
        status = Status::error(error.message.clone());
    }
    if response.protocol == Protocol::Grpc {
        // A failed call has no reply, which Kratos measures as a message of 0 bytes.
        let reply = response.responses.map(|totals| match error {
            Some(_) => (0, 0),
            None => totals,
        });
        let (received, sent) = if response.kind == SpanKind::Client {
            (reply, response.requests)
        } else {
            (response.requests, reply)
        };
        for (key, totals) in [(keys::RECV_MSG_SIZE, received), (keys::SEND_MSG_SIZE, sent)] {
            if let Some((_, bytes)) = totals {
                attributes.push(KeyValue::new(key, count(bytes)));
            }
        }
    }
    into.extend(attributes);
    Ended {
        name: None,
        status,
        event,
    }
}

struct Error {
    /// Kratos has one set of codes for both transports, modelled on HTTP status codes.
    code: i64,
    class: Cow<'static, str>,
    message: String,
}

fn grpc_error(response: &CallResponse) -> Option<Error> {
    let status = response.grpc_status()?;
    if status.code == Code::Ok {
        return None;
    }
    Some(Error {
        code: http_like(status.code),
        class: "*status.Error".into(),
        message: format!(
            "rpc error: code = {} desc = {}",
            status.code.go_name(),
            status.message
        ),
    })
}

fn http_error(response: &CallResponse) -> Option<Error> {
    let (code, message) = match &response.failure {
        Some(Failure::Error { class, message, .. }) => {
            return Some(Error {
                code: 500,
                class: class.clone(),
                message: message.clone(),
            });
        }
        Some(Failure::Panic(_)) => (500, "panic".to_owned()),
        Some(Failure::Dropped) => (499, "context canceled".to_owned()),
        Some(Failure::Deadline) => (504, "context deadline exceeded".to_owned()),
        None => {
            // Kratos's client treats every status but 2xx as an error.
            let is_client = response.kind == SpanKind::Client;
            let status = response
                .http_status
                .filter(|status| status.as_u16() >= 400 || (is_client && !status.is_success()))?;
            let reason = status.canonical_reason().unwrap_or_default();
            (status.as_u16(), reason.to_owned())
        }
    };
    // The message of a Kratos error. Its reason and metadata are in the body, which is not read.
    Some(Error {
        code: i64::from(code),
        class: "*errors.Error".into(),
        message: format!(
            "error: code = {code} reason =  message = {message} metadata = map[] cause = <nil>"
        ),
    })
}

/// The table of Kratos's `transport/http/status`.
fn http_like(code: Code) -> i64 {
    match code {
        Code::Ok => 200,
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::DeadlineExceeded => 504,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::PermissionDenied => 403,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::Unauthenticated => 401,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
    }
}
