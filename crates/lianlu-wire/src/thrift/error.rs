//! Errors of decoding and encoding thrift.

/// Why bytes cannot be decoded. `at` is always a byte offset from the start of the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends within a value.
    #[error("byte {at}: {expected} takes {needed} bytes, {left} left")]
    UnexpectedEnd {
        /// Offset of the value.
        at: usize,
        /// What was being read.
        expected: &'static str,
        /// Size of the value in bytes.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// The declared length of a string exceeds the input. Nothing was allocated for it.
    #[error("byte {at}: string of {declared} bytes declared, {left} left")]
    StringTooLong {
        /// Offset of the length.
        at: usize,
        /// Declared length in bytes.
        declared: usize,
        /// Bytes left after the length.
        left: usize,
    },
    /// The declared size of a list, set or map exceeds what the input can hold. Nothing was
    /// allocated for it.
    #[error(
        "byte {at}: {container} of {declared} elements declared, at least {element_bytes} bytes each, {left} left"
    )]
    ContainerTooLong {
        /// Offset of the size.
        at: usize,
        /// `list`, `set` or `map`.
        container: &'static str,
        /// Declared number of elements.
        declared: usize,
        /// Minimum size of an element in bytes.
        element_bytes: usize,
        /// Bytes left after the size, less those that enclosing lists need for their other
        /// elements.
        left: usize,
    },
    /// A declared length is negative.
    #[error("byte {at}: {what} of negative length {declared}")]
    NegativeLength {
        /// Offset of the length.
        at: usize,
        /// `string`, `list`, `set` or `map`.
        what: &'static str,
        /// Declared length.
        declared: i32,
    },
    /// A variable-length integer that exceeds its type.
    #[error("byte {at}: variable-length integer does not fit {bits} bits")]
    VarintTooLong {
        /// Offset of the integer.
        at: usize,
        /// Width of its type.
        bits: u32,
    },
    /// A byte that is not a known kind of value.
    #[error("byte {at}: {code:#04x} is not the kind of a value")]
    UnknownKind {
        /// Offset of the byte.
        at: usize,
        /// The byte; in the compact protocol, half a byte.
        code: u8,
    },
    /// A byte that is not a boolean.
    #[error("byte {at}: {found:#04x} is not a boolean")]
    NotABool {
        /// Offset of the byte.
        at: usize,
        /// The byte.
        found: u8,
    },
    /// A number that is not a value of the enum.
    #[error("byte {at}: {found} is not a {name}")]
    UnknownEnumValue {
        /// Offset of the number.
        at: usize,
        /// The enum's name in jaeger.thrift.
        name: &'static str,
        /// The number.
        found: i32,
    },
    /// The field number of a struct exceeds 32767.
    #[error("byte {at}: field number is larger than 32767")]
    FieldIdTooLarge {
        /// Offset of the field.
        at: usize,
    },
    /// The elements of a list have another kind than the field requires.
    #[error("byte {at}: list of {expected} expected, its elements are of another kind")]
    WrongElements {
        /// Offset of the list.
        at: usize,
        /// Expected kind of the elements.
        expected: &'static str,
    },
    /// An unknown field is nested too deeply.
    #[error("byte {at}: values nested deeper than {limit}")]
    TooDeep {
        /// Offset at which the limit was exceeded.
        at: usize,
        /// Maximum depth.
        limit: usize,
    },
    /// A required field of a struct is missing.
    #[error("byte {at}: required field {field} is missing from the struct that begins here")]
    MissingField {
        /// Offset of the struct.
        at: usize,
        /// Struct and field as jaeger.thrift names them, such as `Span.operationName`.
        field: &'static str,
    },
    /// The input does not begin with a message of the protocol.
    #[error("byte {at}: {expected} expected: is this the right protocol for the port?")]
    NotAMessage {
        /// Offset of the mismatch.
        at: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// A message of another service or method.
    #[error("byte {at}: call of method {expected} expected, found another message")]
    WrongMessage {
        /// Offset of the message.
        at: usize,
        /// Expected method.
        expected: &'static str,
    },
    /// Bytes remain after the end of the value.
    #[error("byte {at}: {left} bytes left over after the end")]
    TrailingBytes {
        /// Offset of the end of the value.
        at: usize,
        /// Bytes left.
        left: usize,
    },
}

/// Why a value cannot be encoded: lengths in thrift have 31 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string of more than 2³¹-1 bytes.
    #[error("string of {bytes} bytes: thrift allows 2147483647, shorten it before encoding")]
    StringTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// A list of more than 2³¹-1 elements.
    #[error("list of {elements} elements: thrift allows 2147483647, send several batches")]
    ListTooLong {
        /// Its length in elements.
        elements: usize,
    },
}

/// A string's length as a thrift integer.
pub(super) fn string_length(bytes: usize) -> Result<i32, EncodeError> {
    i32::try_from(bytes).map_err(|_| EncodeError::StringTooLong { bytes })
}

/// A list's length as a thrift integer.
pub(super) fn list_length(elements: usize) -> Result<i32, EncodeError> {
    i32::try_from(elements).map_err(|_| EncodeError::ListTooLong { elements })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_over_31_bits_are_rejected() {
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
    fn messages_contain_the_offset() {
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
