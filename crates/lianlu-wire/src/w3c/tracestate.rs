//! `tracestate`: vendor-specific state that each tracing system passes along.

use crate::text::class::Class;
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
        /// Index of the member, counted from 0 over all lines without empty ones.
        member: usize,
    },
    /// A key that is empty, longer than 256 bytes, or has a character that is not allowed.
    #[error(
        "tracestate member {member}: key is not a-z or 0-9 followed by up to 255 of a-z 0-9 _ - * / @"
    )]
    Key {
        /// Index of the member, counted from 0 over all lines without empty ones.
        member: usize,
    },
    /// A value that is empty, longer than 256 bytes, or has a character that is not allowed.
    #[error(
        "tracestate member {member}: value is not 1 to 256 printable ASCII characters without comma and equals sign"
    )]
    Value {
        /// Index of the member, counted from 0 over all lines without empty ones.
        member: usize,
    },
}

/// Reads all `tracestate` lines of a request, in their order, as one list of keys and values,
/// newest first.
///
/// Empty members are skipped. Of members with the same key only the first, the most recent, is
/// kept. Linear in the bytes given.
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
    let mut members = Vec::new();
    let mut member = 0;
    for line in lines {
        match std::str::from_utf8(line) {
            Ok(line) => read(line, &mut member, &mut members)?,
            Err(error) => {
                let (whole, bad) = split_at_member(line, error.valid_up_to());
                read(whole, &mut member, &mut members)?;
                return Err(error_in_member(bad, member));
            }
        }
    }
    Ok(members)
}

/// Reads one line. `member` counts over all lines.
#[inline]
fn read<'a>(
    line: &'a str,
    member: &mut usize,
    members: &mut Vec<(&'a str, &'a str)>,
) -> Result<(), TraceStateError> {
    let mut rest = Some(line);
    while let Some(line) = rest {
        let line = trimmed_start(line);
        let (pair, end) = match parse_simple_member(line) {
            Some((pair, end)) => (Ok(pair), end),
            None => {
                let end = line.find(',').unwrap_or(line.len());
                let raw = line.get(..end).unwrap_or_default();
                let raw = raw.trim_end_matches([' ', '\t']);
                if raw.is_empty() {
                    rest = line.get(end + 1..);
                    continue;
                }
                (parse_member(raw, *member), end)
            }
        };
        rest = line.get(end + 1..);
        if *member == TRACESTATE_MAX_MEMBERS {
            return Err(TraceStateError::TooManyMembers);
        }
        let (key, value) = pair?;
        if !members.iter().any(|(earlier, _)| *earlier == key) {
            members.push((key, value));
        }
        *member += 1;
    }
    Ok(())
}

/// Splits a line at the member that holds the first invalid UTF-8 byte, at offset `valid`: returns
/// the members before it, and that member.
#[cold]
fn split_at_member(line: &[u8], valid: usize) -> (&str, &[u8]) {
    let is_comma = |byte: &u8| *byte == b',';
    let valid = line.get(..valid).unwrap_or_default();
    let start = valid
        .iter()
        .rposition(is_comma)
        .map_or(0, |comma| comma + 1);
    let whole = valid.get(..start).unwrap_or_default();
    let bad = line.get(start..).unwrap_or_default();
    (
        // Never the default: the slice ends before the invalid byte, at a comma.
        std::str::from_utf8(whole).unwrap_or_default(),
        ows::trim(bad.split(is_comma).next().unwrap_or_default()),
    )
}

/// The error for a member with invalid UTF-8. No field of a member may contain non-ASCII.
#[cold]
fn error_in_member(raw: &[u8], member: usize) -> TraceStateError {
    match ows::split_once(raw, b'=') {
        _ if member == TRACESTATE_MAX_MEMBERS => TraceStateError::TooManyMembers,
        None => TraceStateError::NoEquals { member },
        Some((key, _)) if !is_key(key) => TraceStateError::Key { member },
        Some(_) => TraceStateError::Value { member },
    }
}

