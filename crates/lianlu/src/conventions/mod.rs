//! Which name, kind, attributes, status and labels a call's span and metrics get.
//!
//! [`table`] says which attribute goes where, one row each; [`http_spans`] and [`grpc_spans`] hand it the
//! values through a [`sink`], [`verdict`] decides what is an error, and [`kratos`] is the compatibility
//! mode. The layers hand over what they know at the start and at the end of a call; nothing here touches
//! the request or the response.

pub(crate) mod address;
mod datum;
pub(crate) mod description;
#[cfg(feature = "pipeline")]
pub(crate) mod familiar;
mod grpc_spans;
pub(crate) mod headers;
mod hosts;
mod http_spans;
pub(crate) mod keys;
mod kratos;
#[cfg(feature = "pipeline")]
mod memo;
pub(crate) mod methods;
pub(crate) mod names;
pub(crate) mod opt_in;
pub(crate) mod settings;
pub(crate) mod sink;
pub(crate) mod stability;
mod table;
pub(crate) mod target;
#[cfg(feature = "pipeline")]
pub(crate) mod usual;
pub(crate) mod verdict;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use opentelemetry::trace::{SpanKind, Status as SpanStatus};
use opentelemetry::{KeyValue, StringValue};

use crate::grpc::{Code, Status};
use crate::kratos::{Operation, PathTemplate};
use crate::net::forwarded::Origin;
use crate::net::redact::clip;
use crate::request::RequestHead;
use crate::scan::Scan;
use crate::told::Told;
use address::Address;
use datum::fixed;
use description::Description;
use methods::Method;
use settings::Settings;
use sink::{Labels, Part, Sink, Style};
use table::Surface;
use target::Target;
use verdict::Verdict;

/// Stands for what the conventions, or a list of known names, don't know.
pub(crate) const OTHER: &str = "_OTHER";

/// Which names and keys spans have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenTelemetry,
    Kratos,
}

/// What a call speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// What is known when a call starts.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) kind: SpanKind,
    pub(crate) protocol: Protocol,
    pub(crate) head: RequestHead<'a>,
    pub(crate) scan: &'a Scan<'a>,
    /// The route's template, on servers that have one.
    pub(crate) route: Option<StringValue>,
    /// What a client's caller said about the call.
    pub(crate) told: Told,
    /// The socket's other end, on servers that tell.
    pub(crate) peer: Option<SocketAddr>,
    /// The socket's own end, on servers that tell.
    pub(crate) local: Option<SocketAddr>,
    /// `tcp` or `unix`, where it is known.
    pub(crate) transport: Option<&'static str>,
    /// Who called, and what for, as trusted proxies tell.
    pub(crate) origin: Origin<'a>,
    /// Where a client's calls go, if the user said so.
    pub(crate) target: Option<&'a Target>,
    /// The calling service's name for itself.
    pub(crate) caller: Option<&'a str>,
    /// What Kratos's dialect calls the call, if somebody said so.
    pub(crate) operation: Option<&'a Operation>,
    /// The path's template in Kratos's dialect, if somebody said so.
    pub(crate) path_template: Option<&'a PathTemplate>,
    /// Whether metrics are recorded, and active requests among them.
    pub(crate) metrics: bool,
    pub(crate) active: bool,
}

impl Start<'_> {
    /// Host and port of the call's server: what the user said, else what trusted proxies say that the
    /// request asked for, else what it asks for. A name that is empty names nobody.
    fn server(&self) -> Option<(&str, Option<u16>)> {
        if let Some(target) = self.target {
            return Some((&target.host, target.port));
        }
        if let Some(host) = &self.origin.host {
            return Some((host, self.origin.port));
        }
        let authority = self.authority().map(target::split_authority);
        authority.filter(|(host, _)| !host.is_empty())
    }

    /// As [`RequestHead::authority`].
    fn authority(&self) -> Option<&str> {
        match self.head.uri().authority() {
            Some(authority) => Some(authority.as_str()),
            None => self.scan.host(),
        }
    }

    fn style(&self, settings: &Settings) -> Style {
        Style {
            surface: Surface::of(&self.kind, self.protocol),
            conventions: settings.conventions(self.protocol),
            opt_ins: settings.opt_ins,
            metrics: self.metrics,
            active: self.active,
        }
    }
}

/// A span at its start, and what the end needs to know of it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: Cow<'static, str>,
    pub(crate) carried: Carried,
    /// How many bytes of the attributes, and how many attributes, are the call's own: no other has the same. They come
    /// last.
    #[cfg(feature = "pipeline")]
    pub(crate) own: (usize, u32),
}

/// What the end of a call knows from its start.
#[derive(Debug)]
pub(crate) struct Carried {
    style: Style,
    /// What stands for an HTTP method in a name.
    http_method: Cow<'static, str>,
    has_route: bool,
    /// Whether the labels of the start are still to be written.
    #[cfg(feature = "pipeline")]
    labels_later: bool,
    grpc_method: Method,
    /// What it is like, where that is known beforehand.
    #[cfg(feature = "pipeline")]
    pub(crate) usual: Option<usual::Usual>,
}

