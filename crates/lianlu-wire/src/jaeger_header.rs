//! Codec for [Jaeger's own
//! headers](https://www.jaegertracing.io/docs/1.21/client-libraries/#propagation-format).
//!
//! ```text
//! uber-trace-id: 4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1
//!                ──────────────────────────────── ──────────────── ─ ─
//!                   trace id (up to 16 bytes)     caller's span    │ flags: 0x1 sampled, 0x2 debug
//!                                                  (up to 8)       └ parent span: deprecated, ignored
//! uberctx-tenant: acme%20corp                      one header for each baggage entry
//! ```
//!
//! Ids may lack leading zeros; the colons may be percent-encoded as `%3A`. Hex digits are read in
//! either case.

use std::borrow::Cow;

use crate::text::{hex, ows, percent};

/// Prefix of a header with a baggage entry, in lower case.
pub const BAGGAGE_PREFIX: &str = "uberctx-";

/// The caller's trace id, span id and flags, from the `uber-trace-id` header.
///
/// # Examples
///
/// ```
/// use lianlu_wire::jaeger_header::UberTraceId;
///
/// let caller = UberTraceId::parse(b"a3ce929d0e0e4736%3Af067aa0ba902b7%3A0%3A3")?;
/// assert!(caller.is_sampled() && caller.is_debug());
/// assert_eq!(caller.encode(), "0000000000000000a3ce929d0e0e4736:00f067aa0ba902b7:0:3");
/// # Ok::<(), lianlu_wire::jaeger_header::UberTraceIdError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UberTraceId {
    /// The trace, big-endian. All zero is invalid.
    pub trace_id: [u8; 16],
    /// The caller's span, big-endian. All zero is invalid.
    pub span_id: [u8; 8],
    /// Bits [`SAMPLED`](Self::SAMPLED) and [`DEBUG`](Self::DEBUG). Parsing and encoding clear all
    /// others.
    pub flags: u8,
}

/// Why an `uber-trace-id` is not usable. Treat the request as if it had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UberTraceIdError {
    /// Not four fields separated by colons, plain or percent-encoded.
    #[error("uber-trace-id has not four fields with colons between them")]
    Fields,
    /// Trace id is not 1 to 32 hex digits, or is zero.
    #[error("uber-trace-id trace id is not up to 32 hex digits with one of them not zero")]
    TraceId,
    /// Span id is not 1 to 16 hex digits, or is zero.
    #[error("uber-trace-id span id is not up to 16 hex digits with one of them not zero")]
    SpanId,
    /// Flags are not one or two hex digits.
    #[error("uber-trace-id flags are not one or two hex digits")]
    Flags,
}

impl UberTraceId {
    /// The trace is recorded.
    pub const SAMPLED: u8 = 0x01;
    /// The trace is recorded regardless of samplers. Meaningless without
    /// [`SAMPLED`](Self::SAMPLED).
    pub const DEBUG: u8 = 0x02;

    const KNOWN_FLAGS: u8 = Self::SAMPLED | Self::DEBUG;

    /// Reads a header value. Surrounding white space is ignored.
    ///
    /// # Errors
    ///
    /// [`UberTraceIdError`] when the value does not follow the grammar.
    #[inline]
    pub fn parse(value: &[u8]) -> Result<Self, UberTraceIdError> {
        let value = ows::trim(value);
        let (trace_id, rest) = split(value)?;
        let (span_id, rest) = split(rest)?;
        let (_parent, flags) = split(rest)?;
        if split(flags).is_ok() {
            return Err(UberTraceIdError::Fields);
        }
        let [flags] = hex::decode_short::<1>(flags).ok_or(UberTraceIdError::Flags)?;
        Ok(Self {
            trace_id: hex::decode_id(trace_id).ok_or(UberTraceIdError::TraceId)?,
            span_id: hex::decode_id(span_id).ok_or(UberTraceIdError::SpanId)?,
            flags: flags & Self::KNOWN_FLAGS,
        })
    }

    /// The header value, with plain colons and zero-padded ids.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(53);
        hex::push(&self.trace_id, &mut out);
        out.push(':');
        hex::push(&self.span_id, &mut out);
        out.push_str(":0:");
        out.push(match self.flags & Self::KNOWN_FLAGS {
            0 => '0',
            1 => '1',
            2 => '2',
            _ => '3',
        });
        out
    }

    /// Whether [`SAMPLED`](Self::SAMPLED) is set.
    #[inline]
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    /// Whether [`SAMPLED`](Self::SAMPLED) and [`DEBUG`](Self::DEBUG) are set.
    #[inline]
    #[must_use]
    pub const fn is_debug(&self) -> bool {
        self.flags & Self::KNOWN_FLAGS == Self::KNOWN_FLAGS
    }
}

