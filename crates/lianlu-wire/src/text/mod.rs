//! What headers are made of: sets of bytes, hexadecimal ids, white space, percent-encoding.

pub(crate) mod class;
pub(crate) mod hex;
pub(crate) mod ows;
pub(crate) mod percent;
