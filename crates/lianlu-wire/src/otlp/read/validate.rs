//! Validates untrusted input before it is stored or forwarded.

use super::repeated::{Element, Message, Repeated};
use super::{AnyValue, Event, KeyValue, Link, ReadError, Request, Span};

impl Request<'_> {
    /// Reads the whole request and returns its number of spans. Afterwards no iterator over it
    /// yields an error.
    ///
    /// # Errors
    ///
    /// The first [`ReadError`].
    pub fn validate(&self) -> Result<usize, ReadError> {
        let mut spans = 0;
        for resource_spans in self.resource_spans() {
            let resource_spans = resource_spans?;
            let resource = resource_spans.resource();
            attributes(resource.attributes())?;
            for entity in resource.entity_refs() {
                let entity = entity?;
                each(
                    entity.id_keys().chain(entity.description_keys()),
                    |_| Ok(()),
                )?;
            }
            for scope_spans in resource_spans.scope_spans() {
                let scope_spans = scope_spans?;
                attributes(scope_spans.scope().attributes())?;
                for span in scope_spans.spans() {
                    span?.validate()?;
                    spans += 1;
                }
            }
        }
        Ok(spans)
    }
}

impl Span<'_> {
    /// Reads attributes, events and links. Afterwards no iterator over them yields an error.
    ///
    /// # Errors
    ///
    /// The first [`ReadError`].
    pub fn validate(&self) -> Result<(), ReadError> {
        // One pass over all fields; an iterator per list would make three.
        let mut rest = self.message;
        while let Some(tag) = rest.tag()? {
            match tag {
                0x4a => value(KeyValue::read(Message(rest.delimited()?))?.value)?,
                0x5a => attributes(Event::read(Message(rest.delimited()?))?.attributes())?,
                0x6a => attributes(Link::read(Message(rest.delimited()?))?.attributes())?,
                _ => rest.skip(tag)?,
            }
        }
        Ok(())
    }
}

fn attributes<'a>(list: Repeated<'a, KeyValue<'a>>) -> Result<(), ReadError> {
    each(list, |attribute| value(attribute.value))
}

/// Recursion is limited by `MAX_VALUE_DEPTH`.
fn value(any: AnyValue<'_>) -> Result<(), ReadError> {
    match any {
        AnyValue::Array(array) => each(array.values(), value),
        AnyValue::List(list) => attributes(list.values()),
        _ => Ok(()),
    }
}

fn each<T>(
    mut list: impl Iterator<Item = Result<T, ReadError>>,
    check: impl Fn(T) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    list.try_for_each(|element| check(element?))
}
