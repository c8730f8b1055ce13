//! `tracestate`: what each tracing system on the way wants to hear again.

use crate::text::ows;

/// Most members a `tracestate` may have.
pub const TRACESTATE_MAX_MEMBERS: usize = 32;

const KEY_MAX_BYTES: usize = 256;
const VALUE_MAX_BYTES: usize = 256;

/// Why a `tracestate` is discarded as a whole. The `traceparent` beside it stays valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceStateError {
    /// More than [`TRACESTATE_MAX_MEMBERS`].
    #[error("tracestate has more than 32 members")]
    TooManyMembers,
    /// A member without `=`.
    #[error("tracestate member {member} has no equals sign")]
    NoEquals {
        /// Which member, counted from 0 over all lines, empty ones not counted.
        member: usize,
    },
    /// A key that is empty, longer than 256 bytes, or has a character that is not allowed.
    #[error(
        "tracestate member {member}: key is not a-z or 0-9 followed by up to 255 of a-z 0-9 _ - * / @"
    )]
    Key {
        /// Which member, counted from 0 over all lines, empty ones not counted.
        member: usize,
    },
    /// A value that is empty, longer than 256 bytes, or has a character that is not allowed.
    #[error(
        "tracestate member {member}: value is not 1 to 256 printable ASCII characters without comma and equals sign"
    )]
    Value {
        /// Which member, counted from 0 over all lines, empty ones not counted.
        member: usize,
    },
}

/// Reads all `tracestate` lines of a request, in their order, as one list of key and value, newest first.
///
/// Empty members are skipped. Of two members with the same key the first, the more recent, is kept. The work is
/// linear in the bytes given.
///
/// See [Trace Context, section 3.3](https://www.w3.org/TR/trace-context-2/#tracestate-header).
///
/// # Errors
///
/// One malformed member discards the whole list, as does a 33rd member.
///
/// # Examples
///
/// ```
/// use lianlu_wire::w3c::parse_tracestate;
///
/// let lines: [&[u8]; 2] = [b"rojo=00f067aa0ba902b7 , ,", b"congo=t61rcWkgMzE"];
/// assert_eq!(parse_tracestate(lines)?, [("rojo", "00f067aa0ba902b7"), ("congo", "t61rcWkgMzE")]);
/// # Ok::<(), lianlu_wire::w3c::TraceStateError>(())
/// ```
#[inline]
pub fn parse_tracestate<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<(&'a str, &'a str)>, TraceStateError> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    let mut member = 0;
    for line in lines {
        for raw in line.split(|&byte| byte == b',') {
            let raw = ows::trim(raw);
            if raw.is_empty() {
                continue;
            }
            if member == TRACESTATE_MAX_MEMBERS {
                return Err(TraceStateError::TooManyMembers);
            }
            let (key, value) =
                ows::split_once(raw, b'=').ok_or(TraceStateError::NoEquals { member })?;
            let key = checked(key, is_key).ok_or(TraceStateError::Key { member })?;
            let value = checked(value, is_value).ok_or(TraceStateError::Value { member })?;
            if !members.iter().any(|(earlier, _)| *earlier == key) {
                members.push((key, value));
            }
            member += 1;
        }
    }
    Ok(members)
}

/// Writes members as one header value, in the order given. Empty when there is none: then send no header.
///
/// Members that the grammar forbids and members beyond [`TRACESTATE_MAX_MEMBERS`] are left out, so nothing a caller
/// puts in can break the header.
#[must_use]
pub fn encode_tracestate<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    let valid = members
        .into_iter()
        .filter(|(key, value)| is_key(key.as_bytes()) && is_value(value.as_bytes()));
    for (key, value) in valid.take(TRACESTATE_MAX_MEMBERS) {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(key);
        out.push('=');
        out.push_str(value);
    }
    out
}

#[inline]
fn checked(bytes: &[u8], allowed: impl Fn(&[u8]) -> bool) -> Option<&str> {
    if allowed(bytes) {
        std::str::from_utf8(bytes).ok()
    } else {
        None
    }
}

