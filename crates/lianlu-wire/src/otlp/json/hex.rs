//! Ids as text.

use serde::{Serialize, Serializer};

use crate::text::hex;

/// An id as lower-case hex digits. An id of all zeros becomes an empty string.
pub(super) struct Id<'a>(pub(super) &'a [u8]);

impl Serialize for Id<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = [0; 32];
        hex::encode(self.0, &mut digits);
        let digits = digits.get(..self.0.len() * 2).unwrap_or_default();
        // Digits are ASCII, so the default is never used.
        serializer.serialize_str(std::str::from_utf8(digits).unwrap_or_default())
    }
}
