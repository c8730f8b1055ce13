//! Optional white space of HTTP fields: spaces and tabs.
//! See [RFC 9110, section 5.6.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.3).

/// Trims spaces and tabs on both ends.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// Trims spaces and tabs at the start.
#[inline]
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Trims spaces and tabs at the end.
#[inline]
pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Splits at the first `separator`, which is in neither part. `None` without one.
#[inline]
pub(crate) fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == separator)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_spaces_and_tabs_and_nothing_else() {
        assert_eq!(trim(b" \t a b \t"), b"a b");
        assert_eq!(trim(b"\ra\n"), b"\ra\n");
        assert_eq!(trim(b" \t "), b"");
    }

    #[test]
    fn splits_at_the_first() {
        assert_eq!(split_once(b"a=b=c", b'='), Some((&b"a"[..], &b"b=c"[..])));
        assert_eq!(split_once(b"a=", b'='), Some((&b"a"[..], &b""[..])));
        assert_eq!(split_once(b"a", b'='), None);
    }
}
