//! Zipkin's JSON: round trips, and input from real clients.
#![cfg(feature = "zipkin")]

use std::borrow::Cow;

use lianlu_wire::zipkin::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

fn endpoint() -> impl Strategy<Value = Endpoint<'static>> {
    (
        "\\PC{0,8}",
        any::<Option<[u8; 4]>>(),
        any::<Option<[u8; 16]>>(),
        any::<Option<u16>>(),
    )
        .prop_map(|(name, ipv4, ipv6, port)| Endpoint {
            service_name: name.into(),
            ipv4: ipv4.map(Into::into),
            ipv6: ipv6.map(Into::into),
            port,
        })
}

fn span() -> impl Strategy<Value = Span<'static>> {
    let ids = (
        1..=u128::MAX,
        option::of(1..=u64::MAX),
        1..=u64::MAX,
        any::<bool>(),
    );
    let kind = prop_oneof![
        Just(Kind::Client),
        Just(Kind::Server),
        Just(Kind::Producer),
        Just(Kind::Consumer)
    ];
    let numbers = (
        any::<Option<u64>>(),
        any::<Option<u64>>(),
        any::<bool>(),
        any::<bool>(),
    );
    let annotation = (any::<u64>(), "\\PC{0,8}").prop_map(|(timestamp, value)| Annotation {
        timestamp,
        value: value.into(),
    });
    let tag =
        ("\\PC{0,8}", "[\\x00-\\x7f]{0,8}").prop_map(|(key, value)| (key.into(), value.into()));
    (
        ids,
        option::of(kind),
        "\\PC{0,8}",
        numbers,
        [endpoint(), endpoint()],
        vec(annotation, 0..3),
        vec(tag, 0..3),
    )
        .prop_map(
            |(ids, kind, name, numbers, [local_endpoint, remote_endpoint], annotations, tags)| {
                Span {
                    trace_id: if ids.3 {
                        ids.0
                    } else {
                        (ids.0 as u64).max(1).into()
                    },
                    parent_id: ids.1,
                    id: ids.2,
                    kind,
                    name: name.into(),
                    timestamp: numbers.0,
                    duration: numbers.1,
                    local_endpoint,
                    remote_endpoint,
                    annotations,
                    tags,
                    debug: numbers.2,
                    shared: numbers.3,
                }
            },
        )
}

proptest! {
    #[test]
    fn spans_round_trip(spans in vec(span(), 0..4)) {
        let bytes = encode_spans(&spans).unwrap();
        prop_assert_eq!(decode_spans(&bytes).unwrap(), spans);
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..100), spans in vec(span(), 1..2), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = decode_spans(&bytes);
        let mut mutated = encode_spans(&spans).unwrap();
        let at = at.index(mutated.len());
        mutated[at] = byte;
        let _ = decode_spans(&mutated);
    }
}

/// Based on the example of Zipkin's API page.
#[test]
fn a_full_span() {
    let text = json!([{
        "traceId": "5af7183fb1d4cf5f", "parentId": "6b221d5bc9e6496c", "id": "352bff9a74ca9ad2",
        "kind": "CLIENT", "name": "get /api", "timestamp": 1_556_604_172_355_737_u64, "duration": 1431,
        "localEndpoint": { "serviceName": "backend", "ipv4": "192.168.99.1", "port": 3306 },
        "remoteEndpoint": { "ipv6": "2001:db8::c001", "port": 58648 },
        "annotations": [{ "timestamp": 1_556_604_172_355_800_u64, "value": "retry" }],
        "tags": { "http.method": "GET", "http.path": "/api" }, "debug": true, "shared": true,
    }]);
    let bytes = text.to_string();
    let spans = decode_spans(bytes.as_bytes()).unwrap();
    let span = &spans[0];
    assert_eq!(
        (span.trace_id, span.parent_id, span.id),
        (
            0x5af7_183f_b1d4_cf5f,
            Some(0x6b22_1d5b_c9e6_496c),
            0x352b_ff9a_74ca_9ad2
        )
    );
    assert_eq!(span.kind, Some(Kind::Client));
    assert_eq!(span.remote_endpoint.ipv6, "2001:db8::c001".parse().ok());
    assert_eq!(span.tags[1], ("http.path".into(), "/api".into()));
    assert!(matches!(span.name, Cow::Borrowed(_)) && matches!(span.tags[0].0, Cow::Borrowed(_)));
    let written: Value = serde_json::from_slice(&encode_spans(&spans).unwrap()).unwrap();
    assert_eq!(written, text);
}

#[test]
fn empty_fields_are_left_out() {
    let spans = [Span {
        trace_id: 1 << 64,
        id: 0xab,
        ..Span::default()
    }];
    let written: Value = serde_json::from_slice(&encode_spans(&spans).unwrap()).unwrap();
    assert_eq!(
        written,
        json!([{ "traceId": "00000000000000010000000000000000", "id": "00000000000000ab" }])
    );
}

#[test]
fn lenient_input_is_accepted() {
    let text = r#"[{"traceId":"A","id":"00FF","parentId":"0000000000000000","name":null,"kind":null,"timestamp":null,
        "localEndpoint":null,"remoteEndpoint":{"serviceName":null,"ipv4":"localhost","ipv6":"","port":null},
        "annotations":null,"tags":{"n":-1,"big":18446744073709551615,"f":0.5,"b":true,"null":null,"esc\"":"\u00e9"},
        "debug":null,"somethingNew":[{}]}, {"traceId":"1","id":"2","tags":null,"parentId":null}]"#;
    let spans = decode_spans(text.as_bytes()).unwrap();
    let tags: Vec<(&str, &str)> = spans[0]
        .tags
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    let expected = [
        ("n", "-1"),
        ("big", "18446744073709551615"),
        ("f", "0.5"),
        ("b", "true"),
        ("null", ""),
        ("esc\"", "é"),
    ];
    assert_eq!(tags, expected);
    let bare = Span {
        trace_id: 10,
        id: 255,
        tags: spans[0].tags.clone(),
        ..Span::default()
    };
    assert_eq!(
        spans,
        [
            bare,
            Span {
                trace_id: 1,
                id: 2,
                ..Span::default()
            }
        ]
    );
}

#[test]
fn invalid_input_is_rejected() {
    for text in [
        "",
        "{}",
        "[",
        r#"[{"traceId":"1"}]"#,
        r#"[{"id":"1"}]"#,
        r#"[{"traceId":"","id":"1"}]"#,
        r#"[{"traceId":"0","id":"1"}]"#,
        r#"[{"traceId":"1","id":"0"}]"#,
        r#"[{"traceId":"+1","id":"1"}]"#,
        r#"[{"traceId":"x","id":"1"}]"#,
        r#"[{"traceId":"123456789012345678901234567890123","id":"1"}]"#,
        r#"[{"traceId":"1","id":"12345678901234567"}]"#,
        r#"[{"traceId":"1","id":"1","parentId":"12345678901234567"}]"#,
        r#"[{"traceId":"1","id":"1","kind":"BYSTANDER"}]"#,
        r#"[{"traceId":"1","id":"1","tags":{"a":{}}}]"#,
        r#"[{"traceId":"1","id":"1"}] x"#,
    ] {
        let error = decode_spans(text.as_bytes()).map(drop).expect_err(text);
        assert!(error.to_string().contains("line"), "{error}");
    }
}
