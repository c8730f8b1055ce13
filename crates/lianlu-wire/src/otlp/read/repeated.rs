//! Repeated fields: the fields with one number in a message.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;

use super::ReadError;
use super::field::{FieldNames, name};
use super::input::Input;

/// A message or string that occurs as a repeated field.
pub trait Element<'a>: Sized {
    /// Reads the message.
    #[doc(hidden)]
    fn read(input: Message<'a>) -> Result<Self, ReadError>;
}

/// The bytes of a message. Cannot be constructed outside of this crate.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Message<'a>(pub(super) Input<'a>);

/// The elements of a repeated field, read on demand. Yields nothing after an error.
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Repeated<'a, T> {
    rest: Input<'a>,
    tag: u32,
    names: FieldNames,
    element: PhantomData<fn() -> T>,
}

impl<'a, T: Element<'a>> Repeated<'a, T> {
    /// The fields of `message` with this tag; `names` are the message's field names, for errors.
    #[inline]
    pub(super) fn new(message: Input<'a>, tag: u32, names: FieldNames) -> Self {
        Self {
            rest: message,
            tag,
            names,
            element: PhantomData,
        }
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<T>, ReadError> {
        match self.rest.find(self.tag, self.names)? {
            Some(message) => T::read(Message(message)).map(Some),
            None => Ok(None),
        }
    }
}

impl<'a, T: Element<'a>> Iterator for Repeated<'a, T> {
    type Item = Result<T, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            self.rest.finish();
        }
        next.transpose()
    }
}

impl<'a, T: Element<'a>> FusedIterator for Repeated<'a, T> {}

// Not derived: a derive would require `T: Clone`.
impl<T> Clone for Repeated<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> fmt::Debug for Repeated<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}", name(self.names, self.tag), self.rest)
    }
}
