//! Host and port of a call's server.

use lianlu_wire::authority::Authority;

use crate::net::redact::redact;

/// A host and, if known, a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The scheme of a URL: `http` or `https`.
    pub(crate) scheme: Option<&'static str>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl Target {
    /// Parses a gRPC channel's target as the [gRPC conventions] require: `host:port`,
    /// `dns://…/host:port` and URLs give host and port, `unix:` gives the path. Anything else is
    /// used unchanged, without its credentials.
    ///
    /// [gRPC conventions]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
    pub(crate) fn parse(target: &str) -> Self {
        let Some((scheme, rest)) = target.split_once(':') else {
            return Self::from_authority(target);
        };
        match &*scheme.to_ascii_lowercase() {
            scheme @ ("http" | "https") => {
                let rest = rest.trim_start_matches('/');
                let authority = rest.split(['/', '?', '#']).next();
                let mut found = Self::from_authority(authority.unwrap_or(rest));
                found.port = found.port.or_else(|| default_port(scheme));
                found.scheme = Some(if scheme == "https" { "https" } else { "http" });
                found
            }
            "dns" => {
                // dns:host:port, dns:///host:port, dns://resolver/host:port
                let name = match rest.strip_prefix("//") {
                    Some(rest) => rest.split_once('/').map_or(rest, |(_, name)| name),
                    None => rest,
                };
                Self::from_authority(name)
            }
            "unix" => Self {
                scheme: None,
                host: rest.strip_prefix("//").unwrap_or(rest).to_owned(),
                port: None,
            },
            "unix-abstract" => Self {
                scheme: None,
                host: rest.to_owned(),
                port: None,
            },
            // A plain `host:port`, or an address in brackets; several addresses are used unchanged.
            _ if target.starts_with('[') || rest.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self::from_authority(target)
            }
            _ => Self {
                scheme: None,
                host: redact(target).into_owned(),
                port: None,
            },
        }
    }

    /// The authority as in a URL, without the default port of its scheme.
    pub(crate) fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let implied = self.scheme.and_then(default_port);
        match self.port.filter(|port| Some(*port) != implied) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// Parses `host`, `host:port` or `[v6]:port`.
    pub(crate) fn from_authority(authority: &str) -> Self {
        let Authority { host, port } = Authority::split(authority);
        Self {
            scheme: None,
            host: host.to_owned(),
            port,
        }
    }
}

/// The default port of a scheme.
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_targets_of_the_conventions() {
        for (target, host, port) in [
            ("grpc.io:50051", "grpc.io", Some(50051)),
            ("dns://1.2.3.4/grpc.io:50051", "grpc.io", Some(50051)),
            ("dns:///grpc.io:50051", "grpc.io", Some(50051)),
            ("dns:grpc.io", "grpc.io", None),
            (
                "unix:///run/containerd/containerd.sock",
                "/run/containerd/containerd.sock",
                None,
            ),
            ("unix:relative.sock", "relative.sock", None),
            (
                "zk://zookeeper.google.com/foo",
                "zk://zookeeper.google.com/foo",
                None,
            ),
            (
                "ipv4:198.51.100.123:50051,198.51.100.124:50051",
                "ipv4:198.51.100.123:50051,198.51.100.124:50051",
                None,
            ),
            ("grpc.io:", "grpc.io", None),
            ("grpc.io:+80", "grpc.io:+80", None),
            ("[::1]:", "::1", None),
            ("http://[::1]:", "::1", Some(80)),
            ("http://shop.example#top", "shop.example", Some(80)),
            ("http://127.0.0.1:9000", "127.0.0.1", Some(9000)),
            ("https://shop.example/orders?x", "shop.example", Some(443)),
            ("http://[::1]:9000/", "::1", Some(9000)),
            ("[::1]:9000", "::1", Some(9000)),
            ("localhost", "localhost", None),
        ] {
            let parsed = Target::parse(target);
            assert_eq!(
                (parsed.host.as_str(), parsed.port),
                (host, port),
                "{target}"
            );
            let scheme = target.split_once("://").map(|(scheme, _)| scheme);
            let scheme = scheme.filter(|scheme| scheme.starts_with("http"));
            assert_eq!(parsed.scheme, scheme, "{target}");
        }
    }

    #[test]
    fn formats_a_target_as_an_authority() {
        for (target, authority) in [
            ("https://api.example:8443", "api.example:8443"),
            ("https://api.example", "api.example"),
            ("http://[::1]:9000/", "[::1]:9000"),
            ("api.example:80", "api.example:80"),
        ] {
            assert_eq!(Target::parse(target).authority(), authority);
        }
    }
}
