//! Apache Thrift's two protocols, limited to what Jaeger's messages need.
//!
//! Writers append to a `Vec<u8>` and are independent of the structs written; readers borrow from a
//! slice. The struct codecs of module `jaeger` are generic over [`Write`] and [`Read`], so each
//! struct is implemented once.
//!
//! See the specifications of the
//! [compact](https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md) and
//! the [binary
//! protocol](https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md).

mod binary_read;
mod binary_write;
mod compact_read;
mod compact_write;
mod error;
mod input;
mod read;
mod skip;
mod write;

pub(crate) use binary_read::BinaryReader;
pub(crate) use binary_write::BinaryWriter;
pub(crate) use compact_read::CompactReader;
pub(crate) use compact_write::CompactWriter;
pub use error::{DecodeError, EncodeError};
pub(crate) use read::{Field, Message, Read};
pub(crate) use skip::skip;
pub(crate) use write::Write;

/// Kinds of values. The protocols number them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    /// Text or bytes: the encoding is the same.
    String,
    List,
    Set,
    Map,
    Struct,
    Uuid,
}

/// Kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Call,
    Reply,
    Exception,
    Oneway,
}

impl MessageKind {
    /// The number in both protocols.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Call => 1,
            Self::Reply => 2,
            Self::Exception => 3,
            Self::Oneway => 4,
        }
    }

    /// The kind with this number.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Call),
            2 => Some(Self::Reply),
            3 => Some(Self::Exception),
            4 => Some(Self::Oneway),
            _ => None,
        }
    }
}
