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
    /// Other parameters are skipped. A parameter given twice, or a text that is no list of
    /// parameters, is refused as a whole.
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
            let place = match () {
                () if name.eq_ignore_ascii_case("for") => &mut node,
                () if name.eq_ignore_ascii_case("proto") => &mut scheme,
                () if name.eq_ignore_ascii_case("host") => &mut host,
                () => continue,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(Self {
            // Who can't be read makes the element worth nothing; one who is not told does not.
            node: match node {
                Some(node) => Some(Node::parse(node)?),
                None => None,
            },
            scheme: scheme.and_then(|scheme| node::scheme(&scheme)),
            host,
        })
    }
}

/// A token or a quoted string at the start, and what follows it. What is not quoted may hold the
/// colons and brackets of addresses, which many proxies don't quote.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
        let (value, after) = text.split_at_checked(end)?;
        let fine = |byte| is_token(byte) || matches!(byte, b':' | b'[' | b']');
        return (!value.is_empty() && value.bytes().all(fine))
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

/// RFC 9110's token.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
