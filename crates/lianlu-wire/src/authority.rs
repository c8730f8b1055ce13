//! The authority of a URL or request: `user@host:port`.
//!
//! See [RFC 3986, section 3.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2).

use std::net::{IpAddr, Ipv6Addr};

/// Host and port.
///
/// # Examples
///
/// ```
/// use lianlu_wire::authority::Authority;
///
/// let authority = Authority::parse("[::1]:8080")?;
/// assert_eq!((authority.host, authority.port), ("::1", Some(8080)));
/// // An empty port is legal.
/// assert_eq!(Authority::parse("example.org:")?.port, None);
/// assert!(Authority::parse("example.org:+80").is_err());
/// # Ok::<(), lianlu_wire::authority::AuthorityError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host, without brackets.
    pub host: &'a str,
    /// The port. `None` if there is none, or an empty one.
    pub port: Option<u16>,
}

/// Why a text is not an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The host is empty, or has a character that is not allowed.
    #[error("not a host name, an IPv4 address or an IPv6 address in brackets")]
    Host,
    /// The port is not a number.
    #[error("the port must be a number from 0 to 65535")]
    Port,
}

impl<'a> Authority<'a> {
    /// Parses an authority. User information is left out. An IPv6 address without a port may be
    /// without its brackets.
    ///
    /// # Errors
    ///
    /// See [`AuthorityError`].
    pub fn parse(text: &'a str) -> Result<Self, AuthorityError> {
        let (host, port_text) = split(text);
        let inner = without_brackets(host);
        let is_host = match inner {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => is_name(host) || host.parse::<Ipv6Addr>().is_ok(),
        };
        let port = match port_text {
            None | Some("") => None,
            Some(text) => Some(port(text).ok_or(AuthorityError::Port)?),
        };
        if !is_host {
            return Err(AuthorityError::Host);
        }
        Ok(Self {
            host: inner.unwrap_or(host),
            port,
        })
    }

    /// The host and port of any text, for display. A port that is not a number is left out.
    #[must_use]
    pub fn split(text: &'a str) -> Self {
        let (host, port_text) = split(text);
        Self {
            host: without_brackets(host).unwrap_or(host),
            port: port_text.and_then(port),
        }
    }
}

/// Parses a port: digits, without a sign, up to 65535.
#[must_use]
pub fn port(text: &str) -> Option<u16> {
    // `parse` alone would accept `+80`.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// The host, with its brackets, and the text behind its colon.
fn split(text: &str) -> (&str, Option<&str>) {
    let text = text.rsplit_once('@').map_or(text, |(_, text)| text);
    match text.rsplit_once(':') {
        // The last colon is within brackets, or part of an address without them.
        Some((_, port)) if port.contains(']') => (text, None),
        Some((host, _)) if host.contains(':') && text.parse::<IpAddr>().is_ok() => (text, None),
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    }
}

fn without_brackets(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

/// `unreserved`, not empty. A `reg-name` may also have percent-encoding and `sub-delims`, which name
/// no host.
fn is_name(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !host.is_empty() && host.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_splits_authorities() {
        use AuthorityError::{Host, Port};
        for (text, host, port, error) in [
            ("example.org", "example.org", None, None),
            ("example.org:80", "example.org", Some(80), None),
            ("example.org:", "example.org", None, None),
            ("example.org:00080", "example.org", Some(80), None),
            ("example.org:0", "example.org", Some(0), None),
            ("example.org:+80", "example.org", None, Some(Port)),
            ("example.org:-1", "example.org", None, Some(Port)),
            ("example.org:65536", "example.org", None, Some(Port)),
            ("example.org:http", "example.org", None, Some(Port)),
            ("example.org: 80", "example.org", None, Some(Port)),
            ("user:pass@example.org:80", "example.org", Some(80), None),
            ("192.0.2.7:80", "192.0.2.7", Some(80), None),
            ("[::1]", "::1", None, None),
            ("[::1]:", "::1", None, None),
            ("[::1]:80", "::1", Some(80), None),
            ("[::1]:+80", "::1", None, Some(Port)),
            ("::1", "::1", None, None),
            ("2001:db8::7:80", "2001:db8::7:80", None, None),
            ("[::1", "[:", Some(1), Some(Host)),
            ("[::1]80", "[::1]80", None, Some(Host)),
            ("[example.org]:80", "example.org", Some(80), Some(Host)),
            ("a:b:80", "a:b", Some(80), Some(Host)),
            ("", "", None, Some(Host)),
            (":80", "", Some(80), Some(Host)),
            ("a b", "a b", None, Some(Host)),
            ("链.example:80", "链.example", Some(80), Some(Host)),
            ("a/b", "a/b", None, Some(Host)),
            ("a/b:c", "a/b", None, Some(Port)),
            ("a,b", "a,b", None, Some(Host)),
        ] {
            let expected = Authority { host, port };
            assert_eq!(Authority::split(text), expected, "{text}");
            let strict = error.map_or(Ok(expected), Err);
            assert_eq!(Authority::parse(text), strict, "{text}");
        }
    }
}
