//! The middle level: the spans of one instrumentation scope.

use super::field::FieldNames;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::run::RawSpans;
use super::{KeyValue, ReadError, Span};

/// The spans of one scope.
#[derive(Clone, Copy, Debug)]
pub struct ScopeSpans<'a> {
    message: Input<'a>,
    scope: Option<Scope<'a>>,
    schema_url: &'a str,
}

impl<'a> ScopeSpans<'a> {
    /// The instrumentation scope that made the spans. An unnamed one when it is absent.
    #[inline]
    #[must_use]
    pub fn scope(&self) -> Scope<'a> {
        self.scope.unwrap_or_else(Scope::absent)
    }

    /// Whether a scope is present, even an empty one.
    #[inline]
    #[must_use]
    pub fn has_scope(&self) -> bool {
        self.scope.is_some()
    }

    /// Schema URL of the spans' conventions; empty when unknown.
    #[inline]
    #[must_use]
    pub fn schema_url(&self) -> &'a str {
        self.schema_url
    }

    /// Field 2.
    #[inline]
    pub fn spans(&self) -> Repeated<'a, Span<'a>> {
        Repeated::new(self.message, 0x12, FIELDS)
    }

    /// The same spans as bytes, each with tag and length as received.
    #[inline]
    pub fn raw_spans(&self) -> RawSpans<'a> {
        RawSpans::new(self.message)
    }
}

impl<'a> Element<'a> for ScopeSpans<'a> {
    fn read(Message(message): Message<'a>) -> Result<Self, ReadError> {
        let mut this = Self {
            message,
            scope: None,
            schema_url: "",
        };
        let mut rest = message;
        while let Some(tag) = rest.tag()? {
            match tag {
                0x0a => this.scope = Some(Scope::read(rest.delimited()?)?),
                0x12 => rest.skip(tag)?,
                0x1a => this.schema_url = rest.text(tag, FIELDS)?,
                _ => rest.unknown(tag, FIELDS)?,
            }
        }
        Ok(this)
    }
}

/// The instrumentation that made spans: an `InstrumentationScope`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scope<'a> {
    message: Input<'a>,
    /// The library's name, by convention the crate name.
    pub name: &'a str,
    /// The library's version; empty when unknown.
    pub version: &'a str,
    /// Number of dropped attributes.
    pub dropped_attributes: u32,
}

impl<'a> Scope<'a> {
    /// Reads a standalone `InstrumentationScope`, without tag and length.
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
                0x0a => this.name = rest.text(tag, SCOPE)?,
                0x12 => this.version = rest.text(tag, SCOPE)?,
                0x1a => rest.skip(tag)?,
                0x20 => this.dropped_attributes = rest.uint32()?,
                _ => rest.unknown(tag, SCOPE)?,
            }
        }
        Ok(this)
    }

    fn absent() -> Self {
        Self {
            message: Input::new(&[]),
            name: "",
            version: "",
            dropped_attributes: 0,
        }
    }

    /// The message, without tag and length.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.message.bytes()
    }

    /// Field 3.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.message, 0x1a, SCOPE)
    }
}

static FIELDS: FieldNames = &[
    "",
    "ScopeSpans.scope",
    "ScopeSpans.spans",
    "ScopeSpans.schema_url",
];

static SCOPE: FieldNames = &[
    "",
    "InstrumentationScope.name",
    "InstrumentationScope.version",
    "InstrumentationScope.attributes",
    "InstrumentationScope.dropped_attributes_count",
];
