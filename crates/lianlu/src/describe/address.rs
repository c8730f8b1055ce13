//! An address as text, on the stack.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The longest textual address: IPv6 with its IPv4 part in dotted form.
const LONGEST: usize = 45;

/// The text of an IP address.
#[derive(Debug)]
pub(crate) struct Address {
    text: [u8; LONGEST],
    length: usize,
}

impl Address {
    /// The address of a socket's end. An IPv4-mapped IPv6 address is written as IPv4.
    pub(crate) fn of(end: SocketAddr) -> Self {
        let mut address = Self {
            text: [0; LONGEST],
            length: 0,
        };
        match end.ip().to_canonical() {
            IpAddr::V4(ip) => address.put_v4(ip),
            IpAddr::V6(ip) => {
                // The buffer is large enough.
                let _ = write!(address, "{ip}");
            }
        }
        address
    }

    fn put_v4(&mut self, ip: Ipv4Addr) {
        for (at, byte) in ip.octets().into_iter().enumerate() {
            if at > 0 {
                self.put(b'.');
            }
            if byte >= 100 {
                self.put(b'0' + byte / 100);
            }
            if byte >= 10 {
                self.put(b'0' + byte / 10 % 10);
            }
            self.put(b'0' + byte % 10);
        }
    }

    #[inline]
    fn put(&mut self, byte: u8) {
        if let Some(place) = self.text.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        let text = self.text.get(..self.length).unwrap_or_default();
        // Only digits, hexadecimal letters, dots and colons.
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl Write for Address {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|byte| self.put(byte));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_standard_library() {
        let longest = "[1111:2222:3333:4444:5555:6666:7777:8888]:9";
        for text in [
            "0.0.0.0:1",
            "255.255.255.255:1",
            "10.9.100.99:1",
            "127.0.0.1:80",
            "[::1]:80",
            "[2001:db8::7]:80",
            longest,
        ] {
            let end: SocketAddr = text.parse().unwrap();
            assert_eq!(Address::of(end).as_str(), end.ip().to_string(), "{text}");
        }
        let mapped: SocketAddr = "[::ffff:192.0.2.7]:80".parse().unwrap();
        assert_eq!(Address::of(mapped).as_str(), "192.0.2.7");
    }
}
