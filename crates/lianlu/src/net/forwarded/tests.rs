use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{Origin, TrustedProxies, resolve};

fn headers<V: AsRef<[u8]>>(lines: &[(&'static str, V)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}

fn proxies() -> TrustedProxies {
    TrustedProxies::new(["10.0.0.0/8", "::1", "fd00::/8"]).unwrap()
}

/// The origin of a call from a trusted proxy, as `client:port scheme host:port`; `-` is absent.
fn resolved<V: AsRef<[u8]>>(lines: &[(&'static str, V)]) -> String {
    let headers = headers(lines);
    text(resolve(&proxies(), Some([10, 0, 0, 1].into()), &headers))
}

fn text(origin: Origin<'_>) -> String {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let port = |port: Option<u16>| port.map_or(String::new(), |port| format!(":{port}"));
    format!(
        "{}{} {} {}{}",
        or_dash(origin.client_address.as_deref()),
        port(origin.client_port),
        or_dash(origin.scheme),
        or_dash(origin.host.as_deref()),
        port(origin.port),
    )
}

fn forwarded(value: &str) -> String {
    resolved(&[("forwarded", value)])
}

fn x_forwarded_for(value: &str) -> String {
    resolved(&[("x-forwarded-for", value)])
}

const ALL: &[(&str, &str)] = &[
    ("forwarded", "for=192.0.2.1;proto=https;host=a.example"),
    ("x-forwarded-for", "192.0.2.2"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-host", "b.example"),
    ("x-forwarded-port", "8080"),
];

#[test]
fn ignores_headers_from_an_untrusted_peer() {
    let headers = headers(ALL);
    for peer in ["192.0.2.9", "11.0.0.1", "::2", "::ffff:11.0.0.1"] {
        let origin = resolve(&proxies(), Some(peer.parse().unwrap()), &headers);
        assert_eq!(origin, Origin::default(), "{peer}");
    }
    let none = TrustedProxies::default();
    assert_eq!(
        resolve(&none, Some([127, 0, 0, 1].into()), &headers),
        Origin::default()
    );
}

#[test]
fn trusts_a_peer_without_address_only_if_enabled() {
    let headers = headers(ALL);
    assert_eq!(resolve(&proxies(), None, &headers), Origin::default());
    let proxies = proxies().with_unix_sockets();
    assert_eq!(
        text(resolve(&proxies, None, &headers)),
        "192.0.2.1 https a.example"
    );
}

#[test]
fn uses_headers_from_a_trusted_proxy() {
    assert_eq!(resolved(ALL), "192.0.2.1 https a.example");
    assert_eq!(resolved(&ALL[1..]), "192.0.2.2 http b.example:8080");
    let headers = headers(ALL);
    let mapped = Some("::ffff:10.0.0.1".parse().unwrap());
    assert_eq!(
        text(resolve(&proxies(), mapped, &headers)),
        "192.0.2.1 https a.example"
    );
    assert_eq!(resolved::<&str>(&[]), "- - -");
}

#[test]
fn reads_only_the_chosen_header_family() {
    let both = headers(ALL);
    let peer = Some([10, 0, 0, 1].into());
    assert_eq!(
        text(resolve(&proxies().only_x_forwarded(), peer, &both)),
        "192.0.2.2 http b.example:8080"
    );
    let x_only = headers(&ALL[1..]);
    assert_eq!(
        resolve(&proxies().only_forwarded(), peer, &x_only),
        Origin::default()
    );
}

#[test]
fn private_contains_private_networks_only() {
    let private = TrustedProxies::private();
    for (inside, outside) in [
        ("127.9.9.9", "128.0.0.1"),
        ("10.255.255.255", "11.0.0.0"),
        ("172.31.0.1", "172.32.0.1"),
        ("192.168.255.1", "192.169.0.1"),
        ("169.254.1.1", "169.255.1.1"),
        ("::1", "::2"),
        ("fdff::1", "fe00::1"),
        ("febf::1", "fec0::1"),
        ("::ffff:10.1.1.1", "::ffff:8.8.8.8"),
    ] {
        assert!(private.contains(inside.parse().unwrap()), "{inside}");
        assert!(!private.contains(outside.parse().unwrap()), "{outside}");
    }
}

#[test]
fn reports_an_invalid_entry() {
    let error = TrustedProxies::new(["10.0.0.0/8", "proxy.internal"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "trusted proxies: \"proxy.internal\": not an IP address or a network such as 10.0.0.0/8"
    );
}

#[test]
fn walks_past_trusted_hops_to_the_first_untrusted_one() {
    for (value, expected) in [
        ("for=192.0.2.1", "192.0.2.1 - -"),
        ("for=6.6.6.6, for=192.0.2.1", "192.0.2.1 - -"),
        (
            "for=6.6.6.6;proto=https, for=192.0.2.1;proto=http, for=10.0.0.2",
            "192.0.2.1 http -",
        ),
        (
            "for=192.0.2.1;proto=https;host=a.b, for=10.0.0.2;proto=http;host=in",
            "192.0.2.1 https a.b",
        ),
        // Scheme and host of an inner proxy's hop are not the client's.
        (
            "for=192.0.2.1, for=10.0.0.2;proto=http;host=in",
            "192.0.2.1 - -",
        ),
        // All hops are trusted: the leftmost is the client.
        (
            "for=10.0.0.3;proto=https, for=10.0.0.2;proto=http",
            "10.0.0.3 https -",
        ),
        ("for=10.0.0.3,, ,for=\"[fd00::1]:7\" ,", "10.0.0.3 - -"),
    ] {
        assert_eq!(forwarded(value), expected, "{value}");
    }
    for (value, expected) in [
        ("192.0.2.1", "192.0.2.1 - -"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1 - -"),
        ("6.6.6.6,192.0.2.1 ,10.0.0.2,10.0.0.3", "192.0.2.1 - -"),
        ("10.0.0.2, 10.0.0.3", "10.0.0.2 - -"),
        ("192.0.2.1:4711, [::1]:80, fd00::7", "192.0.2.1:4711 - -"),
        ("2001:db8::1", "2001:db8::1 - -"),
        ("::ffff:192.0.2.1", "192.0.2.1 - -"),
        ("192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1 - -"),
    ] {
        assert_eq!(x_forwarded_for(value), expected, "{value}");
    }
}

#[test]
fn joins_lines_in_order() {
    assert_eq!(
        resolved(&[
            ("forwarded", "for=6.6.6.6, for=192.0.2.1"),
            ("forwarded", ""),
            ("forwarded", "for=10.0.0.2, for=10.0.0.3"),
        ]),
        "192.0.2.1 - -"
    );
    assert_eq!(
        resolved(&[
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "192.0.2.1, 10.0.0.2"),
        ]),
        "192.0.2.1 - -"
    );
}

#[test]
fn accepts_what_rfc_7239_allows() {
    for (value, expected) in [
        (
            "For=192.0.2.43;PROTO=HTTPS;Host=A.example",
            "192.0.2.43 https A.example",
        ),
        (
            r#"for="[2001:db8:cafe::17]:4711""#,
            "2001:db8:cafe::17:4711 - -",
        ),
        (r#"for="192.0.2.43:47011""#, "192.0.2.43:47011 - -"),
        (r#"for="192.0.2.43:_port""#, "192.0.2.43 - -"),
        ("for=192.0.2.1:", "192.0.2.1 - -"),
        ("for=_gazonk", "_gazonk - -"),
        (r#"for="_gazonk:80""#, "_gazonk:80 - -"),
        // The client is unknown, but scheme and host come from a trusted proxy.
        ("for=unknown;proto=https", "- https -"),
        ("for=192.0.2.1, for=unknown, for=10.0.0.2", "10.0.0.2 - -"),
        ("proto=https;host=a.example", "- https a.example"),
        (
            r#"by=10.0.0.1;for=192.0.2.1;ext="a,b;c=\"d\", for=6.6.6.6""#,
            "192.0.2.1 - -",
        ),
        (
            r#"for="192\.0.2.1";host="a\.b:8443""#,
            "192.0.2.1 - a.b:8443",
        ),
        (
            r#"for=192.0.2.1;host="[2001:db8::1]:8443""#,
            "192.0.2.1 - 2001:db8::1:8443",
        ),
        ("for=192.0.2.1 ; proto=https ; ", "192.0.2.1 https -"),
        // Not valid by RFC 7239, but common.
        (
            "for=[2001:db8::1]:80;host=a.b:81",
            "2001:db8::1:80 - a.b:81",
        ),
    ] {
        assert_eq!(forwarded(value), expected, "{value}");
    }
}

#[test]
fn an_unreadable_entry_ends_the_walk() {
    for bad in [
        "192.0.2.1",
        "for",
        "for=",
        "for=\"",
        "for=\"192.0.2.1",
        "for=192.0.2.1\"",
        "for=a.example",
        "for=192.0.2",
        "for=192.0.2.1:99999",
        "for=192.0.2.1:+80",
        "for=_",
        "for=_a b",
        "for =192.0.2.1",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1 proto=https",
        "for=192.0.2.1;proto",
        "=192.0.2.1",
        "for==x",
        "for=[::1",
        "for=\"[::1]x\"",
        "for=\"\"",
        "for=192.0.2.1/24",
        "for=%31",
        r#"for="192.0.2.1\"#,
    ] {
        assert_eq!(forwarded(bad), "- - -", "{bad}");
        let in_between = format!("for=192.0.2.1, {bad}, for=10.0.0.2;proto=https");
        assert_eq!(forwarded(&in_between), "10.0.0.2 https -", "{in_between}");
    }
    for bad in [
        "x",
        "unknown",
        "192.0.2.1:x",
        "192.0.2.1 10.0.0.1",
        "\"192.0.2.1\"",
        "1.2.3.4.5",
    ] {
        assert_eq!(x_forwarded_for(bad), "- - -", "{bad}");
        let in_between = format!("192.0.2.1, {bad}, 10.0.0.2");
        assert_eq!(x_forwarded_for(&in_between), "10.0.0.2 - -", "{in_between}");
    }
}

/// Bytes that are no text cost their own entry, and hide none that a proxy has written behind it.
#[test]
fn a_byte_beyond_ascii_costs_its_own_entry() {
    for (value, expected) in [
        (&b"\xff, 203.0.113.7"[..], "203.0.113.7 - -"),
        (b"203.0.113.7\xff", "- - -"),
        (b"6.6.6.6, \xe5\xbc\xa0, 10.0.0.2", "10.0.0.2 - -"),
        (b"\xff, 203.0.113.7, 10.0.0.2", "203.0.113.7 - -"),
    ] {
        assert_eq!(resolved(&[("x-forwarded-for", value)]), expected);
    }
    for (value, expected) in [
        (
            &b"for=\xff, for=203.0.113.7;proto=https"[..],
            "203.0.113.7 https -",
        ),
        (b"for=\"\xff, for=203.0.113.7", "203.0.113.7 - -"),
        (b"for=203.0.113.7, for=\xff", "- - -"),
        (b"for=203.0.113.7;x=\xff, for=10.0.0.2", "10.0.0.2 - -"),
    ] {
        assert_eq!(resolved(&[("forwarded", value)]), expected);
        let lines = [("forwarded", value), ("forwarded", b"for=192.0.2.1")];
        assert_eq!(resolved(&lines), "192.0.2.1 - -");
    }
    let lines = [
        ("x-forwarded-for", &b"\xff, 203.0.113.7"[..]),
        ("x-forwarded-proto", b"\xff, https"),
        ("x-forwarded-host", b"\xff, shop.example"),
        ("x-forwarded-port", b"\xff, 8443"),
    ];
    assert_eq!(resolved(&lines), "203.0.113.7 https shop.example:8443");
}

/// An unclosed quote from a client does not swallow the entry that the proxy appended.
#[test]
fn an_unclosed_quote_does_not_hide_later_entries() {
    for spoof in ["for=\"6.6.6.6", "x=\"\\", "\"", "\\\"", "for=\"a\\\\\\\""] {
        let value = format!("{spoof}, for=192.0.2.1;proto=https");
        assert_eq!(forwarded(&value), "192.0.2.1 https -", "{value}");
        let value = format!("{spoof}, for=\"[2001:db8::1]:9\";ext=\"a,\\\"b\"");
        assert_eq!(forwarded(&value), "2001:db8::1:9 - -", "{value}");
    }
}

#[test]
fn matches_other_lists_to_x_forwarded_for() {
    let resolved = |hops: &str, proto: &str, host: &str| {
        self::resolved(&[
            ("x-forwarded-for", hops),
            ("x-forwarded-proto", proto),
            ("x-forwarded-host", host),
        ])
    };
    for (hops, proto, host, expected) in [
        // By the position from the right.
        (
            "192.0.2.1, 10.0.0.2",
            "https, http",
            "a.example, in",
            "https a.example",
        ),
        (
            "192.0.2.1",
            "https, http",
            "evil.example, a.example",
            "http a.example",
        ),
        // Too short: the rightmost entry, which the peer wrote.
        (
            "192.0.2.1, 10.0.0.2",
            "https",
            "a.example",
            "https a.example",
        ),
        (
            "192.0.2.1, 10.0.0.2, 10.0.0.3",
            "http, https",
            "x, in",
            "https in",
        ),
    ] {
        let expected = format!("192.0.2.1 {expected}");
        assert_eq!(resolved(hops, proto, host), expected);
        // Whatever the client sends before it.
        for spoof in ["6.6.6.6", "x, y", ",", "\u{ff}", "\"", "a:b:c"] {
            let before = |list: &str| format!("{spoof}, {list}");
            assert_eq!(resolved(&before(hops), proto, host), expected, "{spoof}");
            if proto.contains("https, ") {
                let [hops, proto, host] = [hops, proto, host].map(before);
                assert_eq!(resolved(&hops, &proto, &host), expected, "{spoof}");
            }
        }
    }
    // An unknown client is a hop, as in `Forwarded`; an unreadable one is not.
    for (hops, expected) in [("unknown", "https"), ("x", "http")] {
        let hops = format!("6.6.6.6, {hops}, 10.0.0.2");
        let expected = format!("10.0.0.2 {expected} h");
        assert_eq!(resolved(&hops, "https, http", "h"), expected);
    }
    // Without hops.
    assert_eq!(
        self::resolved(&[("x-forwarded-proto", "https"), ("x-forwarded-port", "8443")]),
        "- https -:8443"
    );
}

#[test]
fn parses_schemes_hosts_and_ports() {
    let resolved = |proto, host, port| {
        self::resolved(&[
            ("x-forwarded-proto", proto),
            ("x-forwarded-host", host),
            ("x-forwarded-port", port),
        ])
    };
    assert_eq!(resolved("WSS", "a.example:1", "2"), "- https a.example:1");
    assert_eq!(resolved("ws", "[::1]", "2"), "- http ::1:2");
    assert_eq!(resolved("ws", "a.example:", "2"), "- http a.example:2");
    assert_eq!(resolved("ws", "[::1]:", "+2"), "- http ::1");
    for proto in ["javascript", "https://", "", "http s"] {
        assert_eq!(resolved(proto, "::1", "2"), "- - ::1:2", "{proto}");
    }
    let long = "a".repeat(256);
    for host in [
        "", "a b", "a/b", "u@a", "a:x", "a:99999", "a:+1", "[a]", "<a>", "a?b", "[::1", ":1", &long,
    ] {
        assert_eq!(resolved("http", host, "x"), "- http -", "{host}");
    }
}

#[test]
fn limits_hops_and_bytes() {
    let hops = |count| vec!["10.0.0.2"; count].join(",");
    assert_eq!(
        x_forwarded_for(&format!("192.0.2.1,{}", hops(31))),
        "192.0.2.1 - -"
    );
    assert_eq!(
        x_forwarded_for(&format!("192.0.2.1,{}", hops(32))),
        "10.0.0.2 - -"
    );
    let quotes = "\"\\".repeat(30_000);
    assert_eq!(forwarded(&quotes), "- - -");
    assert_eq!(
        forwarded(&format!("{quotes}, for=192.0.2.1")),
        "192.0.2.1 - -"
    );
    assert_eq!(x_forwarded_for(&",".repeat(60_000)), "- - -");
    assert_eq!(
        x_forwarded_for(&format!("192.0.2.1{}, 10.0.0.2", " ".repeat(9000))),
        "10.0.0.2 - -"
    );
    // The byte limit applies to all lines together.
    let filler = " ".repeat(5000);
    let line = format!("{filler}10.0.0.2");
    assert_eq!(
        resolved(&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", &line)]),
        "192.0.2.1 - -"
    );
    assert_eq!(
        resolved(&[
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-for", &line),
            ("x-forwarded-for", &line),
        ]),
        "10.0.0.2 - -"
    );
}

proptest! {
    #[test]
    fn random_bytes_give_valid_short_values(
        lines in prop::collection::vec((0..5usize, prop::collection::vec(any::<u8>(), 0..200)), 0..6)
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(ALL[name].0, value);
            }
        }
        check(&headers)?;
    }

    /// Strings made of tokens that the parsers recognize.
    #[test]
    fn random_tokens_give_valid_short_values(
        value in r#"((for|proto|host|by)?=?"?(10\.0\.0\.2|192\.0\.2\.1|\[::1\]|unknown|_x|https|a\.b)?(:80)?[ ;,"\\=\[\]:]{0,3}){0,12}"#
    ) {
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-host"] {
            check(&headers(&[(name, &value)]))?;
        }
    }

    /// Whatever a client writes, the hop that the proxy appends is the client.
    #[test]
    fn a_client_cannot_forge_its_address(spoofed in "[ -~\u{80}-\u{ff}]{0,60}") {
        let value = format!("{spoofed}, for=192.0.2.1;proto=http");
        prop_assert_eq!(forwarded(&value), "192.0.2.1 http -");
        prop_assert_eq!(
            resolved(&[("forwarded", &*spoofed), ("forwarded", "for=192.0.2.1;proto=http")]),
            "192.0.2.1 http -"
        );
        prop_assert_eq!(x_forwarded_for(&format!("{spoofed}, 192.0.2.1")), "192.0.2.1 - -");
    }
}

fn check(headers: &HeaderMap) -> Result<(), TestCaseError> {
    let origin = resolve(&proxies(), Some([10, 0, 0, 1].into()), headers);
    for text in [origin.client_address, origin.host].into_iter().flatten() {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-:~".contains(c);
        prop_assert!(
            text.len() <= 255 && !text.is_empty() && text.chars().all(is_allowed),
            "{}",
            text
        );
    }
    Ok(())
}
