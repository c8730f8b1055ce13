//! Slow readers by the grammars, for formats without another implementation to compare with.

use std::borrow::Cow;

use lianlu_wire::w3c::{BAGGAGE_MAX_BYTES, BAGGAGE_MAX_MEMBERS, BaggageMember, TraceStateError};

/// Removes spaces and tabs at both ends.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(start) = bytes.iter().position(is_text) else {
        return &[];
    };
    let end = bytes.iter().rposition(is_text).unwrap_or(start);
    &bytes[start..=end]
}

/// Decodes `%XX`, with U+FFFD for invalid UTF-8.
pub(crate) fn percent_decoded(text: &[u8]) -> Cow<'_, str> {
    percent_encoding::percent_decode(text).decode_utf8_lossy()
}

/// [Trace Context, section 3.3](https://www.w3.org/TR/trace-context-2/#tracestate-header), all
/// lines joined.
pub(crate) fn tracestate(joined: &[u8]) -> Result<Vec<(&str, &str)>, TraceStateError> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    let raw = joined.split(|byte| *byte == b',').map(trim);
    for (member, raw) in raw.filter(|raw| !raw.is_empty()).enumerate() {
        if member == 32 {
            return Err(TraceStateError::TooManyMembers);
        }
        let (key, value) = split_once(raw, b'=').ok_or(TraceStateError::NoEquals { member })?;
        if !is_tracestate_key(key) {
            return Err(TraceStateError::Key { member });
        }
        let is_value = |byte: &u8| matches!(byte, b' '..=b'~') && !b",=".contains(byte);
        let ends = value.last().is_some_and(|last| *last != b' ');
        if !ends || value.len() > 256 || !value.iter().all(is_value) {
            return Err(TraceStateError::Value { member });
        }
        let (key, value) = (ascii(key), ascii(value));
        if members.iter().all(|(earlier, _)| *earlier != key) {
            members.push((key, value));
        }
    }
    Ok(members)
}

fn is_tracestate_key(key: &[u8]) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    key.first().is_some_and(is_first)
        && key.len() <= 256
        && key
            .iter()
            .all(|byte| is_first(byte) || b"_-*/@".contains(byte))
}

/// [Baggage, section 3.2](https://www.w3.org/TR/baggage/#header-content), all lines joined, within
/// the limits.
pub(crate) fn baggage(joined: &[u8]) -> Vec<BaggageMember<'_>> {
    let (mut end, mut counted) = (0, 0);
    let mut members = Vec::new();
    for raw in joined.split(|byte| *byte == b',') {
        end += raw.len();
        // The limit counts bytes, including those of empty members.
        if end > BAGGAGE_MAX_BYTES || counted == BAGGAGE_MAX_MEMBERS {
            break;
        }
        end += 1;
        let raw = trim(raw);
        counted += usize::from(!raw.is_empty());
        members.extend(baggage_member(raw));
    }
    members
}

fn baggage_member(raw: &[u8]) -> Option<BaggageMember<'_>> {
    let (pair, properties) = match split_once(raw, b';') {
        Some((pair, properties)) => (pair, trim(properties)),
        None => (raw, &b""[..]),
    };
    let (key, value) = split_once(pair, b'=')?;
    let (key, value) = (trim(key), trim(value));
    let is_property = |property: &[u8]| match split_once(property, b'=') {
        Some((key, value)) => is_token(trim(key)) && is_baggage_value(trim(value)),
        None => is_token(trim(property)),
    };
    let are_properties =
        properties.is_empty() || properties.split(|byte| *byte == b';').all(is_property);
    (is_token(key) && is_baggage_value(value) && are_properties).then(|| BaggageMember {
        key: ascii(key),
        value: percent_decoded(value),
        properties: ascii(properties),
    })
}

fn is_token(text: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_letter)
}

fn is_baggage_value(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(byte))
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("checked to be ASCII")
}
