//! Percent-decoding of variables' values.

/// Decodes escapes such as `%2C` in the value of a variable. `None` if a `%` is not followed by two hex digits or the result
/// is not UTF-8.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes_valid_escapes_only() {
        assert_eq!(decode("a%2Cb%3d+").as_deref(), Some("a,b=+"));
        assert_eq!(decode("%E9%93%BE路").as_deref(), Some("链路"));
        for bad in ["%", "%1", "%zz", "%E9", "a%2"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
