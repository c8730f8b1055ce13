//! The objects of Zipkin's API.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{address, id, tags, text};

/// One side of an operation.
///
/// See [Zipkin's model](https://zipkin.io/zipkin-api/#model-Span).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span<'a> {
    /// The trace, never 0. Written as 32 hex digits, or as 16 when the high 64 bits are 0.
    #[serde(with = "id::trace")]
    pub trace_id: u128,
    /// The parent, `None` for a root span.
    #[serde(default, with = "id::parent", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<u64>,
    /// This span, never 0. Client and server side of a call may share it, see
    /// [`shared`](Self::shared).
    #[serde(with = "id::span")]
    pub id: u64,
    /// The side of a call; `None` for local work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The operation, in lower case by Zipkin's convention. Empty when unknown.
    #[serde(
        borrow,
        default,
        deserialize_with = "text::nullable",
        skip_serializing_if = "str::is_empty"
    )]
    pub name: Cow<'a, str>,
    /// Start, in microseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<u64>,
    /// Duration in microseconds, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// The process that made the span.
    #[serde(
        borrow,
        default,
        deserialize_with = "text::or_default",
        skip_serializing_if = "Endpoint::is_empty"
    )]
    pub local_endpoint: Endpoint<'a>,
    /// The remote side of the call.
    #[serde(
        borrow,
        default,
        deserialize_with = "text::or_default",
        skip_serializing_if = "Endpoint::is_empty"
    )]
    pub remote_endpoint: Endpoint<'a>,
    /// Events.
    #[serde(
        borrow,
        default,
        deserialize_with = "text::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub annotations: Vec<Annotation<'a>>,
    /// Attributes, a JSON object. Duplicate keys are kept.
    #[serde(borrow, default, with = "tags", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Record this trace regardless of the sampler.
    #[serde(
        default,
        deserialize_with = "text::or_default",
        skip_serializing_if = "is_false"
    )]
    pub debug: bool,
    /// The id is that of the caller's span.
    #[serde(
        default,
        deserialize_with = "text::or_default",
        skip_serializing_if = "is_false"
    )]
    pub shared: bool,
}

/// The side of a call that a span describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// The caller.
    Client,
    /// The callee.
    Server,
    /// The sender of a message.
    Producer,
    /// The receiver of a message.
    Consumer,
}

/// A network endpoint of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint<'a> {
    /// Name of the service, in lower case by Zipkin's convention. Empty when unknown.
    #[serde(
        borrow,
        default,
        deserialize_with = "text::nullable",
        skip_serializing_if = "str::is_empty"
    )]
    pub service_name: Cow<'a, str>,
    /// Its IPv4 address.
    #[serde(
        default,
        deserialize_with = "address::lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    #[serde(
        default,
        deserialize_with = "address::lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipv6: Option<Ipv6Addr>,
    /// Its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl Endpoint<'_> {
    /// Whether all fields are absent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An event within a span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation<'a> {
    /// Time, in microseconds since 1970-01-01 UTC.
    pub timestamp: u64,
    /// What happened.
    #[serde(borrow)]
    pub value: Cow<'a, str>,
}

fn is_false(value: &bool) -> bool {
    !*value
}
