//! Parsers for the parts of the headers' values: hops, hosts, ports and schemes.

use std::borrow::Cow;
use std::net::IpAddr;

use lianlu_wire::authority::{Authority, port};

use crate::net::cidr;

/// Longest accepted name of a host or hop, in bytes.
const MAX_NAME: usize = 255;

/// One hop (RFC 7239, section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node<'a> {
    Address(IpAddr, Option<u16>),
    /// An obfuscated identifier such as `_hidden`, which a proxy gives a hop instead of its
    /// address.
    Obfuscated(Cow<'a, str>, Option<u16>),
    Unknown,
}

impl<'a> Node<'a> {
    /// Parses an address, `_name` or `unknown`, each with an optional port. IPv6 without a port
    /// needs no brackets.
    pub(super) fn parse(text: Cow<'a, str>) -> Option<Self> {
        if let Some(address) = cidr::parse_host(&text) {
            return Some(Self::Address(address.to_canonical(), None));
        }
        let (name, port_text) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (&*text, None),
        };
        let port = port_text.and_then(port);
        let is_port = |text: &str| port.is_some() || text.is_empty() || is_obfuscated(text);
        if !port_text.is_none_or(is_port) {
            return None;
        }
        if name.eq_ignore_ascii_case("unknown") {
            return Some(Self::Unknown);
        }
        if is_obfuscated(name) {
            let end = name.len();
            let name = match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.get(..end)?),
                Cow::Owned(text) => Cow::Owned(text.get(..end)?.to_owned()),
            };
            return Some(Self::Obfuscated(name, port));
        }
        // IPv6 with a port must be in brackets: `1::2:80` was parsed as an address above.
        let address =
            cidr::parse_host(name).filter(|_| !name.contains(':') || name.starts_with('['));
        Some(Self::Address(address?.to_canonical(), port))
    }
}

fn is_obfuscated(text: &str) -> bool {
    let is_name_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= MAX_NAME
        && text
            .strip_prefix('_')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_name_byte))
}

/// Maps to `https` or `http`; `wss` and `ws` are upgrades of these.
pub(super) fn scheme(text: &str) -> Option<&'static str> {
    if text.eq_ignore_ascii_case("https") || text.eq_ignore_ascii_case("wss") {
        Some("https")
    } else if text.eq_ignore_ascii_case("http") || text.eq_ignore_ascii_case("ws") {
        Some("http")
    } else {
        None
    }
}

/// Parses `host` or `host:port`. Returns the host without brackets. User information is invalid.
pub(super) fn host(authority: Cow<'_, str>) -> Option<(Cow<'_, str>, Option<u16>)> {
    let Authority { host, port } = Authority::parse(&authority).ok()?;
    if host.len() > MAX_NAME || authority.contains('@') {
        return None;
    }
    let start = usize::from(authority.starts_with('['));
    let inner = start..start + host.len();
    let host = match &authority {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(inner)?),
        Cow::Owned(text) => Cow::Owned(text.get(inner)?.to_owned()),
    };
    Some((host, port))
}
