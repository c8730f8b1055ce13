//! What headers are made of: hexadecimal ids, white space, percent-encoding.

pub(crate) mod hex;
pub(crate) mod ows;
pub(crate) mod percent;
