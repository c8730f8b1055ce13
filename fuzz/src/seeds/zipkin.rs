//! Bodies of `POST /api/v2/spans`.

use super::Seed;

/// After the example of Zipkin's own API page.
const FULL: &str = r#"[{"traceId":"5af7183fb1d4cf5f","parentId":"6b221d5bc9e6496c","id":"352bff9a74ca9ad2",
"kind":"CLIENT","name":"get /api","timestamp":1556604172355737,"duration":1431,
"localEndpoint":{"serviceName":"backend","ipv4":"192.168.99.1","port":3306},
"remoteEndpoint":{"ipv6":"2001:db8::c001","port":58648},
"annotations":[{"timestamp":1556604172355800,"value":"retry"}],
"tags":{"http.method":"GET","http.path":"/api"},"debug":true,"shared":true}]"#;

/// Unusual input that servers accept.
const LENIENT: &str = r#"[{"traceId":"A","id":"00FF","parentId":"0000000000000000","name":null,"kind":null,"timestamp":null,
"localEndpoint":null,"remoteEndpoint":{"serviceName":null,"ipv4":"localhost","ipv6":"","port":null},
"annotations":null,"tags":{"n":-1,"big":18446744073709551615,"f":0.5,"e":1e400,"b":true,"null":null,"esc\"":"\u00e9\ud83e\udd80"},
"debug":null,"somethingNew":[{}]},{"traceId":"1","id":"2","tags":null,"parentId":null}]"#;

pub(super) fn bodies() -> Vec<Seed> {
    let one = |field: &str| format!(r#"[{{"traceId":"1","id":"1",{field}}}]"#);
    vec![
        Seed::new("full", FULL),
        Seed::new("lenient", LENIENT),
        Seed::new(
            "two-ids-of-128-bits",
            r#"[{"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a2fb4a1d1a96d312","kind":"SERVER"},{"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"1","kind":"CONSUMER"},{"traceId":"1","id":"2","kind":"PRODUCER"}]"#,
        ),
        Seed::new("smallest", one(r#""x":0"#)),
        Seed::new(
            "many-small",
            format!("[{}]", [r#"{"id":"1","traceId":"1"}"#; 100].join(",")),
        ),
        Seed::new("twice", one(r#""id":"2","tags":{"a":"1","a":"2"}"#)),
        Seed::new(
            "nul",
            one(r#""name":"a\u0000b","tags":{"\u0000":"\u001b[31m"}"#),
        ),
        Seed::new(
            "not-utf8",
            b"[{\"traceId\":\"1\",\"id\":\"1\",\"name\":\"\xff\xc3\"}]",
        ),
        Seed::new("half-a-surrogate", one(r#""name":"\ud83e""#)),
        // Row 33 of the fault matrix.
        Seed::new("arrays-10k-deep", "[".repeat(10_000)),
        Seed::new(
            "unknown-field-10k-deep",
            one(&format!(
                r#""x":{}{}"#,
                r#"{"":"#.repeat(5_000),
                "[".repeat(5_000)
            )),
        ),
        Seed::new(
            "mapped-address",
            one(r#""localEndpoint":{"ipv6":"::ffff:10.0.0.1","ipv4":"010.0.0.1","port":65536}"#),
        ),
        Seed::new(
            "zero-port",
            one(r#""localEndpoint":{"port":0},"duration":0,"timestamp":0"#),
        ),
    ]
}
