//! Base64 as it comes in, for
//! [gRPC-Web's text mode](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md): pieces that are
//! padded each for itself follow one another.

/// The letters that make a group of bytes.
const GROUP: u8 = 4;

/// Reads one letter after the other.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bits: u32,
    letters: u8,
    padding: u8,
}

/// What is no base64.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Decoder {
    /// Gives a group of bytes, one to three, when its last letter has come.
    pub(super) fn push(&mut self, letter: u8) -> Result<Option<Group>, Malformed> {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if self.letters >= 2 => {
                self.padding += 1;
                0
            }
            _ => return Err(Malformed),
        };
        if self.padding > 0 && letter != b'=' {
            return Err(Malformed);
        }
        self.bits = self.bits << 6 | u32::from(value);
        self.letters += 1;
        if self.letters < GROUP {
            return Ok(None);
        }
        let [_, bytes @ ..] = self.bits.to_be_bytes();
        let count = 3 - usize::from(self.padding);
        *self = Self::default();
        Ok(Some(Group { bytes, count }))
    }
}

/// What four letters stand for.
#[derive(Debug)]
pub(super) struct Group {
    bytes: [u8; 3],
    count: usize,
}

impl Group {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Vec<u8>, Malformed> {
        let mut decoder = Decoder::default();
        let mut bytes = Vec::new();
        for letter in text.bytes() {
            if let Some(group) = decoder.push(letter)? {
                bytes.extend(group.bytes());
            }
        }
        Ok(bytes)
    }

    /// The vectors of [RFC 4648](https://www.rfc-editor.org/rfc/rfc4648#section-10).
    #[test]
    fn the_rfcs_vectors() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
            // Two pieces.
            ("Zg==Zm9v", "ffoo"),
        ] {
            assert_eq!(decode(text).unwrap(), bytes.as_bytes(), "{text}");
        }
        assert_eq!(decode("//79").unwrap(), [255, 254, 253]);
    }

    #[test]
    fn what_is_none() {
        for text in ["Zm9 ", "Z===", "=", "Zm=v", "Zm9v\n", "Zm-_"] {
            assert_eq!(decode(text), Err(Malformed), "{text}");
        }
    }
}
