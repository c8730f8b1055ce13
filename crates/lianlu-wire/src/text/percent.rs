//! Percent-encoding of baggage values.
//! See [RFC 3986, section 2.1](https://www.rfc-editor.org/rfc/rfc3986#section-2.1).

use std::borrow::Cow;

use super::class::Class;

/// `baggage-octet`: printable ASCII without space, double quote, comma, semicolon and backslash.
pub(crate) static BAGGAGE_OCTET: Class = Class::ranges(b"!~").without(b"\",;\\");

/// Decodes `%XX`, in either case. A `%` that two hex digits do not follow is kept as it is. Bytes
/// that are not UTF-8 after decoding become U+FFFD. Borrows when there is nothing to decode.
#[inline]
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%') {
        return Cow::Borrowed(text);
    }
    decode_bytes(text.as_bytes())
}

/// As [`decode`], for bytes that may not be UTF-8 before.
pub(crate) fn decode_bytes(text: &[u8]) -> Cow<'_, str> {
    if !text.contains(&b'%') {
        return String::from_utf8_lossy(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        match (byte, behind) {
            (b'%', [high, low, after @ ..]) => match pair(*high, *low) {
                Some(decoded) => {
                    out.push(decoded);
                    rest = after;
                    continue;
                }
                None => out.push(b'%'),
            },
            _ => out.push(*byte),
        }
        rest = behind;
    }
    Cow::Owned(match String::from_utf8(out) {
        Ok(valid) => valid,
        Err(invalid) => String::from_utf8_lossy(invalid.as_bytes()).into_owned(),
    })
}

#[inline]
fn pair(high: u8, low: u8) -> Option<u8> {
    let value = char::from(high).to_digit(16)? * 16 + char::from(low).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Appends `text`; encodes `%` and every byte that is not a `baggage-octet`.
#[inline]
pub(crate) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if BAGGAGE_OCTET.has(byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 0x0f] {
                out.push(
                    char::from_digit(u32::from(nibble), 16)
                        .unwrap_or_default()
                        .to_ascii_uppercase(),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        for (text, expected) in [
            ("acme%20corp", "acme corp"),
            ("%C3%a9", "é"),
            ("%", "%"),
            ("%2", "%2"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
            ("%ff", "\u{fffd}"),
            ("a%C3b", "a\u{fffd}b"),
            ("%é", "%é"),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
        assert!(matches!(decode("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn every_character_round_trips() {
        let all: String = ('\0'..='\u{2ff}').chain(['链', '🦀']).collect();
        let mut text = String::new();
        encode(&all, &mut text);
        assert!(BAGGAGE_OCTET.has_all(text.as_bytes()));
        assert_eq!(decode(&text), all);
    }
}
