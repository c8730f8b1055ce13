//! A value on its way to a span, a metric or both.

use std::borrow::Cow;

use opentelemetry::{StringValue, Value};

/// Borrows what it can: bytes are written from it directly, and only who needs a [`Value`] of its own makes one.
#[derive(Debug, Clone)]
pub(crate) enum Datum<'a> {
    /// A constant, or a name that the program keeps.
    Fixed(&'static str),
    Text(&'a str),
    Shared(&'a StringValue),
    Int(i64),
    Bool(bool),
}

impl Datum<'_> {
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Fixed(text) => Value::from(*text),
            Self::Text(text) => Value::from((*text).to_owned()),
            Self::Shared(text) => Value::from((*text).clone()),
            Self::Int(number) => Value::I64(*number),
            Self::Bool(flag) => Value::Bool(*flag),
        }
    }
}

/// A constant.
pub(crate) const fn fixed(text: &'static str) -> Datum<'static> {
    Datum::Fixed(text)
}

impl<'a> From<&'a str> for Datum<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a StringValue> for Datum<'a> {
    fn from(text: &'a StringValue) -> Self {
        Self::Shared(text)
    }
}

impl<'a> From<&'a Cow<'static, str>> for Datum<'a> {
    fn from(text: &'a Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Fixed(text),
            Cow::Owned(text) => Self::Text(text),
        }
    }
}

impl From<i64> for Datum<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Datum<'_> {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}
