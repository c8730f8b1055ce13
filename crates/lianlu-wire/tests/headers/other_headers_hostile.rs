//! Untrusted B3, Jaeger and X-Ray headers: no panic, and round trips.

use lianlu_wire::authority::Authority;
use lianlu_wire::b3::{B3, B3Ids, B3Lines, Sampling};
use lianlu_wire::jaeger_header::{UberTraceId, encode_baggage_value, parse_baggage_value};
use lianlu_wire::xray::XRay;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Likely syntax and arbitrary bytes.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "Root=1-",
        "Parent=",
        "Sampled=",
        ";",
        "=",
        "-",
        ":",
        "%3A",
        "%",
        "%3",
        "0",
        "1",
        "d",
        "?",
        " ",
        "\t",
        "5759e988",
        "bd862e3fe1be46a994272793",
        "00f067aa0ba902b7",
        "4BF92f3577b34da6a3ce929d0e0e4736",
        "0000000000000000",
        "é",
        "\0",
    ]);
    let piece = prop_oneof![
        4 => pieces.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn sampling() -> impl Strategy<Value = Sampling> {
    prop::sample::select(vec![
        Sampling::Defer,
        Sampling::Deny,
        Sampling::Accept,
        Sampling::Debug,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// What is read is written so that it is read again unchanged, and ids are never zero.
    #[test]
    fn any_bytes(value in header(), other in header()) {
        if let Ok(b3) = B3::parse(&value) {
            prop_assert!(b3.ids.is_none_or(|ids| ids.trace_id != [0; 16] && ids.span_id != [0; 8]));
            let expected = match b3 {
                // There is no position for the parent then.
                B3 { sampling: Sampling::Defer, ids: Some(ids) } => B3 {
                    ids: Some(B3Ids { parent_span_id: None, ..ids }),
                    ..b3
                },
                _ => b3,
            };
            prop_assert_eq!(B3::parse(b3.encode().as_bytes()), Ok(expected));
        }
        let lines = B3Lines {
            trace_id: Some(&value),
            span_id: Some(&other),
            parent_span_id: Some(&other),
            sampled: Some(&value),
            flags: Some(&other),
        };
        if let Ok(b3) = lines.parse() {
            prop_assert!(b3.ids.is_none_or(|ids| ids.trace_id != [0; 16] && ids.span_id != [0; 8]));
        }
        if let Ok(id) = UberTraceId::parse(&value) {
            prop_assert!(id.trace_id != [0; 16] && id.span_id != [0; 8]);
            prop_assert_eq!(UberTraceId::parse(id.encode().as_bytes()), Ok(id));
        }
        if let Ok(xray) = XRay::parse(&value) {
            prop_assert!(xray.trace_id != [0; 16] && xray.parent_id != Some([0; 8]));
            prop_assert_eq!(XRay::parse(xray.encode().as_bytes()), Ok(xray));
        }
        if let Some(text) = parse_baggage_value(&value) {
            prop_assert!(text.len() <= value.len() * 3);
        }
    }

    /// A valid authority is written so that it is read again unchanged.
    #[test]
    fn authorities_round_trip(text in "(u:p@)?([a-c.]{0,3}|::1|\\[::1\\]|\\[|é|\\PC)(:[0-9+a]{0,6})?[]:]?") {
        let any = Authority::split(&text);
        prop_assert!(text.contains(any.host));
        if let Ok(authority) = Authority::parse(&text) {
            prop_assert!(authority == any && !authority.host.is_empty());
            let host = match authority.host.contains(':') {
                true => format!("[{}]", authority.host),
                false => authority.host.to_owned(),
            };
            let port = authority.port.map_or(":".to_owned(), |port| format!(":{port}"));
            let written = format!("{host}{port}");
            prop_assert_eq!(Authority::parse(&written), Ok(authority));
        }
    }

    #[test]
    fn b3_round_trips(
        trace_id in any::<[u8; 16]>(), span_id in any::<[u8; 8]>(),
        parent in option::of(any::<[u8; 8]>()), sampling in sampling(),
    ) {
        prop_assume!(trace_id != [0; 16] && span_id != [0; 8]);
        let parent_span_id = parent.filter(|_| sampling != Sampling::Defer);
        let sent = B3 { ids: Some(B3Ids { trace_id, span_id, parent_span_id }), sampling };
        prop_assert_eq!(B3::parse(sent.encode().as_bytes()), Ok(sent));
    }

    #[test]
    fn jaeger_round_trips(trace_id in any::<[u8; 16]>(), span_id in any::<[u8; 8]>(), flags in any::<u8>()) {
        prop_assume!(trace_id != [0; 16] && span_id != [0; 8]);
        let sent = UberTraceId { trace_id, span_id, flags };
        let read = UberTraceId { flags: flags & 3, ..sent };
        prop_assert_eq!(UberTraceId::parse(sent.encode().as_bytes()), Ok(read));
        let encoded = sent.encode().replace(':', "%3A");
        prop_assert_eq!(UberTraceId::parse(encoded.as_bytes()), Ok(read));
    }

    #[test]
    fn jaeger_baggage_round_trips(value in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
        let encoded = encode_baggage_value(&value);
        prop_assert_eq!(parse_baggage_value(encoded.as_bytes()).unwrap(), value);
    }

    #[test]
    fn xray_round_trips(
        trace_id in any::<[u8; 16]>(), parent in option::of(any::<[u8; 8]>()), sampled in option::of(any::<bool>()),
    ) {
        prop_assume!(trace_id != [0; 16] && parent != Some([0; 8]));
        let sent = XRay { trace_id, parent_id: parent, sampled };
        prop_assert_eq!(XRay::parse(sent.encode().as_bytes()), Ok(sent));
    }
}
