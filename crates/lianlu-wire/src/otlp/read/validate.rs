//! Reads everything once, for who stores or passes on what a stranger sent.

use super::repeated::{Element, Message, Repeated};
use super::{AnyValue, Event, KeyValue, Link, ReadError, Request, Span};

impl Request<'_> {
    /// Reads all of the request and answers how many spans it has. After that no iterator over it yields an error.
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
    /// Reads the attributes, events and links. After that no iterator over them yields an error.
    ///
    /// # Errors
    ///
    /// The first [`ReadError`].
    pub fn validate(&self) -> Result<(), ReadError> {
        // Each list has an iterator of its own, and each would look at all fields.
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

/// Recursive, to the depth that reading is limited to.
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
