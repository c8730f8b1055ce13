//! `traceparent`: the caller's span and its sampling flag.

use std::fmt;
use std::ops::Range;

use crate::text::{hex, ows};

/// Length of a version 00 `traceparent` in bytes.
pub const TRACEPARENT_BYTES: usize = 55;

/// The caller's trace id, span id and flags, from the `traceparent` header.
///
/// See [Trace Context, section 3.2](https://www.w3.org/TR/trace-context-2/#traceparent-header).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace, big-endian. All zero is invalid.
    pub trace_id: [u8; 16],
    /// The caller's span, big-endian. All zero is invalid.
    pub parent_id: [u8; 8],
    /// Bits [`SAMPLED`](Self::SAMPLED) and [`RANDOM`](Self::RANDOM). Parsing and encoding clear all
    /// others.
    pub flags: u8,
}

/// Why a `traceparent` is not usable. The receiver starts a new trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceParentError {
    /// Too short, or longer than its version allows.
    #[error(
        "traceparent of {found} bytes: version 00 has exactly 55, later versions have 55, or more after a dash"
    )]
    Length {
        /// Bytes found, without surrounding white space.
        found: usize,
    },
    /// Not two lower-case hex digits, or the forbidden version ff.
    #[error("traceparent version is not two lower-case hex digits below ff")]
    Version,
    /// A dash between two fields is missing.
    #[error("traceparent has no dash at byte {at}")]
    Delimiter {
        /// Expected offset of the dash, counted from the first byte that is not white space.
        at: usize,
    },
    /// Trace id is not 32 lower-case hex digits, or is all zero.
    #[error("traceparent trace-id is not 32 lower-case hex digits with one of them not zero")]
    TraceId,
    /// Parent id is not 16 lower-case hex digits, or is all zero.
    #[error("traceparent parent-id is not 16 lower-case hex digits with one of them not zero")]
    ParentId,
    /// Flags are not two lower-case hex digits.
    #[error("traceparent flags are not two lower-case hex digits")]
    Flags,
}

impl TraceParent {
    /// The caller may have recorded this trace.
    pub const SAMPLED: u8 = 0x01;
    /// The low 7 bytes of the trace id are random, so a sampler may use them as its random value.
    pub const RANDOM: u8 = 0x02;

    const KNOWN_FLAGS: u8 = Self::SAMPLED | Self::RANDOM;

    /// Reads a header value. Surrounding white space is ignored, as everywhere in HTTP.
    ///
    /// A version later than 00 is read by the rules of 00; additions after the flags are ignored.
    ///
    /// # Errors
    ///
    /// [`TraceParentError`] when the value does not follow the grammar exactly; the caller then
    /// starts a new trace.
    ///
    /// # Examples
    ///
    /// ```
    /// use lianlu_wire::w3c::TraceParent;
    ///
    /// let parent = TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?;
    /// assert_eq!(parent.trace_id[..2], [0x4b, 0xf9]);
    /// assert!(parent.is_sampled());
    /// assert!(TraceParent::parse(b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01").is_err());
    /// # Ok::<(), lianlu_wire::w3c::TraceParentError>(())
    /// ```
    #[inline]
    pub fn parse(value: &[u8]) -> Result<Self, TraceParentError> {
        let value = ows::trim(value);
        let length = TraceParentError::Length { found: value.len() };
        let (fields, future) = value
            .split_first_chunk::<TRACEPARENT_BYTES>()
            .ok_or(length)?;
        let fields = Fields::of(fields).ok_or(length)?;

        let [version] = match fields.version {
            b"00" => [0],
            other => hex::decode(other).ok_or(TraceParentError::Version)?,
        };
        if version == 0xff {
            return Err(TraceParentError::Version);
        }
        for (dash, at) in fields.dashes.into_iter().zip([2, 35, 52]) {
            if dash != b'-' {
                return Err(TraceParentError::Delimiter { at });
            }
        }
        match future.first() {
            None => {}
            Some(_) if version == 0 => return Err(length),
            Some(b'-') => {}
            Some(_) => {
                return Err(TraceParentError::Delimiter {
                    at: TRACEPARENT_BYTES,
                });
            }
        }

        // Both ids at once.
        let mut digits = [0; 48];
        digits[..32].copy_from_slice(fields.trace_id);
        digits[32..].copy_from_slice(fields.parent_id);
        let ids: [u8; 24] =
            hex::decode(&digits).ok_or_else(|| match hex::decode::<16>(fields.trace_id) {
                Some(_) => TraceParentError::ParentId,
                None => TraceParentError::TraceId,
            })?;
        let (mut trace_id, mut parent_id) = ([0; 16], [0; 8]);
        trace_id.copy_from_slice(&ids[..16]);
        parent_id.copy_from_slice(&ids[16..]);
        if trace_id == [0; 16] {
            return Err(TraceParentError::TraceId);
        }
        if parent_id == [0; 8] {
            return Err(TraceParentError::ParentId);
        }
        let [flags] = match fields.flags {
            // Nearly all requests have one of these.
            b"00" => [0],
            b"01" => [Self::SAMPLED],
            other => hex::decode(other).ok_or(TraceParentError::Flags)?,
        };
        Ok(Self {
            trace_id,
            parent_id,
            flags: flags & Self::KNOWN_FLAGS,
        })
    }

