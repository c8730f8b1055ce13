//! The outer levels: a request, grouped by resource.

use super::field::FieldNames;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::{EntityRef, KeyValue, ReadError, ScopeSpans};

/// An `ExportTraceServiceRequest`, which has the same bytes as a `TracesData`.
///
/// See
/// [trace_service.proto](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/collector/trace/v1/trace_service.proto).
///
/// # Examples
///
/// ```
/// use lianlu_wire::otlp::Request;
///
/// # let body = [];
/// for resource_spans in Request::new(&body).resource_spans() {
///     for scope_spans in resource_spans?.scope_spans() {
///         for span in scope_spans?.spans() {
///             let span = span?;
///             println!("{} took {} ns", span.name, span.end_unix_nanos - span.start_unix_nanos);
///             for attribute in span.attributes() {
///                 println!("  {:?}", attribute?);
///             }
///         }
///     }
/// }
/// # Ok::<(), lianlu_wire::otlp::ReadError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a>(Input<'a>);

impl<'a> Request<'a> {
    /// A view of a request. Reads nothing yet; an empty input is an empty request.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Input::new(bytes))
    }

    /// Field 1.
    #[inline]
    pub fn resource_spans(&self) -> Repeated<'a, ResourceSpans<'a>> {
        Repeated::new(self.0, 0x0a, REQUEST)
    }
}

/// The spans of one resource.
#[derive(Clone, Copy, Debug)]
pub struct ResourceSpans<'a> {
    message: Input<'a>,
    resource: Option<Resource<'a>>,
    schema_url: &'a str,
}

impl<'a> ResourceSpans<'a> {
    /// The resource that produced the spans. An empty one when it is absent.
    #[inline]
    #[must_use]
    pub fn resource(&self) -> Resource<'a> {
        self.resource.unwrap_or_else(Resource::absent)
    }

    /// Whether a resource is present, even an empty one.
    #[inline]
    #[must_use]
    pub fn has_resource(&self) -> bool {
        self.resource.is_some()
    }

    /// Schema URL of the resource's conventions; empty when unknown.
    #[inline]
    #[must_use]
    pub fn schema_url(&self) -> &'a str {
        self.schema_url
    }

    /// Field 2.
    #[inline]
    pub fn scope_spans(&self) -> Repeated<'a, ScopeSpans<'a>> {
        Repeated::new(self.message, 0x12, FIELDS)
    }
}

impl<'a> Element<'a> for ResourceSpans<'a> {
    fn read(Message(message): Message<'a>) -> Result<Self, ReadError> {
        let mut this = Self {
            message,
            resource: None,
            schema_url: "",
        };
        let mut rest = message;
        while let Some(tag) = rest.tag()? {
            match tag {
                0x0a => this.resource = Some(Resource::read(rest.delimited()?)?),
                0x12 => rest.skip(tag)?,
                0x1a => this.schema_url = rest.text(tag, FIELDS)?,
                _ => rest.unknown(tag, FIELDS)?,
            }
        }
        Ok(this)
    }
}

/// The producer of spans: a service, its process and its host, as attributes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Resource<'a> {
    message: Input<'a>,
    /// Number of dropped attributes.
    pub dropped_attributes: u32,
}

impl<'a> Resource<'a> {
    /// Reads a standalone `Resource`, without tag and length.
    ///
    /// # Errors
    ///
    /// [`ReadError`] with the byte offset at which the message is malformed. Attributes are not
    /// read yet.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(Input::new(bytes))
    }

    fn read(message: Input<'a>) -> Result<Self, ReadError> {
        let mut this = Self {
            message,
            ..Self::absent()
        };
        let mut rest = message;
        while let Some(tag) = rest.tag()? {
            match tag {
                0x0a | 0x1a => rest.skip(tag)?,
                0x10 => this.dropped_attributes = rest.uint32()?,
                _ => rest.unknown(tag, RESOURCE)?,
            }
        }
        Ok(this)
    }

    fn absent() -> Self {
        Self {
            message: Input::new(&[]),
            dropped_attributes: 0,
        }
    }

    /// The message, without tag and length.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.message.bytes()
    }

    /// Field 1.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.message, 0x0a, RESOURCE)
    }

    /// Field 3: the entities that the attributes identify.
    #[inline]
    pub fn entity_refs(&self) -> Repeated<'a, EntityRef<'a>> {
        Repeated::new(self.message, 0x1a, RESOURCE)
    }
}

static REQUEST: FieldNames = &["", "ExportTraceServiceRequest.resource_spans"];

static FIELDS: FieldNames = &[
    "",
    "ResourceSpans.resource",
    "ResourceSpans.scope_spans",
    "ResourceSpans.schema_url",
];

static RESOURCE: FieldNames = &[
    "",
    "Resource.attributes",
    "Resource.dropped_attributes_count",
    "Resource.entity_refs",
];
