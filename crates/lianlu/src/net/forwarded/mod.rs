//! Finds the original client of a proxied call, and the scheme and host that it requested.
//!
//! Any client can send `Forwarded` and `X-Forwarded-*`, so the headers are read from the right, and
//! only as far as trusted proxies have written them:
//!
//! ```text
//!   client ──► edge ──► inner ──► this service
//!
//!   Forwarded: for=spoofed, for=client;proto=https;host=shop.example, for=edge;proto=http
//!              ▲            ▲                                         ▲
//!              untrusted    the client: the first untrusted hop       a trusted proxy
//! ```
//!
//! The socket's peer is `inner`, which must be a trusted proxy too.

mod element;
mod list;
mod node;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use lianlu_wire::authority::port;

use crate::net::bad_entry::BadEntry;
use crate::net::cidr::Cidr;
use element::Element;
use list::Hops;
use node::Node;

/// The proxies whose `Forwarded` and `X-Forwarded-*` headers are trusted.
///
/// A proxy in front of a service reports the original client in [`Forwarded`], or in
/// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`. Any client can send these headers too, so they
/// are used only if the socket's peer is in this list, and only back to the first hop that is not
/// in it. Entries further left may be forged.
///
/// `Forwarded` takes precedence if a request has both. **If a proxy writes one of the two and
/// passes the other on, clients can forge the other**: let the proxy remove it, or choose the
/// header that the proxy writes with [`only_forwarded`](Self::only_forwarded) or
/// [`only_x_forwarded`](Self::only_x_forwarded).
///
/// The entries of `X-Forwarded-Proto`, `-Host` and `-Port` belong to those of `-For` by their
/// position from the right, so each proxy should either append to all of these headers or replace
/// them.
///
/// ```
/// use lianlu::net::TrustedProxies;
///
/// // The load balancer's network, and a sidecar.
/// let proxies = TrustedProxies::new(["10.0.0.0/8", "::1"])?;
/// assert!(proxies.contains("10.1.2.3".parse()?));
/// assert!(!proxies.contains("192.0.2.1".parse()?));
///
/// assert!(TrustedProxies::new(["10.0.0.0/40"]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Forwarded`]: https://www.rfc-editor.org/rfc/rfc7239
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TrustedProxies {
    networks: Vec<Cidr>,
    unix_sockets: bool,
    family: Family,
}

/// The headers that are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Family {
    #[default]
    Both,
    Forwarded,
    XForwarded,
}

