//! IP networks in CIDR notation.

use std::net::{IpAddr, Ipv6Addr};

/// A network address and its prefix length. IPv4-mapped IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    prefix: u32,
}

impl Cidr {
    pub(crate) const fn new(address: IpAddr, prefix: u32) -> Self {
        Self { address, prefix }
    }

    /// Parses `10.0.0.0/8`, `fd00::/8` or a single address. Bits beyond the prefix are ignored.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| "not an IP address or a network such as 10.0.0.0/8")?;
        let (bits, problem) = match address {
            IpAddr::V4(_) => (32, "the prefix length of an IPv4 network must be 0 to 32"),
            IpAddr::V6(_) => (128, "the prefix length of an IPv6 network must be 0 to 128"),
        };
        let mut prefix = match prefix {
            None => bits,
            // `parse` alone would accept `+8`.
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text
                .parse()
                .ok()
                .filter(|prefix| *prefix <= bits)
                .ok_or(problem)?,
            Some(_) => return Err(problem),
        };
        let canonical = address.to_canonical();
        if canonical.is_ipv4() && address.is_ipv6() {
            prefix = u32::checked_sub(prefix, 96)
                .ok_or("the prefix length of an IPv4-mapped IPv6 network must be 96 to 128")?;
        }
        Ok(Self::new(canonical, prefix))
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differing = ours.to_bits() ^ theirs.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = ours.to_bits() ^ theirs.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

/// Parses a host that is an IP address; IPv6 with or without brackets.
pub(crate) fn parse_host(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cidr, parse_host};

    fn contains(network: &str, address: &str) -> bool {
        Cidr::parse(network)
            .unwrap()
            .contains(address.parse().unwrap())
    }

    #[test]
    fn matches_addresses_by_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"),
            ("192.168.7.0/25", "192.168.7.127", "192.168.7.128"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.0"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
            ("::1", "::1", "::2"),
            ("10.1.2.3/8", "10.9.9.9", "9.1.2.3"),
        ] {
            assert!(contains(network, inside), "{network} {inside}");
            assert!(!contains(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn address_families_do_not_match_each_other() {
        assert!(contains("0.0.0.0/0", "255.1.2.3"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(!contains("::/0", "10.0.0.1"));
    }

    #[test]
    fn ipv4_mapped_addresses_count_as_ipv4() {
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(!contains("::ffff:10.0.0.0/104", "11.1.2.3"));
        assert!(contains("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(Cidr::parse("::ffff:10.0.0.0/8").is_err());
    }

    #[test]
    fn rejects_invalid_networks() {
        for text in [
            "",
            "/",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0",
            "010.0.0.1",
            "::/129",
            "::/",
            "[::1]",
            "fe80::1%eth0",
            "localhost",
            " ::1",
            "10.0.0.0/99999999999",
        ] {
            assert!(Cidr::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parses_hosts() {
        assert!(parse_host("[::1]").is_some());
        assert!(parse_host("::1").is_some());
        assert!(parse_host("127.0.0.1").is_some());
        assert!(parse_host("[127.0.0.1]").is_none());
        assert!(parse_host("[::1").is_none());
        assert!(parse_host("a.b").is_none());
    }
}