    /// The header value, always version 00, in a stack buffer without allocation.
    ///
    /// The ids are not checked; [`is_valid`](Self::is_valid) reports whether a receiver will accept
    /// them.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> [u8; TRACEPARENT_BYTES] {
        let mut out = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let flags = [self.flags & Self::KNOWN_FLAGS];
        let fields: [(&[u8], Range<usize>); 3] = [
            (&self.trace_id, 3..35),
            (&self.parent_id, 36..52),
            (&flags, 53..55),
        ];
        for (field, place) in fields {
            hex::encode(field, out.get_mut(place).unwrap_or_default());
        }
        out
    }

    /// As [`encode`](Self::encode), but into the caller's buffer and as text.
    ///
    /// ```
    /// # use lianlu_wire::w3c::{TRACEPARENT_BYTES, TraceParent};
    /// let parent = TraceParent { trace_id: [0xab; 16], parent_id: [0xcd; 8], flags: TraceParent::SAMPLED };
    /// let mut buffer = [0; TRACEPARENT_BYTES];
    /// let value = parent.encode_into(&mut buffer);
    /// assert_eq!(value, "00-abababababababababababababababab-cdcdcdcdcdcdcdcd-01");
    /// ```
    #[inline]
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8; TRACEPARENT_BYTES]) -> &'b str {
        *buffer = self.encode();
        // Hex digits and dashes are ASCII, so the default is never used.
        std::str::from_utf8(buffer).unwrap_or_default()
    }

    /// True if neither id is all zero.
    #[inline]
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.trace_id != [0; 16] && self.parent_id != [0; 8]
    }

    /// Whether the caller may have recorded the trace.
    #[inline]
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    /// Whether the low 7 bytes of the trace id are random.
    #[inline]
    #[must_use]
    pub fn is_random(&self) -> bool {
        self.flags & Self::RANDOM != 0
    }
}

/// The header value.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode_into(&mut [0; TRACEPARENT_BYTES]))
    }
}

/// The 55 bytes, split at the fixed offsets.
struct Fields<'a> {
    version: &'a [u8],
    trace_id: &'a [u8],
    parent_id: &'a [u8],
    flags: &'a [u8],
    dashes: [u8; 3],
}

impl<'a> Fields<'a> {
    /// Never `None` for 55 bytes; avoids an index that could panic.
    #[inline]
    fn of(bytes: &'a [u8; TRACEPARENT_BYTES]) -> Option<Self> {
        let (version, rest) = bytes.split_at_checked(2)?;
        let (&dash0, rest) = rest.split_first()?;
        let (trace_id, rest) = rest.split_at_checked(32)?;
        let (&dash1, rest) = rest.split_first()?;
        let (parent_id, rest) = rest.split_at_checked(16)?;
        let (&dash2, flags) = rest.split_first()?;
        Some(Self {
            version,
            trace_id,
            parent_id,
            flags,
            dashes: [dash0, dash1, dash2],
        })
    }
}

#[cfg(test)]
#[path = "traceparent_tests.rs"]
mod tests;
