//! Building blocks of header codecs: byte classes, hexadecimal ids, white space, percent-encoding.

pub(crate) mod class;
pub(crate) mod hex;
pub(crate) mod ows;
pub(crate) mod percent;
