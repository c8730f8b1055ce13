//! Lists: the fields of one number in a message.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;

use super::ReadError;
use super::field::{Names, name};
use super::input::Input;

/// A message that stands in lists.
pub trait Element<'a>: Sized {
    /// Reads the message.
    #[doc(hidden)]
    fn read(input: Message<'a>) -> Result<Self, ReadError>;
}

/// The bytes of a message, which nobody outside can make.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Message<'a>(pub(super) Input<'a>);

/// The elements of a list, each read when it is its turn. After an error nothing comes.
#[must_use = "an iterator does nothing until it is asked"]
pub struct Repeated<'a, T> {
    rest: Input<'a>,
    tag: u32,
    names: Names,
    element: PhantomData<fn() -> T>,
}

impl<'a, T: Element<'a>> Repeated<'a, T> {
    /// The fields of `message` with this tag; `names` are its fields', for errors.
    #[inline]
    pub(super) fn new(message: Input<'a>, tag: u32, names: Names) -> Self {
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

// Not derived: a derive would ask the same of `T`.
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
