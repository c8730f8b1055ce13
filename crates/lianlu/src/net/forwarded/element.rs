//! One element of `Forwarded` (RFC 7239, section 4): `for=192.0.2.43;proto=https;host=a.example`.

use std::borrow::Cow;

use super::node::{self, Node};

#[derive(Debug, Default)]
pub(super) struct Element<'a> {
    pub(super) node: Option<Node<'a>>,
    pub(super) scheme: Option<&'static str>,
    pub(super) host: Option<Cow<'a, str>>,
}

impl<'a> Element<'a> {
    /// Skips unknown parameters. Returns `None` if a parameter is repeated or the syntax is
    /// invalid.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let [mut node, mut scheme, mut host] = [None, None, None];
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ';']);
            if rest.is_empty() {
                break;
            }
            let (name, after) = rest.split_once('=')?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return None;
            }
            let (value, after) = value(after)?;
            rest = after.trim_start_matches([' ', '\t']);
            if !(rest.is_empty() || rest.starts_with(';')) {
                return None;
            }
            let slot = match () {
                () if name.eq_ignore_ascii_case("for") => &mut node,
                () if name.eq_ignore_ascii_case("proto") => &mut scheme,
                () if name.eq_ignore_ascii_case("host") => &mut host,
                () => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        Some(Self {
            // An invalid `for` makes the whole element invalid; a missing one does not.
            node: match node {
                Some(node) => Some(Node::parse(node)?),
                None => None,
            },
            scheme: scheme.and_then(|scheme| node::scheme(&scheme)),
            host,
        })
    }
}

/// Splits a token or quoted string off the start. An unquoted value may contain the colons and
/// brackets of addresses, because many proxies don't quote them.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
        let (value, after) = text.split_at_checked(end)?;
        let is_value_byte = |byte| is_token(byte) || matches!(byte, b':' | b'[' | b']');
        return (!value.is_empty() && value.bytes().all(is_value_byte))
            .then_some((Cow::Borrowed(value), after));
    };
    let mut escaped = false;
    let end = quoted.find(|c| match c {
        _ if escaped => {
            escaped = false;
            false
        }
        '\\' => {
            escaped = true;
            false
        }
        _ => c == '"',
    })?;
    let (value, after) = quoted.split_at_checked(end)?;
    let after = after.strip_prefix('"')?;
    if !value.contains('\\') {
        return Some((Cow::Borrowed(value), after));
    }
    let mut plain = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            plain.push(c);
        }
    }
    Some((Cow::Owned(plain), after))
}

/// A `tchar` of RFC 9110.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
