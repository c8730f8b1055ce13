//! Lists of hosts that the context may be sent to.

use std::net::IpAddr;

use lianlu_wire::authority;

use crate::net::bad_entry::BadEntry;
use crate::net::cidr::{self, Cidr};

/// A list of hosts, for example the internal servers that the trace context may be sent to.
///
/// | entry | matches |
/// |---|---|
/// | `orders` | this host |
/// | `*.internal` | every host below `internal`, at any depth; not `internal` itself |
/// | `127.0.0.1`, `10.0.0.0/8`, `[::1]`, `fd00::/8` | addresses; IPv4-mapped IPv6 counts as IPv4 |
/// | `*` | every host |
///
/// An entry may end in a port: `orders:50051`, `10.0.0.0/8:443`, `[::1]:*`, `[fd00::/8]:443`.
/// Without a port, or with `*`, every port matches. Names are compared without case, and a trailing
/// dot is ignored. Names are never resolved: a host given by name matches no address entry.
///
/// ```
/// let hosts = lianlu::net::HostList::new(["orders:50051", "*.internal", "10.0.0.0/8"])?;
/// assert!(hosts.allows("Orders", Some(50051)));
/// assert!(hosts.allows("db.eu.internal.", None));
/// assert!(!hosts.allows("internal.example.com", Some(443)));
/// # Ok::<(), lianlu::net::BadEntry>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct HostList(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    hosts: Hosts,
    /// `None` matches every port.
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Hosts {
    All,
    Name(String),
    /// A domain suffix with its leading dot.
    Subdomains(String),
    Network(Cidr),
}

impl HostList {
    /// Makes a list of these entries.
    ///
    /// # Errors
    ///
    /// The first invalid entry.
    pub fn new<I>(entries: I) -> Result<Self, BadEntry>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let entries = entries.into_iter().map(|entry| {
            let entry = entry.as_ref();
            Entry::parse(entry).map_err(|problem| BadEntry::new("hosts", entry, problem))
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// Returns true if an entry matches this host, given with or without brackets. If `port` is
    /// `None`, entries with a port don't match.
    #[must_use]
    pub fn allows(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.is_empty() {
            return false;
        }
        let address = cidr::parse_host(host);
        self.0.iter().any(|entry| {
            (entry.port.is_none() || entry.port == port) && entry.hosts.matches(host, address)
        })
    }
}

impl Hosts {
    fn matches(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(address)),
            Self::Name(name) => name.eq_ignore_ascii_case(host),
            Self::Subdomains(suffix) => {
                let start = host.len().saturating_sub(suffix.len());
                start > 0
                    && host
                        .get(start..)
                        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
            }
        }
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (hosts, port) = split_port(text)?;
        let bare = hosts
            .strip_prefix('[')
            .and_then(|hosts| hosts.strip_suffix(']'));
        let hosts = match bare.unwrap_or(hosts) {
            network if bare.is_some() || network.contains(['/', ':']) => {
                Hosts::Network(Cidr::parse(network)?)
            }
            address if address.parse::<IpAddr>().is_ok() => Hosts::Network(Cidr::parse(address)?),
            "*" => Hosts::All,
            name => {
                let (is_wildcard, name) = match name.strip_prefix("*.") {
                    Some(name) => (true, name),
                    None => (false, name),
                };
                let name = name.strip_suffix('.').unwrap_or(name);
                check_name(name)?;
                if is_wildcard {
                    Hosts::Subdomains(format!(".{name}"))
                } else {
                    Hosts::Name(name.to_owned())
                }
            }
        };
        Ok(Self { hosts, port })
    }
}