/// Why a call ended without its regular end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service or the body gave an error.
    Error {
        /// A class of errors, of low cardinality.
        class: Cow<'static, str>,
        /// For people; free of credentials.
        message: String,
        /// The gRPC status that the error stands for.
        code: Option<Code>,
    },
    /// The future or the body was dropped before its end.
    Dropped,
    /// The same, and the call's deadline had passed.
    Deadline,
    /// The service or the body panicked.
    Panic,
}

/// Messages and bytes of one direction.
pub(crate) type Totals = Option<(u64, u64)>;

/// What is known when a call has ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) kind: SpanKind,
    pub(crate) protocol: Protocol,
    pub(crate) http_status: Option<http::StatusCode>,
    /// The response's.
    pub(crate) version: Option<http::Version>,
    /// Whom a client has reached.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) grpc_status: Option<Status>,
    /// Whether the status of a gRPC call can't be known: the span ended before it came, or it was in a
    /// text that can't be read.
    pub(crate) is_unreadable: bool,
    pub(crate) failure: Option<Failure>,
    /// Of a gRPC call.
    pub(crate) requests: Totals,
    pub(crate) responses: Totals,
    /// Of an HTTP call.
    pub(crate) request_size: Option<u64>,
    pub(crate) response_size: Option<u64>,
    /// A server's route, if it became known after the start.
    pub(crate) late_route: Option<StringValue>,
    /// Which slice of a stream this is, if it is sliced.
    pub(crate) slice: Option<u32>,
}

impl End {
    /// The status of a gRPC call, also of one that never got to say it. `None` if it can't be known.
    pub(crate) fn grpc_status(&self) -> Option<Status> {
        let silent = |code| Status {
            code,
            message: String::new(),
        };
        match &self.failure {
            Some(Failure::Error { code, message, .. }) => Some(Status {
                code: code.unwrap_or(Code::Unknown),
                message: message.clone(),
            }),
            Some(Failure::Deadline) => Some(silent(Code::DeadlineExceeded)),
            Some(Failure::Panic) => Some(Status {
                code: Code::Unknown,
                message: "panic".to_owned(),
            }),
            Some(Failure::Dropped) => {
                Some(self.answer().unwrap_or_else(|| silent(Code::Cancelled)))
            }
            None if self.is_unreadable => self.answer(),
            None => Some(self.answer().unwrap_or_else(|| silent(Code::Unknown))),
        }
    }

    /// What the response has said: its status, or that it is none of gRPC's.
    fn answer(&self) -> Option<Status> {
        if let Some(status) = &self.grpc_status {
            return Some(status.clone());
        }
        let status = self.http_status.filter(|status| !status.is_success())?;
        Some(Status {
            code: Code::from_http(status),
            message: String::new(),
        })
    }

    /// Whether the call was given up before it had an answer.
    pub(crate) fn is_cancelled(&self) -> bool {
        match (&self.failure, self.protocol) {
            (Some(Failure::Dropped), Protocol::Grpc) => self.answer().is_none(),
            (Some(Failure::Dropped | Failure::Deadline), Protocol::Http) => true,
            _ => false,
        }
    }
}

