//! Attribute keys encoded at compile time.

use std::fmt;

/// A constant attribute key with its encoding, made by [`otlp_key!`](crate::otlp_key).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StaticKey(&'static EncodedKey);

/// A key with its encoding.
#[doc(hidden)]
#[derive(Debug, PartialEq, Eq)]
pub struct EncodedKey {
    name: &'static str,
    encoded: &'static [u8],
    mark: u8,
}

impl EncodedKey {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, encoded: &'static [u8]) -> Self {
        let mark = mark(name);
        Self {
            name,
            encoded,
            mark,
        }
    }
}

impl StaticKey {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(key: &'static EncodedKey) -> Self {
        Self(key)
    }

    /// The key as text.
    #[inline]
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0.name
    }

    /// Field 1 of a `KeyValue`: tag, length, text.
    #[inline]
    pub(super) const fn encoded(&self) -> &'static [u8] {
        self.0.encoded
    }

    #[inline]
    pub(super) const fn mark(&self) -> u8 {
        self.0.mark
    }
}

/// One of 128 marks for a key, by its end and its length, as many keys begin alike. Different keys may share one.
#[inline]
#[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)]
pub(super) const fn mark(key: &str) -> u8 {
    /// 2^64 divided by the golden ratio: multiplying spreads entropy to the high bits.
    const FIBONACCI: u64 = 0x9e37_79b9_7f4a_7c15;
    let bytes = key.as_bytes();
    let end = match bytes.last_chunk() {
        Some(end) => u64::from_le_bytes(*end),
        None => {
            let (mut end, mut at) = (0, 0);
            while at < bytes.len() {
                end = end << 8 | bytes[at] as u64;
                at += 1;
            }
            end
        }
    };
    let mixed = (end ^ bytes.len() as u64).wrapping_mul(FIBONACCI);
    (mixed >> (u64::BITS - 7)) as u8
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.name.fmt(f)
    }
}

/// Encodes a key as field 1 of a `KeyValue`. Fails at compile time if the key is longer than 100
/// bytes.
#[doc(hidden)]
#[must_use]
#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub const fn encode_key<const N: usize>(name: &str) -> [u8; N] {
    let bytes = name.as_bytes();
    assert!(bytes.len() <= 100, "a constant key has 100 bytes at most");
    assert!(N == bytes.len() + 2, "two bytes more than the key");
    let mut encoded = [0; N];
    encoded[0] = 0x0a;
    encoded[1] = bytes.len() as u8;
    let mut at = 0;
    while at < bytes.len() {
        encoded[at + 2] = bytes[at];
        at += 1;
    }
    encoded
}

/// Makes a [`StaticKey`](crate::otlp::StaticKey) from a constant string of at most 100 bytes.
///
/// ```
/// use lianlu_wire::{otlp::StaticKey, otlp_key};
///
/// const ROUTE: StaticKey = otlp_key!("http.route");
/// assert_eq!(ROUTE.as_str(), "http.route");
/// ```
#[macro_export]
macro_rules! otlp_key {
    ($name:expr) => {{
        const NAME: &str = $name;
        const ENCODED: [u8; NAME.len() + 2] = $crate::otlp::encode_key(NAME);
        const KEY: $crate::otlp::EncodedKey = $crate::otlp::EncodedKey::new(NAME, &ENCODED);
        $crate::otlp::StaticKey::new(&KEY)
    }};
}
