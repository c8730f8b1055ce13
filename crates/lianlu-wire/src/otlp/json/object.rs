//! JSON objects that omit default values.

use std::fmt::Display;

use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::hex::Id;
use crate::otlp::{ReadError, Repeated};

/// A message being serialised as a JSON object.
pub(super) struct Object<M>(M);

impl<M: SerializeMap> Object<M> {
    pub(super) fn new<S>(serializer: S) -> Result<Self, S::Error>
    where
        S: Serializer<SerializeMap = M, Ok = M::Ok, Error = M::Error>,
    {
        serializer.serialize_map(None).map(Self)
    }

    pub(super) fn text(&mut self, key: &'static str, text: &str) -> Result<(), M::Error> {
        if text.is_empty() {
            return Ok(());
        }
        self.any(key, text)
    }

    /// A 32-bit number.
    pub(super) fn number<N>(&mut self, key: &'static str, number: N) -> Result<(), M::Error>
    where
        N: Serialize + Default + PartialEq,
    {
        if number == N::default() {
            return Ok(());
        }
        self.any(key, &number)
    }

    /// A 64-bit number.
    pub(super) fn long(&mut self, key: &'static str, number: u64) -> Result<(), M::Error> {
        if number == 0 {
            return Ok(());
        }
        self.any(key, &Text(number))
    }

    pub(super) fn id(&mut self, key: &'static str, id: &[u8]) -> Result<(), M::Error> {
        if id.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        self.any(key, &Id(id))
    }

    pub(super) fn list<I>(&mut self, key: &'static str, list: I) -> Result<(), M::Error>
    where
        List<I>: Serialize,
        I: Iterator + Clone,
    {
        if list.clone().next().is_none() {
            return Ok(());
        }
        self.any(key, &List(list))
    }

    /// Written even if it is the default value.
    pub(super) fn any(
        &mut self,
        key: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), M::Error> {
        self.0.serialize_entry(key, value)
    }

    pub(super) fn end(self) -> Result<M::Ok, M::Error> {
        self.0.end()
    }
}

/// Serialises the elements of an iterator as an array.
pub(super) struct List<I>(pub(super) I);

impl<'a, T> Serialize for List<Repeated<'a, T>>
where
    T: Serialize,
    Repeated<'a, T>: Iterator<Item = Result<T, ReadError>>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for element in self.0.clone() {
            list.serialize_element(&element.map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}

/// Serialises a `Display` value as a string.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
