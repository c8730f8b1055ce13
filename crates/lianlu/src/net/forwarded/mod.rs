//! Who a call behind proxies really comes from, and what that client asked for.
//!
//! Anybody can write `Forwarded` and `X-Forwarded-*`, so they are read from the right, as far as
//! trusted proxies have written them:
//!
//! ```text
//!   client ──► edge ──► inner ──► this service
//!
//!   Forwarded: for=spoofed, for=client;proto=https;host=shop.example, for=edge;proto=http
//!                                        ▲                                  ▲       peer: inner
//!        left of the client: its own    the first hop that is no proxy    a trusted proxy's hop
//! ```

mod element;
mod list;
mod node;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;

use crate::net::bad_entry::BadEntry;
use crate::net::cidr::Cidr;
use element::Element;
use list::Hops;
use node::Node;

/// The proxies whose word about a call's origin is believed.
///
/// A proxy in front of a service tells in [`Forwarded`], or in `X-Forwarded-For`, `-Proto`, `-Host`
/// and `-Port`, which client it speaks for. Anybody else can write these headers too. They are
/// therefore believed only where the socket's other end is in this list, and only back to the first
/// hop that is not: what stands left of it was written by strangers.
///
/// `Forwarded` takes precedence where a request has both. **A proxy that writes one of the two and
/// passes the other on lets clients write it**: have it remove the other one, or say which one it
/// writes with [`only_forwarded`](Self::only_forwarded) or
/// [`only_x_forwarded`](Self::only_x_forwarded).
///
/// ```
/// use lianlu::TrustedProxies;
///
/// // The balancer's network, and a sidecar.
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

/// Which headers are read.
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
    /// Names the first entry that is neither.
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

    /// Trusts loopback, link-local and private addresses: right where everything with such an
    /// address is yours, and wrong where your callers have one.
    pub fn private() -> Self {
        Self {
            networks: PRIVATE.to_vec(),
            ..Self::default()
        }
    }

    /// Also trusts callers without an IP address: those on a Unix socket, and servers that don't
    /// tell the layer who has connected.
    pub fn with_unix_sockets(mut self) -> Self {
        self.unix_sockets = true;
        self
    }

    /// Reads `Forwarded` alone.
    pub fn only_forwarded(mut self) -> Self {
        self.family = Family::Forwarded;
        self
    }

    /// Reads `X-Forwarded-*` alone.
    pub fn only_x_forwarded(mut self) -> Self {
        self.family = Family::XForwarded;
        self
    }

    /// Whether this address is a trusted proxy's.
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

/// What trusted proxies say of a call. What they don't say is `None`: the socket's other end is the
/// client then, and the request's own scheme and host stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    /// An IP address, or the name that a proxy has made up for one: `_hidden`.
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
            Node::Name(name, port) => {
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

/// Reads who a request with these headers comes from, if `peer` may say so.
///
/// The walk goes from the right past trusted hops. The first other one is the client; if there is
/// none, the leftmost is. An entry that can't be read ends the walk, and the hop before it is the
/// client. So does `unknown`, but what its entry says of scheme and host holds. The work is bounded:
/// 32 hops, 8 KiB.
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

/// Scheme and host are those of the element whose hop is the client: what that client has asked the
/// outermost trusted proxy for. Elements nearer by tell what proxies asked each other.
fn from_forwarded<'a>(proxies: &TrustedProxies, headers: &'a HeaderMap) -> Origin<'a> {
    let mut origin = Origin::default();
    let mut told = Element::default();
    for text in Hops::quoted(headers, &http::header::FORWARDED) {
        let Some(mut element) = text.and_then(Element::parse) else {
            break;
        };
        let node = element.node.take().unwrap_or(Node::Unknown);
        let go_on = matches!(&node, Node::Address(address, _) if proxies.contains(*address));
        origin.set_client(node);
        told = element;
        if !go_on {
            break;
        }
    }
    origin.scheme = told.scheme;
    origin.set_host(told.host);
    origin
}

/// `-Proto`, `-Host` and `-Port` have no places for hops. A list as long as that of `-For` is taken
/// to run beside it; of any other, the rightmost entry is the one that the peer vouches for.
fn from_x_forwarded<'a>(proxies: &TrustedProxies, headers: &'a HeaderMap) -> Origin<'a> {
    let mut origin = Origin::default();
    let mut place = None;
    let mut hops = 0;
    let mut walking = true;
    for text in Hops::plain(headers, "x-forwarded-for") {
        hops += 1;
        if !walking {
            continue;
        }
        let node = text.and_then(|text| Node::parse(Cow::Borrowed(text)));
        let Some(node) = node.filter(|node| *node != Node::Unknown) else {
            walking = false;
            continue;
        };
        walking = matches!(&node, Node::Address(address, _) if proxies.contains(*address));
        origin.set_client(node);
        place = Some(hops - 1);
    }
    let beside = |name| {
        let entry = |place| Hops::plain(headers, name).nth(place).flatten();
        match place {
            Some(place) if place > 0 && Hops::plain(headers, name).count() == hops => entry(place),
            _ => entry(0),
        }
    };
    origin.scheme = beside("x-forwarded-proto").and_then(node::scheme);
    origin.set_host(beside("x-forwarded-host").map(Cow::Borrowed));
    if origin.port.is_none() {
        origin.port = beside("x-forwarded-port").and_then(node::port);
    }
    origin
}
