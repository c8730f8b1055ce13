//! Determines the name, kind, attributes, status and labels of a call's span and metrics.
//!
//! In levels, each of which uses only the lower ones:
//!
//! 1. [`keys`], [`table`] (the place of each attribute), [`surface`], [`stability`], [`opt_in`];
//! 2. [`writer`], [`value`], [`labels`], and [`signals`], which reads the table and writes to both;
//! 3. [`request`], [`response`] and [`outcome`]: the data of a call, and what is an error;
//! 4. [`http`], [`grpc`], [`kratos`] and [`network`]: apply the conventions to that data;
//! 5. [`template`]: keeps the result of one description for similar calls.
//!
//! [`start`] and [`end`] are the entry points.

pub(crate) mod address;
mod grpc;
pub(crate) mod headers;
mod hosts;
mod http;
pub(crate) mod interner;
pub(crate) mod keys;
mod kratos;
pub(crate) mod labels;
pub(crate) mod methods;
mod network;
pub(crate) mod opt_in;
pub(crate) mod outcome;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod settings;
pub(crate) mod signals;
pub(crate) mod stability;
pub(crate) mod surface;
mod table;
pub(crate) mod target;
pub(crate) mod template;
mod value;
pub(crate) mod writer;

use std::borrow::Cow;
use std::net::SocketAddr;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status as SpanStatus};

use labels::Labels;
use outcome::Classification;
use request::{CallInfo, CallRequest, Described};
use response::CallResponse;
use settings::Settings;
use signals::{SignalWriter, Style};
use surface::{Dialect, Protocol};
use target::Target;
use writer::AttributeWriter;

use crate::request::RequestHead;

/// The changes to a span at its end, besides attributes.
#[derive(Debug)]
pub(crate) struct Ended {
    /// A better name than the one at the start.
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) status: SpanStatus,
    pub(crate) event: Option<(&'static str, Vec<KeyValue>)>,
}

/// Describes a call for its span, in `attributes`, and for its metrics, in `labels`.
pub(crate) fn start(
    settings: &Settings,
    request: &CallRequest<'_>,
    attributes: &mut AttributeWriter<'_>,
    labels: &mut Labels,
) -> Described {
    let is_kratos = settings.dialect == Dialect::Kratos;
    let mut nothing = AttributeWriter::Nothing;
    let wanted = if is_kratos {
        &mut nothing
    } else {
        &mut *attributes
    };
    let mut out = SignalWriter::new(request.style(settings), wanted.reborrow(), labels);
    let mut described = match request.protocol {
        Protocol::Http => http::start(settings, request, &mut out),
        Protocol::Grpc => grpc::start(settings, request, &mut out),
    };
    if is_kratos {
        let (name, list) = kratos::start(settings, request);
        described.name = name;
        attributes.extend(list);
    }
    described
}

/// Describes how a call ended, and completes the labels of its metrics.
pub(crate) fn end(
    settings: &Settings,
    info: &CallInfo,
    response: &CallResponse,
    classification: &Classification,
    attributes: &mut AttributeWriter<'_>,
    labels: &mut Labels,
) -> Ended {
    let is_kratos = settings.dialect == Dialect::Kratos;
    let mut nothing = AttributeWriter::Nothing;
    let wanted = if is_kratos {
        &mut nothing
    } else {
        &mut *attributes
    };
    let mut out = SignalWriter::new(info.style, wanted.reborrow(), labels);
    let name = match response.protocol {
        Protocol::Http => http::end(info, response, &mut out),
        Protocol::Grpc => grpc::end(settings, info, response, &mut out),
    };
    network::contacted(response, &mut out);
    if let Some(error_type) = &classification.error_type {
        out.put(&table::ERROR_TYPE, error_type);
    }
    if let Some(slice) = response.slice {
        out.span(&table::LIANLU_STREAM_SLICE, i64::from(slice));
    }
    if classification.is_cancelled {
        out.span(&table::LIANLU_CANCELLED, true);
    }
    if is_kratos {
        return kratos::end(response, attributes);
    }
    Ended {
        name,
        status: if classification.is_error {
            SpanStatus::error(classification.message.clone())
        } else {
            SpanStatus::Unset
        },
        event: None,
    }
}

/// The scheme of an HTTP request, ignoring what proxies report.
#[inline]
pub(crate) fn scheme<'a>(
    settings: &Settings,
    kind: &SpanKind,
    head: &RequestHead<'a>,
    target: Option<&Target>,
) -> &'a str {
    match kind {
        SpanKind::Client => http::client_scheme(head, target),
        _ => http::scheme(settings, head),
    }
}

/// Learns from a call that is neither recorded nor measured: its response shows whether its method
/// exists.
pub(crate) fn learn(settings: &Settings, info: &CallInfo, response: &CallResponse) {
    if response.protocol == Protocol::Grpc {
        grpc::learn(settings, info, response);
    }
}

/// A better name, if there is one, and the attributes of a slice that is followed by another. Such
/// a slice has no gRPC status and no error, which come last, and no labels: a call is measured
/// once.
pub(crate) fn slice(
    settings: &Settings,
    info: &CallInfo,
    response: &CallResponse,
) -> (Option<Cow<'static, str>>, Vec<KeyValue>) {
    if settings.dialect == Dialect::Kratos {
        return (None, kratos::slice(response));
    }
    let mut attributes = Vec::new();
    let writer = AttributeWriter::KeyValues(&mut attributes);
    let mut out = SignalWriter::of_span(info.style, writer);
    let name = match response.protocol {
        Protocol::Http => http::end(info, response, &mut out),
        Protocol::Grpc => {
            grpc::messages(response.requests, response.responses, &mut out);
            None
        }
    };
    network::contacted(response, &mut out);
    if let Some(slice) = response.slice {
        out.span(&table::LIANLU_STREAM_SLICE, i64::from(slice));
    }
    (name, attributes)
}

/// Adds the server that a client has reached to an end described by a [`template`].
pub(crate) fn contacted(style: Style, peer: SocketAddr, attributes: &mut AttributeWriter<'_>) {
    // The address is not a label.
    let mut out = SignalWriter::of_span(style, attributes.reborrow());
    network::peer(peer, &mut out);
}

pub(crate) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