/// Splits at the first colon, plain or percent-encoded.
fn split(value: &[u8]) -> Result<(&[u8], &[u8]), UberTraceIdError> {
    let found = value.iter().position(|byte| matches!(byte, b':' | b'%'));
    let at = found.ok_or(UberTraceIdError::Fields)?;
    match value.split_at_checked(at) {
        Some((before, [b':', behind @ ..] | [b'%', b'3', b'A' | b'a', behind @ ..])) => {
            Ok((before, behind))
        }
        _ => Err(UberTraceIdError::Fields),
    }
}

/// Reads the value of a `uberctx-*` header. `None` when it has a control character.
///
/// A `%` that two hex digits do not follow is kept as it is; invalid UTF-8, before or after decoding,
/// becomes U+FFFD.
#[inline]
#[must_use]
pub fn parse_baggage_value(value: &[u8]) -> Option<Cow<'_, str>> {
    let value = ows::trim(value);
    if value.iter().any(u8::is_ascii_control) {
        return None;
    }
    Some(percent::decode_bytes(value))
}

/// Writes the value of a `uberctx-*` header: printable ASCII, the rest percent-encoded.
#[must_use]
pub fn encode_baggage_value(value: &str) -> String {
    let mut out = String::new();
    percent::encode(value, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn valid() {
        for (value, encoded) in [
            (format!("{TRACE}:{SPAN}:0:1"), format!("{TRACE}:{SPAN}:0:1")),
            (
                format!(" {TRACE}:{SPAN}:{SPAN}:01\t"),
                format!("{TRACE}:{SPAN}:0:1"),
            ),
            (
                format!("{TRACE}%3A{SPAN}%3a0:3"),
                format!("{TRACE}:{SPAN}:0:3"),
            ),
            (format!("{TRACE}:{SPAN}::fd"), format!("{TRACE}:{SPAN}:0:1")),
            (
                format!("{}:F0:0:0", &TRACE[17..]),
                format!("0{:0>31}:{:0>16}:0:0", &TRACE[17..], "f0"),
            ),
        ] {
            let parsed = UberTraceId::parse(value.as_bytes()).unwrap();
            assert_eq!(parsed.encode(), encoded, "{value}");
        }
        let flags = |flags| UberTraceId {
            flags,
            ..UberTraceId::default()
        };
        assert!(!flags(2).is_debug() && !flags(2).is_sampled());
        assert!(flags(3).is_debug() && !flags(1).is_debug());
        assert!(flags(0xff).encode().ends_with(":3"));
    }

    #[test]
    fn invalid() {
        use UberTraceIdError::*;
        for (value, error) in [
            (String::new(), Fields),
            (TRACE.into(), Fields),
            (format!("{TRACE}:{SPAN}:0"), Fields),
            (format!("{TRACE}:{SPAN}:0:1:"), Fields),
            (format!("{TRACE}:{SPAN}:0:1%3A"), Fields),
            (format!("{TRACE}%{SPAN}:0:1"), Fields),
            (format!("{TRACE}%3"), Fields),
            ("%".into(), Fields),
            (":::".into(), Flags),
            (":::1".into(), TraceId),
            (format!("0{TRACE}:{SPAN}:0:1"), TraceId),
            (format!("0:{SPAN}:0:1"), TraceId),
            (format!("{TRACE}g:{SPAN}:0:1"), TraceId),
            (format!("{TRACE}:0:0:1"), SpanId),
            (format!("{TRACE}:0{SPAN}:0:1"), SpanId),
            (format!("{TRACE}:{SPAN}:0:"), Flags),
            (format!("{TRACE}:{SPAN}:0:001"), Flags),
            (format!("{TRACE}:{SPAN}:0:-1"), Flags),
        ] {
            assert_eq!(UberTraceId::parse(value.as_bytes()), Err(error), "{value}");
        }
    }

    #[test]
    fn baggage_values() {
        assert_eq!(parse_baggage_value(b" acme%20corp ").unwrap(), "acme corp");
        assert_eq!(parse_baggage_value(b"a b,c%zz").unwrap(), "a b,c%zz");
        assert_eq!(parse_baggage_value(b"%").unwrap(), "%");
        let raw = "\u{94fe}%E9%93%BE";
        assert_eq!(
            parse_baggage_value(raw.as_bytes()).unwrap(),
            "\u{94fe}\u{94fe}"
        );
        assert_eq!(parse_baggage_value(b"a\xff").unwrap(), "a\u{fffd}");
        for bad in [&b"a\nb"[..], b"\x7f"] {
            assert_eq!(parse_baggage_value(bad), None);
        }
        assert_eq!(
            encode_baggage_value("acme corp\r\n\u{94fe}"),
            "acme%20corp%0D%0A%E9%93%BE"
        );
    }
}
