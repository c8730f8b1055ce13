//! Entity references of resources.

use super::ReadError;
use super::field::FieldNames;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};

/// An entity that a resource describes, by its attribute keys. In development upstream.
///
/// See [entities](https://opentelemetry.io/docs/specs/otel/entities/data-model/).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EntityRef<'a> {
    message: Input<'a>,
    /// Schema URL of the entity's conventions; empty when unknown.
    pub schema_url: &'a str,
    /// Such as `service` or `host`. Field `type`.
    pub entity_type: &'a str,
}

impl<'a> EntityRef<'a> {
    /// Field 3: the keys that identify it.
    #[inline]
    pub fn id_keys(&self) -> Repeated<'a, &'a str> {
        Repeated::new(self.message, 0x1a, FIELDS)
    }

    /// Field 4: the keys that describe it.
    #[inline]
    pub fn description_keys(&self) -> Repeated<'a, &'a str> {
        Repeated::new(self.message, 0x22, FIELDS)
    }
}

impl<'a> Element<'a> for EntityRef<'a> {
    fn read(Message(message): Message<'a>) -> Result<Self, ReadError> {
        let mut this = Self {
            message,
            schema_url: "",
            entity_type: "",
        };
        let mut rest = message;
        while let Some(tag) = rest.tag()? {
            match tag {
                0x0a => this.schema_url = rest.text(tag, FIELDS)?,
                0x12 => this.entity_type = rest.text(tag, FIELDS)?,
                0x1a | 0x22 => rest.skip(tag)?,
                _ => rest.unknown(tag, FIELDS)?,
            }
        }
        Ok(this)
    }
}

impl<'a> Element<'a> for &'a str {
    fn read(Message(text): Message<'a>) -> Result<Self, ReadError> {
        text.utf8().map_err(|at| ReadError::Utf8 {
            at,
            field: "EntityRef.id_keys or description_keys",
        })
    }
}

static FIELDS: FieldNames = &[
    "",
    "EntityRef.schema_url",
    "EntityRef.type",
    "EntityRef.id_keys",
    "EntityRef.description_keys",
];
