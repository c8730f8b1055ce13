//! What can go wrong with thrift bytes.

/// Why bytes are not what they should be. `at` is always a byte offset from the start of the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside a value.
    #[error("byte {at}: {expected} takes {needed} bytes, {left} left")]
    UnexpectedEnd {
        /// Where the value begins.
        at: usize,
        /// What was being read.
        expected: &'static str,
        /// Bytes the value takes.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// A string is declared longer than the input. Nothing was allocated for it.
    #[error("byte {at}: string of {declared} bytes declared, {left} left")]
    StringTooLong {
        /// Where the length is declared.
        at: usize,
        /// Declared length in bytes.
        declared: usize,
        /// Bytes left behind the declaration.
        left: usize,
    },
    /// A list, set or map is declared with more elements than the input can hold. Nothing was allocated for it.
    #[error(
        "byte {at}: {container} of {declared} elements declared, at least {element_bytes} bytes each, {left} left"
    )]
    ContainerTooLong {
        /// Where the size is declared.
        at: usize,
        /// `list`, `set` or `map`.
        container: &'static str,
        /// Declared number of elements.
        declared: usize,
        /// Bytes that the shortest possible element takes.
        element_bytes: usize,
        /// Bytes left behind the declaration, less those that lists around this one need for their other elements.
        left: usize,
    },
    /// A declared length is negative.
    #[error("byte {at}: {what} of negative length {declared}")]
    NegativeLength {
        /// Where the length is declared.
        at: usize,
        /// `string`, `list`, `set` or `map`.
        what: &'static str,
        /// Declared length.
        declared: i32,
    },
    /// A variable-length integer does not fit its type.
    #[error("byte {at}: variable-length integer does not fit {bits} bits")]
    VarintTooLong {
        /// Where the integer begins.
        at: usize,
        /// Width of its type.
        bits: u32,
    },
    /// A byte that stands for no known kind of value.
    #[error("byte {at}: {code:#04x} is not the kind of a value")]
    UnknownKind {
        /// Where it stands.
        at: usize,
        /// The byte, in the compact protocol the half byte.
        code: u8,
    },
    /// A byte that is no boolean.
    #[error("byte {at}: {found:#04x} is not a boolean")]
    NotABool {
        /// Where it stands.
        at: usize,
        /// The byte.
        found: u8,
    },
    /// An enum has no such value.
    #[error("byte {at}: {found} is not a {name}")]
    UnknownEnumValue {
        /// Where it stands.
        at: usize,
        /// The enum's name in jaeger.thrift.
        name: &'static str,
        /// The number.
        found: i32,
    },
    /// Field numbers of a struct run over 32767.
    #[error("byte {at}: field number is larger than 32767")]
    FieldIdTooLarge {
        /// Where the field begins.
        at: usize,
    },
    /// A list has elements of another kind than its field.
    #[error("byte {at}: list of {expected} expected, its elements are of another kind")]
    WrongElements {
        /// Where the list begins.
        at: usize,
        /// Kind of the elements expected.
        expected: &'static str,
    },
    /// An unknown field nests deeper than anyone needs.
    #[error("byte {at}: values nested deeper than {limit}")]
    TooDeep {
        /// Where the limit was passed.
        at: usize,
        /// Most levels read.
        limit: usize,
    },
    /// A struct ends without one of its required fields.
    #[error("byte {at}: required field {field} is missing from the struct that begins here")]
    MissingField {
        /// Where the struct begins.
        at: usize,
        /// Struct and field as jaeger.thrift names them, such as `Span.operationName`.
        field: &'static str,
    },
    /// The input does not begin as a message of the protocol.
    #[error("byte {at}: {expected} expected: is this the right protocol for the port?")]
    NotAMessage {
        /// Where the mismatch is.
        at: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A message of another service or method.
    #[error("byte {at}: call of method {expected} expected, found another message")]
    WrongMessage {
        /// Where the message begins.
        at: usize,
        /// Method expected.
        expected: &'static str,
    },
    /// The value is complete and bytes are left over.
    #[error("byte {at}: {left} bytes left over behind the end")]
    TrailingBytes {
        /// Where the value ended.
        at: usize,
        /// Bytes left.
        left: usize,
    },
}

/// Why a value cannot be written: thrift counts with 31 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string over 2³¹-1 bytes.
    #[error("string of {bytes} bytes: thrift allows 2147483647, cut it before encoding")]
    StringTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// A list over 2³¹-1 elements.
    #[error("list of {elements} elements: thrift allows 2147483647, send several batches")]
    ListTooLong {
        /// Its length in elements.
        elements: usize,
    },
}

/// A string's length as thrift declares it.
pub(super) fn string_length(bytes: usize) -> Result<i32, EncodeError> {
    i32::try_from(bytes).map_err(|_| EncodeError::StringTooLong { bytes })
}

/// A list's length as thrift declares it.
pub(super) fn list_length(elements: usize) -> Result<i32, EncodeError> {
    i32::try_from(elements).map_err(|_| EncodeError::ListTooLong { elements })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_over_31_bits_are_refused() {
        assert_eq!(string_length(0x7fff_ffff), Ok(i32::MAX));
        assert_eq!(
            string_length(0x8000_0000),
            Err(EncodeError::StringTooLong { bytes: 0x8000_0000 })
        );
        assert_eq!(
            list_length(0x8000_0000),
            Err(EncodeError::ListTooLong {
                elements: 0x8000_0000
            })
        );
    }

    #[test]
    fn messages_name_the_place() {
        let error = DecodeError::StringTooLong {
            at: 17,
            declared: 4294,
            left: 12,
        };
        assert_eq!(
            error.to_string(),
            "byte 17: string of 4294 bytes declared, 12 left"
        );
    }
}
