//! Hosts that something may be sent to.

use std::net::IpAddr;

use crate::net::bad_entry::BadEntry;
use crate::net::cidr::{self, Cidr};

/// A list of hosts: which servers may be told what stays within the house.
///
/// | entry | matches |
/// |---|---|
/// | `orders` | this host |
/// | `*.internal` | every host below `internal`, at any depth; not `internal` itself |
/// | `127.0.0.1`, `10.0.0.0/8`, `[::1]`, `fd00::/8` | addresses; IPv4 within IPv6 is IPv4 |
/// | `*` | every host |
///
/// Each of them can be followed by a port: `orders:50051`, `10.0.0.0/8:443`, `[::1]:*`,
/// `[fd00::/8]:443`. Without one, or with `*`, every port matches. Names are compared without
/// regard to case, and a dot at the end makes no difference. A name is never looked up: a host that
/// is asked for by its name matches no address.
///
/// ```
/// let hosts = lianlu::HostList::new(["orders:50051", "*.internal", "10.0.0.0/8"])?;
/// assert!(hosts.allows("Orders", Some(50051)));
/// assert!(hosts.allows("db.eu.internal.", None));
/// assert!(!hosts.allows("internal.example.com", Some(443)));
/// # Ok::<(), lianlu::BadEntry>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct HostList(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    hosts: Hosts,
    /// `None` is any.
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Hosts {
    All,
    Named(String),
    /// With the dot in front.
    Below(String),
    Network(Cidr),
}

impl HostList {
    /// Makes a list of these entries.
    ///
    /// # Errors
    ///
    /// Names the first entry that is none of the above.
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

    /// Whether an entry matches this host, given with or without brackets. Where the port is not
    /// known, entries with a port don't match.
    #[must_use]
    pub fn allows(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.is_empty() {
            return false;
        }
        let address = cidr::parse_host(host);
        self.0.iter().any(|entry| {
            (entry.port.is_none() || entry.port == port) && entry.hosts.contain(host, address)
        })
    }
}

impl Hosts {
    fn contain(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(address)),
            Self::Named(name) => name.eq_ignore_ascii_case(host),
            Self::Below(suffix) => {
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
                let (below, name) = match name.strip_prefix("*.") {
                    Some(name) => (true, name),
                    None => (false, name),
                };
                let name = name.strip_suffix('.').unwrap_or(name);
                check_name(name)?;
                if below {
                    Hosts::Below(format!(".{name}"))
                } else {
                    Hosts::Named(name.to_owned())
                }
            }
        };
        Ok(Self { hosts, port })
    }
}

/// Takes `:port` or `:*` off the end. More than one colon without brackets is IPv6.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let Some((hosts, port)) = text.rsplit_once(':') else {
        return Ok((text, None));
    };
    if hosts.contains(':') && !hosts.ends_with(']') {
        return Ok((text, None));
    }
    // A colon within the brackets is no port's.
    if port.ends_with(']') {
        return Ok((text, None));
    }
    if port == "*" {
        return Ok((hosts, None));
    }
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits => Ok((hosts, Some(port))),
        _ => Err("the port is a number up to 65535, or *"),
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if !name.is_ascii() {
        return Err("a name beyond ASCII is written in its xn-- form");
    }
    if name.contains('*') {
        return Err("* stands for a whole host, or before a dot at the start");
    }
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let labels = name.split('.').all(|label| !label.is_empty());
    if labels && name.bytes().all(fine) {
        Ok(())
    } else {
        Err("not a host: a name, an address or a network, without scheme and path")
    }
}

#[cfg(test)]
mod tests {
    use super::HostList;

    fn allows(entry: &str, host: &str, port: Option<u16>) -> bool {
        HostList::new([entry]).unwrap().allows(host, port)
    }

    #[test]
    fn an_empty_list_allows_nobody() {
        assert!(!HostList::default().allows("orders", Some(80)));
    }

    #[test]
    fn names() {
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
    fn whatever_is_below_a_name() {
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
    fn addresses_and_networks() {
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
    fn ports() {
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
    fn what_is_no_host_is_refused_by_name() {
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
