//! The value of an attribute, borrowed if possible.

use std::borrow::Cow;

use opentelemetry::{StringValue, Value};

/// Bytes are written directly from it. A [`Value`] that owns its text is made only for the API and
/// for metrics.
#[derive(Debug, Clone)]
pub(crate) enum AttributeValue<'a> {
    /// A constant, or an interned name.
    Fixed(&'static str),
    Text(&'a str),
    Shared(&'a StringValue),
    Int(i64),
    Bool(bool),
}

impl AttributeValue<'_> {
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
pub(crate) const fn fixed(text: &'static str) -> AttributeValue<'static> {
    AttributeValue::Fixed(text)
}

impl<'a> From<&'a str> for AttributeValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a StringValue> for AttributeValue<'a> {
    fn from(text: &'a StringValue) -> Self {
        Self::Shared(text)
    }
}

impl<'a> From<&'a Cow<'static, str>> for AttributeValue<'a> {
    fn from(text: &'a Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Fixed(text),
            Cow::Owned(text) => Self::Text(text),
        }
    }
}

impl From<i64> for AttributeValue<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for AttributeValue<'_> {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}
