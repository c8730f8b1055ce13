//! Encoder for the `baggage` header.

use super::baggage::{are_properties, is_token};
use super::{BAGGAGE_MAX_BYTES, BAGGAGE_MAX_MEMBERS, BaggageMember};
use crate::text::percent;

/// Writes members as one header value, in the order given. Empty without members: then send no
/// header.
///
/// Every byte of a value that is not a `baggage-octet` is percent-encoded. A member is skipped when
/// its key is not an HTTP token, when its properties do not follow the grammar, or when it would
/// push the header over [`BAGGAGE_MAX_BYTES`] or [`BAGGAGE_MAX_MEMBERS`]; later members are still
/// added if they fit.
///
/// See [Baggage, section 3.3](https://www.w3.org/TR/baggage/#header-content).
///
/// # Examples
///
/// ```
/// use lianlu_wire::w3c::{BaggageMember, encode_baggage};
///
/// let value = encode_baggage([
///     BaggageMember::new("tenant", "acme corp"),
///     BaggageMember { key: "user", value: "アリス".into(), properties: "ttl=30" },
/// ]);
/// assert_eq!(value, "tenant=acme%20corp,user=%E3%82%A2%E3%83%AA%E3%82%B9;ttl=30");
/// ```
#[must_use]
pub fn encode_baggage<'a>(members: impl IntoIterator<Item = BaggageMember<'a>>) -> String {
    let mut out = String::new();
    let mut written = 0;
    for member in members {
        if written == BAGGAGE_MAX_MEMBERS {
            break;
        }
        // Encoding never shortens, so a member this long cannot fit: skip it before writing.
        let shortest = member.key.len() + 1 + member.value.len() + member.properties.len();
        if shortest > BAGGAGE_MAX_BYTES
            || !is_token(member.key.as_bytes())
            || !are_properties(member.properties.as_bytes())
        {
            continue;
        }
        let before = out.len();
        // One allocation fits most lists; an empty list needs none.
        out.reserve(if before == 0 { shortest.max(64) } else { 0 });
        if written > 0 {
            out.push(',');
        }
        out.push_str(member.key);
        out.push('=');
        percent::encode(&member.value, &mut out);
        if !member.properties.is_empty() {
            out.push(';');
            out.push_str(member.properties);
        }
        if out.len() > BAGGAGE_MAX_BYTES {
            out.truncate(before);
        } else {
            written += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::w3c::parse_baggage;

    #[test]
    fn a_space_is_percent_20() {
        assert_eq!(
            encode_baggage([BaggageMember::new("tenant", "acme corp")]),
            "tenant=acme%20corp"
        );
    }

    #[test]
    fn values_and_properties_cannot_inject_members() {
        let members = [
            BaggageMember::new("a", "1,b=2;c\r\nx: \"y\"\\"),
            BaggageMember::new("bad key", "1"),
            BaggageMember::new("", "1"),
            BaggageMember {
                properties: "x,y=1",
                ..BaggageMember::new("p", "1")
            },
            BaggageMember {
                properties: "x\r\ny",
                ..BaggageMember::new("p", "1")
            },
            BaggageMember {
                properties: "x=1; y",
                ..BaggageMember::new("q", "")
            },
        ];
        let value = encode_baggage(members.clone());
        assert_eq!(value, "a=1%2Cb=2%3Bc%0D%0Ax:%20%22y%22%5C,q=;x=1; y");
        let back: Vec<_> = parse_baggage([value.as_bytes()]).collect();
        assert_eq!(back, [members[0].clone(), members[5].clone()]);
    }

    #[test]
    fn stays_within_the_limits() {
        let many = encode_baggage((0..100).map(|_| BaggageMember::new("k", "v")));
        assert_eq!(many.split(',').count(), 64);

        let fits = "v".repeat(8000);
        let exact = "w".repeat(8192 - 8000 - 2 - 3);
        let value = encode_baggage([
            BaggageMember::new("a", "v".repeat(8191)),
            BaggageMember::new("b", &*fits),
            BaggageMember::new("c", format!("{exact}w")),
            BaggageMember::new("d", &*exact),
            BaggageMember::new("e", ""),
        ]);
        assert_eq!(value.len(), 8192);
        assert_eq!(value, format!("b={fits},d={exact}"));
    }
}