/// What a span gets at its end.
#[derive(Debug)]
pub(crate) struct Ended {
    /// A better name than that of the start.
    pub(crate) name: Option<Cow<'static, str>>,
    /// Whether an attribute of the start has got another value.
    pub(crate) repeats: bool,
    pub(crate) status: SpanStatus,
    pub(crate) event: Option<(&'static str, Vec<KeyValue>)>,
}

/// Describes a call for its span, in `attributes`, and for its metrics, in `labels`.
pub(crate) fn start(
    settings: &Settings,
    start: &Start<'_>,
    attributes: &mut Description<'_>,
    labels: &mut Labels,
) -> Described {
    let is_kratos = settings.dialect == Dialect::Kratos;
    let mut nothing = Description::Nothing;
    let wanted = if is_kratos {
        &mut nothing
    } else {
        &mut *attributes
    };
    let mut sink = Sink::new(start.style(settings), wanted.again(), labels);
    let mut described = match start.protocol {
        Protocol::Http => http_spans::start(settings, start, &mut sink),
        Protocol::Grpc => grpc_spans::start(settings, start, &mut sink),
    };
    if is_kratos {
        let (name, list) = kratos::start(settings, start);
        described.name = name;
        attributes.extend(list);
    }
    described
}

/// Describes how a call ended. The labels of its metrics are completed.
pub(crate) fn end(
    settings: &Settings,
    carried: &Carried,
    end: &End,
    verdict: &Verdict,
    attributes: &mut Description<'_>,
    labels: &mut Labels,
) -> Ended {
    let is_kratos = settings.dialect == Dialect::Kratos;
    let mut nothing = Description::Nothing;
    let wanted = if is_kratos {
        &mut nothing
    } else {
        &mut *attributes
    };
    let mut sink = Sink::new(carried.style, wanted.again(), labels);
    let name = match end.protocol {
        Protocol::Http => http_spans::end(carried, end, &mut sink),
        Protocol::Grpc => grpc_spans::end(settings, carried, end, &mut sink),
    };
    contacted(end, &mut sink);
    if let Some(error_type) = &verdict.error_type {
        sink.put(&table::ERROR_TYPE, error_type);
    }
    if let Some(slice) = end.slice {
        sink.span(&table::LIANLU_STREAM_SLICE, i64::from(slice));
    }
    if verdict.is_cancelled {
        sink.span(&table::LIANLU_CANCELLED, true);
    }
    if is_kratos {
        return kratos::end(end, attributes);
    }
    Ended {
        // A method that turned out to be none has two names.
        repeats: name.is_some(),
        name,
        status: if verdict.is_error {
            SpanStatus::error(verdict.message.clone())
        } else {
            SpanStatus::Unset
        },
        event: None,
    }
}

/// Takes note of a call that nobody records or measures: its answer shows whether there is such a method.
pub(crate) fn learn(settings: &Settings, carried: &Carried, end: &End) {
    if end.protocol == Protocol::Grpc {
        grpc_spans::learn(settings, carried, end);
    }
}

/// A better name, if there is one, and the attributes of a slice that is followed by another. It has no
/// status of gRPC's and no error, which come last, and no labels: the metrics know one call.
pub(crate) fn slice(
    settings: &Settings,
    carried: &Carried,
    end: &End,
) -> (Option<Cow<'static, str>>, Vec<KeyValue>) {
    if settings.dialect == Dialect::Kratos {
        return (None, kratos::slice(end));
    }
    let mut style = carried.style;
    style.metrics = false;
    let mut attributes = Vec::new();
    let mut labels = Labels::default();
    let mut sink = Sink::new(style, Description::KeyValues(&mut attributes), &mut labels);
    let name = match end.protocol {
        Protocol::Http => http_spans::end(carried, end, &mut sink),
        Protocol::Grpc => {
            grpc_spans::messages(end.requests, end.responses, &mut sink);
            None
        }
    };
    contacted(end, &mut sink);
    if let Some(slice) = end.slice {
        sink.span(&table::LIANLU_STREAM_SLICE, i64::from(slice));
    }
    (name, attributes)
}

/// Host and port of a call's server, on the span and where they are wanted on the metrics. Hosts that
/// users or callers name must not make series without end.
fn server_attributes(
    settings: &Settings,
    host: &str,
    server_port: Option<u16>,
    sink: &mut Sink<'_>,
) {
    sink.span(&table::SERVER_ADDRESS, clip(host));
    if let Some(server_port) = server_port {
        sink.span(&table::SERVER_PORT, port(server_port));
    }
    if !sink.labels(&table::SERVER_ADDRESS) {
        return;
    }
    if settings.hosts.admit(clip(host), server_port) {
        sink.label(&table::SERVER_ADDRESS, clip(host));
        if let Some(server_port) = server_port {
            sink.label(&table::SERVER_PORT, port(server_port));
        }
    } else {
        sink.label(&table::SERVER_ADDRESS, fixed(OTHER));
    }
}

/// As [`server_attributes`], of whatever is known of the server.
fn server(settings: &Settings, start: &Start<'_>, scheme: Option<&str>, sink: &mut Sink<'_>) {
    let write = |sink: &mut Sink<'_>| {
        if let Some((host, explicit)) = start.server() {
            let default = || target::default_port(scheme?);
            server_attributes(settings, host, explicit.or_else(default), sink);
        }
    };
    // What stands on metrics is not for the bytes alone, and what a client asks for hangs on more.
    let is_asked = start.target.is_none() && start.origin.host.is_none() && scheme.is_none();
    match start.authority() {
        Some(authority) if is_asked && !sink.labels(&table::SERVER_ADDRESS) => {
            sink.remembered(Part::Server, authority, 0, write);
        }
        _ => write(sink),
    }
}

/// Whom a client has reached.
fn contacted(end: &End, sink: &mut Sink<'_>) {
    if let Some(peer) = end.peer.filter(|_| end.kind == SpanKind::Client) {
        peer_attributes(peer, sink);
    }
}

/// The socket's other end.
fn peer_attributes(peer: SocketAddr, sink: &mut Sink<'_>) {
    let write = |sink: &mut Sink<'_>| {
        sink.span(&table::NETWORK_PEER_ADDRESS, Address::of(peer).as_str());
        sink.span(&table::NETWORK_PEER_PORT, port(peer.port()));
    };
    match peer.ip() {
        IpAddr::V4(ip) => {
            let number = u64::from(ip.to_bits()) << 16 | u64::from(peer.port());
            sink.remembered(Part::Peer, "", number, write);
        }
        IpAddr::V6(_) => write(sink),
    }
}

fn port(port: u16) -> i64 {
    i64::from(port)
}

pub(crate) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