#[inline]
fn trimmed_start(line: &str) -> &str {
    let blank = line.len() - ows::trim_start(line.as_bytes()).len();
    line.get(blank..).unwrap_or_default()
}

/// Fast path: the first member of `line` and the offset of its end. Reads each byte once. `None`
/// means the slow path must decide.
#[inline]
fn parse_simple_member(line: &str) -> Option<((&str, &str), usize)> {
    let bytes = line.as_bytes();
    let equals = KEY.prefix(bytes);
    let (key, value) = bytes.split_at_checked(equals)?;
    let [b'=', value @ ..] = value else {
        return None;
    };
    let end = equals + 1 + VALUE.prefix(value);
    if !matches!(bytes.get(end), None | Some(b',')) || !has_key_form(key) {
        return None;
    }
    let pair = ows::trim_end(bytes.get(..end)?).len();
    if !(equals + 2..=equals + 1 + VALUE_MAX_BYTES).contains(&pair) {
        return None;
    }
    let pair = (line.get(..equals)?, line.get(equals + 1..pair)?);
    Some((pair, end))
}

/// Parses a member without surrounding white space.
#[cold]
fn parse_member(raw: &str, member: usize) -> Result<(&str, &str), TraceStateError> {
    let (key, value) = raw
        .split_once('=')
        .ok_or(TraceStateError::NoEquals { member })?;
    if !is_key(key.as_bytes()) {
        return Err(TraceStateError::Key { member });
    }
    if !is_value(value.as_bytes()) {
        return Err(TraceStateError::Value { member });
    }
    Ok((key, value))
}

/// Writes members as one header value, in the order given. Empty without members: then send no
/// header.
///
/// Members that the grammar forbids and members beyond [`TRACESTATE_MAX_MEMBERS`] are skipped, so
/// no input can break the header.
#[must_use]
pub fn encode_tracestate<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    let valid = members
        .into_iter()
        .filter(|(key, value)| is_key(key.as_bytes()) && is_value(value.as_bytes()));
    for (key, value) in valid.take(TRACESTATE_MAX_MEMBERS) {
        // One allocation fits most lists; an empty list needs none.
        out.reserve(if out.is_empty() { 64 } else { 0 });
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(key);
        out.push('=');
        out.push_str(value);
    }
    out
}

/// `key = ( lcalpha / DIGIT ) 0*255( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" )`
#[inline]
fn is_key(key: &[u8]) -> bool {
    has_key_form(key) && KEY.has_all(key)
}

static KEY: Class = Class::ranges(b"az09").with(b"_-*/@");

/// Checks the first byte and the length of a key.
#[inline]
fn has_key_form(key: &[u8]) -> bool {
    matches!(key, [b'a'..=b'z' | b'0'..=b'9', ..]) && key.len() <= KEY_MAX_BYTES
}

/// `value = 0*255(chr) nblk-chr`: printable ASCII without comma and equals sign, not ending in a
/// space.
#[inline]
fn is_value(value: &[u8]) -> bool {
    value.last().is_some_and(|last| *last != b' ')
        && value.len() <= VALUE_MAX_BYTES
        && VALUE.has_all(value)
}

static VALUE: Class = Class::ranges(b" ~").without(b",=");

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
    fn invalid_utf8_is_reported_for_its_member() {
        use TraceStateError::*;
        let full = [&b"a=1,".repeat(32)[..], b"b=\xff"].concat();
        for (line, error) in [
            (&b"a=1,b\xff"[..], NoEquals { member: 1 }),
            (b"\xff=1,b", Key { member: 0 }),
            (b"a=1, ,\tb=\xff \xc3,C=1", Value { member: 1 }),
            // The first malformed member is reported.
            (b"a,b=\xff", NoEquals { member: 0 }),
            (&full, TooManyMembers),
        ] {
            assert_eq!(
                parse_tracestate([line]),
                Err(error),
                "{}",
                line.escape_ascii()
            );
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
    fn encoding_skips_members_that_parsing_rejects() {
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
