//! The data of a call when it starts.

use std::borrow::Cow;
use std::net::SocketAddr;

use lianlu_wire::authority::Authority;
use opentelemetry::StringValue;
use opentelemetry::trace::SpanKind;

use super::methods::Method;
use super::settings::Settings;
use super::signals::Style;
use super::surface::{Protocol, Surface};
use super::target::Target;
use crate::call::hints::CallHints;
use crate::known_headers::KnownHeaders;
use crate::kratos::{Operation, PathTemplate};
use crate::net::forwarded::Origin;
use crate::request::RequestHead;

/// The data of a call when it starts.
#[derive(Debug)]
pub(crate) struct CallRequest<'a> {
    pub(crate) kind: SpanKind,
    pub(crate) protocol: Protocol,
    pub(crate) head: RequestHead<'a>,
    pub(crate) headers: &'a KnownHeaders<'a>,
    /// The route's template, on servers if known.
    pub(crate) route: Option<StringValue>,
    /// The hints of a client's caller.
    pub(crate) hints: CallHints,
    /// The socket's peer address, on servers if known.
    pub(crate) peer: Option<SocketAddr>,
    /// The socket's local address, on servers if known.
    pub(crate) local: Option<SocketAddr>,
    /// `tcp` or `unix`, if known.
    pub(crate) transport: Option<&'static str>,
    /// The client and the requested host, as reported by trusted proxies.
    pub(crate) origin: Origin<'a>,
    /// The target of a client's calls, if configured.
    pub(crate) target: Option<&'a Target>,
    /// The name that the calling service sends.
    pub(crate) caller: Option<&'a str>,
    /// Kratos's name for the call, if user code has set it.
    pub(crate) operation: Option<&'a Operation>,
    /// Kratos's template of the path, if user code has set it.
    pub(crate) path_template: Option<&'a PathTemplate>,
    /// Whether metrics are recorded, and active requests among them.
    pub(crate) metrics: bool,
    pub(crate) active: bool,
}

impl CallRequest<'_> {
    /// Host and port of the call's server: the configured target, else what trusted proxies report,
    /// else the authority of the request. An empty name counts as missing.
    pub(super) fn server(&self) -> Option<(&str, Option<u16>)> {
        if let Some(target) = self.target {
            return Some((&target.host, target.port));
        }
        if let Some(host) = &self.origin.host {
            return Some((host, self.origin.port));
        }
        let authority = authority(&self.head, self.headers);
        let Authority { host, port } = Authority::split(authority?);
        (!host.is_empty()).then_some((host, port))
    }

    pub(super) fn style(&self, settings: &Settings) -> Style {
        Style {
            surface: Surface::of(&self.kind, self.protocol),
            conventions: settings.generation(self.protocol),
            opt_ins: settings.opt_ins,
            metrics: self.metrics,
            active: self.active,
        }
    }
}

/// The authority of a request: `:authority` or that of an absolute URI, else `Host`.
#[inline]
pub(crate) fn authority<'a>(head: &RequestHead<'a>, headers: &KnownHeaders<'a>) -> Option<&'a str> {
    match head.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.host(),
    }
}

/// The description of a call: its span's name, and what its end needs.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: Cow<'static, str>,
    pub(crate) info: CallInfo,
    /// How many attributes are the same for all calls like this one. Those that differ from call to
    /// call (path, query, URL) follow them.
    pub(crate) shared: usize,
}

/// What the end of a call needs from its start.
#[derive(Debug, Clone)]
pub(crate) struct CallInfo {
    pub(crate) style: Style,
    /// The HTTP method, as used in a span's name.
    pub(crate) http_method: Cow<'static, str>,
    pub(crate) has_route: bool,
    pub(crate) grpc_method: Method,
}
