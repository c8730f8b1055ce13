//! Parser for the `baggage` header.

use std::borrow::Cow;

use crate::text::class::Class;
use crate::text::{ows, percent};

/// Most bytes read from, or written to, all `baggage` lines of a request together.
pub const BAGGAGE_MAX_BYTES: usize = 8192;

/// Most members read from, or written to, all `baggage` lines of a request together.
pub const BAGGAGE_MAX_MEMBERS: usize = 64;

/// One entry of the baggage.
///
/// See [Baggage, section 3.2](https://www.w3.org/TR/baggage/#header-content).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaggageMember<'a> {
    /// An HTTP token. Never percent-decoded.
    pub key: &'a str,
    /// The value, percent-decoded.
    pub value: Cow<'a, str>,
    /// The properties as in the header, such as `ttl=30;public`, without the leading semicolon.
    /// Empty without properties. The specification treats them as opaque, so they are not decoded.
    pub properties: &'a str,
}

impl<'a> BaggageMember<'a> {
    /// A member without properties.
    #[must_use]
    pub fn new(key: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        Self {
            key,
            value: value.into(),
            properties: "",
        }
    }
}

/// Reads all `baggage` lines of a request, in their order, as one list.
///
/// The limits, [`BAGGAGE_MAX_BYTES`] and [`BAGGAGE_MAX_MEMBERS`], apply to all lines together and
/// before a member is parsed: members beyond a limit are ignored as a whole. Malformed members are
/// skipped. Members with the same key are all kept, in order.
///
/// # Examples
///
/// ```
/// use lianlu_wire::w3c::parse_baggage;
///
/// let lines: [&[u8]; 2] = [b"tenant=acme%20corp;ttl=30, not a member", b"user = alice"];
/// let members: Vec<_> = parse_baggage(lines).collect();
/// assert_eq!(members[0].key, "tenant");
/// assert_eq!(members[0].value, "acme corp");
/// assert_eq!(members[0].properties, "ttl=30");
/// assert_eq!((members[1].key, &*members[1].value), ("user", "alice"));
/// assert_eq!(members.len(), 2);
/// ```
#[inline]
pub fn parse_baggage<'a, I>(lines: I) -> BaggageIter<'a, I::IntoIter>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    BaggageIter {
        lines: lines.into_iter(),
        rest: None,
        bytes_left: BAGGAGE_MAX_BYTES,
        members_left: BAGGAGE_MAX_MEMBERS,
    }
}

/// Yields the well-formed members within the limits. Made by [`parse_baggage`].
#[derive(Clone, Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct BaggageIter<'a, I> {
    lines: I,
    /// The unread part of the current line; `None` before the next line.
    rest: Option<&'a [u8]>,
    bytes_left: usize,
    members_left: usize,
}

impl<'a, I: Iterator<Item = &'a [u8]>> BaggageIter<'a, I> {
    /// The next member, well-formed or not, or `None` at the end or at a limit.
    #[inline]
    fn next_raw(&mut self) -> Option<RawMember<'a>> {
        let line = match self.rest.take() {
            Some(rest) => rest,
            None => self.lines.next()?,
        };
        // One byte more than the limit is enough to see whether a member ends within it.
        let window = line.get(..=self.bytes_left).unwrap_or(line);
        let (raw, length) = match parse_simple_member(window) {
            Some((member, length)) => (RawMember::Parsed(member), length),
            None => {
                let comma = window.iter().position(|&byte| byte == b',');
                let length = comma.unwrap_or(window.len());
                let bytes = ows::trim(line.get(..length)?);
                (RawMember::Unparsed(bytes), length)
            }
        };
        if length > self.bytes_left {
            self.bytes_left = 0;
            self.members_left = 0;
            return None;
        }
        // The comma, or the separator between two lines, counts too.
        self.bytes_left = self.bytes_left.saturating_sub(length + 1);
        self.rest = line.get(length + 1..);
        Some(raw)
    }
}

/// A member as split off the list.
enum RawMember<'a> {
    /// Parsed by the fast path.
    Parsed(BaggageMember<'a>),
    /// Not parsed yet, without surrounding white space.
    Unparsed(&'a [u8]),
}

impl<'a, I: Iterator<Item = &'a [u8]>> Iterator for BaggageIter<'a, I> {
    type Item = BaggageMember<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.members_left > 0 && self.bytes_left > 0 {
            let found = match self.next_raw()? {
                RawMember::Parsed(member) => Some(member),
                RawMember::Unparsed([]) => continue,
                RawMember::Unparsed(bytes) => parse_member(bytes),
            };
            self.members_left -= 1;
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// Fast path: the first member of `window` and the offset of its end, for a member without
/// properties and with white space only in front. Reads each byte once. `None` means the slow path
/// must decide.
#[inline]
fn parse_simple_member(window: &[u8]) -> Option<(BaggageMember<'_>, usize)> {
    let line = ows::trim_start(window);
    let equals = TOKEN.prefix(line);
    let (key, value) = line.split_at_checked(equals)?;
    let [b'=', value @ ..] = value else {
        return None;
    };
    let end = equals + 1 + percent::BAGGAGE_OCTET.prefix(value);
    if !matches!(line.get(end), None | Some(b',')) || key.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(line.get(..end)?).ok()?;
    let member = BaggageMember {
        key: text.get(..equals)?,
        value: percent::decode(text.get(equals + 1..)?),
        properties: "",
    };
    Some((member, window.len() - line.len() + end))
}

/// `list-member = key OWS "=" OWS value *( OWS ";" OWS property )`
#[inline]
fn parse_member(raw: &[u8]) -> Option<BaggageMember<'_>> {
    let (pair, properties) = ows::split_once(raw, b';').unwrap_or((raw, b""));
    let (key, value) = ows::split_once(pair, b'=')?;
    let properties = ows::trim(properties);
    if !are_properties(properties) {
        return None;
    }
    Some(BaggageMember {
        key: text(ows::trim(key), is_token)?,
        value: percent::decode(text(ows::trim(value), is_value)?),
        properties: std::str::from_utf8(properties).ok()?,
    })
}

#[inline]
fn text(bytes: &[u8], allowed: impl Fn(&[u8]) -> bool) -> Option<&str> {
    if allowed(bytes) {
        std::str::from_utf8(bytes).ok()
    } else {
        None
    }
}

/// `token`, see [RFC 9110, section 5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
#[inline]
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && TOKEN.has_all(bytes)
}

static TOKEN: Class = Class::ranges(b"azAZ09").with(b"!#$%&'*+-.^_`|~");

#[inline]
fn is_value(bytes: &[u8]) -> bool {
    percent::BAGGAGE_OCTET.has_all(bytes)
}

/// Properties without the leading semicolon; empty is valid.
#[inline]
pub(super) fn are_properties(bytes: &[u8]) -> bool {
    bytes.is_empty()
        || bytes
            .split(|&byte| byte == b';')
            .all(|property| match ows::split_once(property, b'=') {
                Some((key, value)) => is_token(ows::trim(key)) && is_value(ows::trim(value)),
                None => is_token(ows::trim(property)),
            })
}

#[cfg(test)]
#[path = "baggage_tests.rs"]
mod tests;