/// `key = ( lcalpha / DIGIT ) 0*255( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" )`
#[inline]
fn is_key(key: &[u8]) -> bool {
    matches!(key, [b'a'..=b'z' | b'0'..=b'9', ..])
        && key.len() <= KEY_MAX_BYTES
        && key.iter().all(
            |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'),
        )
}

/// `value = 0*255(chr) nblk-chr`, printable ASCII without comma and equals sign, the last not a space.
#[inline]
fn is_value(value: &[u8]) -> bool {
    value.last().is_some_and(|last| *last != b' ')
        && value.len() <= VALUE_MAX_BYTES
        && value
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(lines: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, TraceStateError> {
        parse_tracestate(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn valid() {
        let printable: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
        let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/";
        let longest_key = "z".repeat(256);
        let longest_value = "v".repeat(256);
        for (lines, expected) in [
            (vec![], vec![]),
            (vec![""], vec![]),
            (vec![" ,\t,", ","], vec![]),
            (vec!["foo=1"], vec![("foo", "1")]),
            (
                vec!["\t foo=1 \t , \t bar=2"],
                vec![("foo", "1"), ("bar", "2")],
            ),
            (vec!["foo=1", "", "bar=2"], vec![("foo", "1"), ("bar", "2")]),
            (
                vec!["foo=1,foo=2", "foo=3,bar=4"],
                vec![("foo", "1"), ("bar", "4")],
            ),
            (vec!["0a@b@=x"], vec![("0a@b@", "x")]),
            (vec!["foo=  1"], vec![("foo", "  1")]),
            (
                vec![&format!("{key}={printable}")],
                vec![(key, printable.as_str())],
            ),
            (
                vec![&format!("{longest_key}={longest_value}")],
                vec![(longest_key.as_str(), longest_value.as_str())],
            ),
        ] {
            let lines: Vec<&[u8]> = lines.iter().map(|line: &&str| line.as_bytes()).collect();
            assert_eq!(parse_tracestate(lines.clone()), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn invalid() {
        use TraceStateError::*;
        let long_key = format!("foo=1,{}=1", "z".repeat(257));
        let long_value = format!("foo={}", "v".repeat(257));
        for (line, error) in [
            ("foo", NoEquals { member: 0 }),
            ("foo=1,,bar", NoEquals { member: 1 }),
            ("=1", Key { member: 0 }),
            ("foo =1", Key { member: 0 }),
            ("FOO=1", Key { member: 0 }),
            ("foo.bar=1", Key { member: 0 }),
            ("@foo=1,bar=2", Key { member: 0 }),
            ("_foo=1", Key { member: 0 }),
            (&long_key, Key { member: 1 }),
            ("foo=", Value { member: 0 }),
            ("foo=1=2", Value { member: 0 }),
            ("foo=a\tb", Value { member: 0 }),
            ("foo=é", Value { member: 0 }),
            ("foo=\u{7f}", Value { member: 0 }),
            (&long_value, Value { member: 0 }),
        ] {
            assert_eq!(parse(&[line]), Err(error), "{line}");
        }
    }

    #[test]
    fn at_most_32_members_over_all_lines() {
        let lines: Vec<String> = (0..32).map(|i| format!("bar{i}={i},")).collect();
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(parse(&lines).unwrap().len(), 32);
        lines.push("more=1");
        assert_eq!(parse(&lines), Err(TraceStateError::TooManyMembers));
    }

    #[test]
    fn encodes_what_it_reads_and_leaves_out_what_it_would_refuse() {
        let members = [
            ("rojo", "1"),
            ("Bad", "1"),
            ("evil", "1\r\nx: y"),
            ("congo", " 2"),
        ];
        let value = encode_tracestate(members);
        assert_eq!(value, "rojo=1,congo= 2");
        assert_eq!(parse(&[&value]).unwrap(), [("rojo", "1"), ("congo", " 2")]);
        assert_eq!(encode_tracestate([("a", "1"); 40]).split(',').count(), 32);
    }
}