/// Loopback, link-local and private networks: RFC 1122, 1918, 3927, 4193, 4291.
const PRIVATE: [Cidr; 8] = [
    Cidr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    Cidr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    Cidr::new(IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    Cidr::new(IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    Cidr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    Cidr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    Cidr::new(IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    Cidr::new(IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

impl TrustedProxies {
    /// Trusts these addresses and networks: `192.0.2.1`, `10.0.0.0/8`, `::1`, `fd00::/8`.
    ///
    /// # Errors
    ///
    /// The first invalid entry.
    pub fn new<I>(entries: I) -> Result<Self, BadEntry>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let networks = entries.into_iter().map(|entry| {
            let entry = entry.as_ref();
            Cidr::parse(entry).map_err(|problem| BadEntry::new("trusted proxies", entry, problem))
        });
        Ok(Self {
            networks: networks.collect::<Result<_, _>>()?,
            ..Self::default()
        })
    }

    /// Trusts loopback, link-local and private addresses. Use this only if you control every host
    /// with such an address, not if clients have one.
    pub fn private() -> Self {
        Self {
            networks: PRIVATE.to_vec(),
            ..Self::default()
        }
    }

    /// Also trusts peers without an IP address: those on a Unix socket, and all peers of a server
    /// that does not give the layer the peer's address.
    pub fn with_unix_sockets(mut self) -> Self {
        self.unix_sockets = true;
        self
    }

    /// Reads only `Forwarded`.
    pub fn only_forwarded(mut self) -> Self {
        self.family = Family::Forwarded;
        self
    }

    /// Reads only `X-Forwarded-*`.
    pub fn only_x_forwarded(mut self) -> Self {
        self.family = Family::XForwarded;
        self
    }

    /// Returns true if this address belongs to a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }

    fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.unix_sockets, |peer| self.contains(peer))
    }
}

/// The origin of a call as trusted proxies report it. Where a field is `None`, the socket's peer
/// and the request's own scheme and host apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    /// An IP address, or an obfuscated identifier such as `_hidden`.
    pub(crate) client_address: Option<Cow<'a, str>>,
    pub(crate) client_port: Option<u16>,
    /// `http` or `https`.
    pub(crate) scheme: Option<&'static str>,
    /// Without port and brackets.
    pub(crate) host: Option<Cow<'a, str>>,
    pub(crate) port: Option<u16>,
}

impl<'a> Origin<'a> {
    fn set_client(&mut self, node: Node<'a>) {
        match node {
            Node::Address(address, port) => {
                self.client_address = Some(Cow::Owned(address.to_string()));
                self.client_port = port;
            }
            Node::Obfuscated(name, port) => {
                self.client_address = Some(name);
                self.client_port = port;
            }
            Node::Unknown => {}
        }
    }

    fn set_host(&mut self, authority: Option<Cow<'a, str>>) {
        if let Some((host, port)) = authority.and_then(node::host) {
            self.host = Some(host);
            self.port = port;
        }
    }
}

/// Finds the origin of a request with these headers, if `peer` is a trusted proxy.
///
/// Walks from the right past trusted hops. The first untrusted hop is the client; if all are
/// trusted, the leftmost is. An unreadable entry ends the walk, and the hop before it is the
/// client. `unknown` ends the walk too, but the scheme and host of its entry are used. The work is
/// bounded to 32 hops and 8 KiB.
pub(crate) fn resolve<'a>(
    proxies: &TrustedProxies,
    peer: Option<IpAddr>,
    headers: &'a HeaderMap,
) -> Origin<'a> {
    if !proxies.trusts(peer) {
        return Origin::default();
    }
    let forwarded = match proxies.family {
        Family::Both => headers.contains_key(http::header::FORWARDED),
        Family::Forwarded => true,
        Family::XForwarded => false,
    };
    if forwarded {
        from_forwarded(proxies, headers)
    } else {
        from_x_forwarded(proxies, headers)
    }
}

/// Scheme and host come from the element of the client's hop: what the client requested from the
/// outermost trusted proxy. Elements further right hold what proxies requested from each other.
fn from_forwarded<'a>(proxies: &TrustedProxies, headers: &'a HeaderMap) -> Origin<'a> {
    let mut origin = Origin::default();
    let mut last = Element::default();
    for text in Hops::quoted(headers, &http::header::FORWARDED) {
        let Some(mut element) = text.and_then(Element::parse) else {
            break;
        };
        let node = element.node.take().unwrap_or(Node::Unknown);
        let is_trusted = matches!(&node, Node::Address(address, _) if proxies.contains(*address));
        origin.set_client(node);
        last = element;
        if !is_trusted {
            break;
        }
    }
    origin.scheme = last.scheme;
    origin.set_host(last.host);
    origin
}

/// `-Proto`, `-Host` and `-Port` do not name hops. Their entries are matched to those of `-For` by
/// their position from the right, where trusted proxies have written: what a client has sent before
/// them changes nothing. If such a list is too short, its rightmost entry is used, which the trusted
/// peer wrote.
fn from_x_forwarded<'a>(proxies: &TrustedProxies, headers: &'a HeaderMap) -> Origin<'a> {
    let mut origin = Origin::default();
    let mut client_index = 0;
    for (index, text) in Hops::plain(headers, "x-forwarded-for").enumerate() {
        let node = text.and_then(|text| Node::parse(Cow::Borrowed(text)));
        let Some(node) = node else {
            break;
        };
        let is_trusted = matches!(&node, Node::Address(address, _) if proxies.contains(*address));
        origin.set_client(node);
        client_index = index;
        if !is_trusted {
            break;
        }
    }
    let entry_for_client = |name| {
        let entry = |index| Hops::plain(headers, name).nth(index);
        entry(client_index).or_else(|| entry(0)).flatten()
    };
    origin.scheme = entry_for_client("x-forwarded-proto").and_then(node::scheme);
    origin.set_host(entry_for_client("x-forwarded-host").map(Cow::Borrowed));
    if origin.port.is_none() {
        origin.port = entry_for_client("x-forwarded-port").and_then(port);
    }
    origin
}
