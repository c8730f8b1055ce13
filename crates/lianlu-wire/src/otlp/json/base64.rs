//! Base64 with `+` and `/`, padded. See [RFC 4648, section
//! 4](https://www.rfc-editor.org/rfc/rfc4648#section-4).

use std::fmt::{self, Write as _};

/// Displays bytes as base64.
pub(super) struct Base64<'a>(pub(super) &'a [u8]);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = self.0.as_chunks::<3>();
        for [a, b, c] in whole {
            group(f, [*a, *b, *c], 4)?;
        }
        match rest {
            [a] => group(f, [*a, 0, 0], 2),
            [a, b] => group(f, [*a, *b, 0], 3),
            _ => Ok(()),
        }
    }
}

/// Four characters of three bytes; those after the first `used` are padding.
fn group(f: &mut fmt::Formatter<'_>, [a, b, c]: [u8; 3], used: usize) -> fmt::Result {
    let bits = u32::from_be_bytes([0, a, b, c]);
    for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
        f.write_char(if at < used {
            character(bits >> shift & 0x3f)
        } else {
            '='
        })?;
    }
    Ok(())
}

fn character(sextet: u32) -> char {
    let from = |first: u8, offset: u32| char::from(first + (sextet - offset) as u8);
    match sextet {
        0..=25 => from(b'A', 0),
        26..=51 => from(b'a', 26),
        52..=61 => from(b'0', 52),
        62 => '+',
        _ => '/',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 4648, section 10, and the whole alphabet.
    #[test]
    fn vectors() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"foobar", "Zm9vYmFy"),
            (&[0x00, 0x10, 0x83, 0x10, 0x51, 0x87], "ABCDEFGH"),
            (&[0x69, 0xb7, 0x1d, 0x79, 0xf8, 0x21], "abcdefgh"),
            (
                &[0xd3, 0x5d, 0xb7, 0xe3, 0x9e, 0xbb, 0xf3, 0xdf, 0xbf],
                "0123456789+/",
            ),
        ] {
            assert_eq!(Base64(bytes).to_string(), text);
        }
    }
}