/// Splits off a trailing `:port` or `:*`. More than one colon without brackets is IPv6.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let Some((hosts, port)) = text.rsplit_once(':') else {
        return Ok((text, None));
    };
    if hosts.contains(':') && !hosts.ends_with(']') {
        return Ok((text, None));
    }
    // The last colon is inside the brackets, so there is no port.
    if port.ends_with(']') {
        return Ok((text, None));
    }
    if port == "*" {
        return Ok((hosts, None));
    }
    match authority::port(port) {
        Some(port) => Ok((hosts, Some(port))),
        None => Err("the port must be a number up to 65535, or *"),
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if !name.is_ascii() {
        return Err("a non-ASCII name must be given in its xn-- form");
    }
    if name.contains('*') {
        return Err("* must be the whole host or the first label, as in *.internal");
    }
    let is_name_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let has_labels = name.split('.').all(|label| !label.is_empty());
    if has_labels && name.bytes().all(is_name_byte) {
        Ok(())
    } else {
        Err("not a host: use a name, an address or a network, without scheme and path")
    }
}

#[cfg(test)]
mod tests {
    use super::HostList;

    fn allows(entry: &str, host: &str, port: Option<u16>) -> bool {
        HostList::new([entry]).unwrap().allows(host, port)
    }

    #[test]
    fn an_empty_list_allows_no_host() {
        assert!(!HostList::default().allows("orders", Some(80)));
    }

    #[test]
    fn matches_names() {
        for host in ["orders", "ORDERS", "Orders."] {
            assert!(allows("orders", host, Some(1)), "{host}");
            assert!(allows("Orders.", host, None), "{host}");
        }
        for host in [
            "",
            ".",
            "orders..",
            "order",
            "orders.internal",
            "my-orders",
            "user@orders",
        ] {
            assert!(!allows("orders", host, Some(1)), "{host}");
        }
    }

    #[test]
    fn a_wildcard_matches_subdomains() {
        for host in ["a.internal", "a.b.internal", "A.Internal", "a.internal."] {
            assert!(allows("*.internal", host, None), "{host}");
        }
        for host in [
            "internal",
            ".internal",
            "evil-internal",
            "evilinternal",
            "internal.evil.com",
            "a.internal.evil.com",
            "a.internal..",
            "链.internal.com",
            "链internal",
        ] {
            assert!(!allows("*.internal", host, None), "{host}");
        }
    }

    #[test]
    fn matches_addresses_and_networks() {
        for (entry, host) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "127.0.0.1."),
            ("127.0.0.1", "[::ffff:127.0.0.1]"),
            ("10.0.0.0/8", "10.255.0.1"),
            ("[::1]", "::1"),
            ("[::1]:*", "[::1]"),
            ("::1", "[0:0::1]"),
            ("fd00::/8", "[FD00::1]"),
            ("[fd00::/8]:*", "fd00::1"),
        ] {
            assert!(allows(entry, host, Some(9)), "{entry} {host}");
        }
        for (entry, host) in [
            ("127.0.0.1", "127.0.0.1.evil.com"),
            ("127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1.nip.io"),
            ("10.0.0.0/8", "167772161"),
            ("[::1]", "::2"),
        ] {
            assert!(!allows(entry, host, Some(9)), "{entry} {host}");
        }
    }

    #[test]
    fn matches_ports() {
        for (entry, host) in [
            ("orders:443", "orders"),
            ("*.internal:443", "a.internal"),
            ("10.0.0.0/8:443", "10.0.0.1"),
            ("[::1]:443", "::1"),
            ("[fd00::/8]:443", "fd00::1"),
            ("*:443", "anything"),
        ] {
            assert!(allows(entry, host, Some(443)), "{entry}");
            assert!(!allows(entry, host, Some(80)), "{entry}");
            assert!(!allows(entry, host, None), "{entry}");
        }
        assert!(allows("orders:*", "orders", Some(80)));
        assert!(allows("*", "anything", None));
    }

    #[test]
    fn rejects_and_reports_invalid_entries() {
        for entry in [
            "",
            "*.",
            "*.*",
            "a.*",
            "api-*.internal",
            "**",
            "a..b",
            ".a",
            "http://a",
            "a/b",
            "a b",
            "a:",
            "a:http",
            "a:70000",
            "a:+1",
            "10.0.0.0/40",
            "[::1",
            "[a]",
            "[]",
            "链.example",
            "user@a",
            ":80",
            "a:1:2",
        ] {
            let error = HostList::new(["fine", entry]).unwrap_err();
            assert_eq!(error.entry(), entry);
            assert!(error.to_string().starts_with("hosts: "), "{error}");
        }
    }
}
