//! Untrusted W3C headers: no panic, limits hold, and round trips.

use lianlu_wire::w3c::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// Likely syntax and arbitrary bytes.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let syntax = prop::sample::select(b"abz09AF-_@*/=,;% \t\"\\\0\x7f\xc3\xff".to_vec());
    vec(prop_oneof![4 => syntax, 1 => any::<u8>()], 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes(lines in vec(header(), 0..4)) {
        let lines = || lines.iter().map(Vec::as_slice);
        for line in lines() {
            let _ = TraceParent::parse(line);
        }
        for member in parse_baggage(lines()) {
            prop_assert!(!member.key.is_empty());
        }
        if let Ok(members) = parse_tracestate(lines()) {
            // What was read round-trips.
            let value = encode_tracestate(members.iter().copied());
            prop_assert_eq!(parse_tracestate([value.as_bytes()]).unwrap(), members);
        }
    }

    #[test]
    fn traceparent_round_trips(trace_id in any::<[u8; 16]>(), parent_id in any::<[u8; 8]>(), flags in any::<u8>()) {
        let sent = TraceParent { trace_id, parent_id, flags };
        prop_assume!(sent.is_valid());
        let received = TraceParent::parse(&sent.encode()).unwrap();
        prop_assert_eq!(received, TraceParent { flags: flags & 3, ..sent });
    }

    #[test]
    fn a_mutated_traceparent(at in 0..55_usize, byte in any::<u8>()) {
        let mut value = *b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        value[at] = byte;
        let dash = matches!(at, 2 | 35 | 52);
        let allowed = if dash { byte == b'-' } else { matches!(byte, b'0'..=b'9' | b'a'..=b'f') };
        prop_assert_eq!(TraceParent::parse(&value).is_ok(), allowed);
    }

    #[test]
    fn baggage_round_trips(members in vec(("[!#a-zA-Z0-9|~^.]{1,8}", "\\PC{0,12}|[ -~]{0,12}|[\\x00-\\x1f]{0,3}"), 0..64)) {
        let sent: Vec<_> = members.iter().map(|(key, value)| BaggageMember::new(key, value)).collect();
        let header = encode_baggage(sent.clone());
        prop_assert!(header.bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
        prop_assert_eq!(parse_baggage([header.as_bytes()]).collect::<Vec<_>>(), sent);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Reading many lines equals reading a prefix of the joined lines.
    #[test]
    fn the_limits_hold_over_all_lines(lines in vec("[a-z]=[a-z]{0,2000}(,[a-z]=[a-z]{0,9}){0,20}", 0..12)) {
        let joined = lines.join(",");
        let mut expected = Vec::new();
        let mut end = 0;
        for raw in joined.split(',').take(BAGGAGE_MAX_MEMBERS) {
            end += raw.len();
            if end > BAGGAGE_MAX_BYTES || joined.is_empty() {
                break;
            }
            end += 1;
            expected.push(raw.to_owned());
        }
        let found: Vec<_> = parse_baggage(lines.iter().map(String::as_bytes))
            .map(|member| format!("{}={}", member.key, member.value))
            .collect();
        prop_assert_eq!(found, expected);
    }
}

/// Memory is bounded for headers of any length.
#[test]
fn memory_does_not_grow_with_the_header() {
    for junk in [&b"a=1,b=\xff,"[..], b"a=%ff,", b"\xff", b"a=1 ,", b","] {
        let line = junk.repeat(100_000);
        let lines = || [line.as_slice(); 3];
        let taken = allocation_counter::measure(|| {
            let _ = parse_tracestate(lines());
        });
        assert!(
            taken.bytes_max <= 2048,
            "{} bytes of {}",
            taken.bytes_max,
            junk.escape_ascii()
        );
        let taken = allocation_counter::measure(|| {
            let _ = parse_baggage(lines()).count();
        });
        let most = 8 * BAGGAGE_MAX_BYTES as u64;
        assert!(
            taken.bytes_max <= most,
            "{} bytes of {}",
            taken.bytes_max,
            junk.escape_ascii()
        );
    }
}
