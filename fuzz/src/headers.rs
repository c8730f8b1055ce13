//! Header values.

use lianlu_wire::authority::Authority;
use lianlu_wire::b3::{B3, B3Ids, B3Lines, Sampling};
use lianlu_wire::jaeger_header::{UberTraceId, encode_baggage_value, parse_baggage_value};
use lianlu_wire::w3c::{
    BaggageMember, OtelMember, TraceParent, encode_baggage, encode_tracestate, parse_baggage,
    parse_tracestate,
};
use lianlu_wire::xray::XRay;

use crate::memory::{none, within};
use crate::oracle;

/// All kinds of header values: each line of `data` is a header of its own, all of them are the
/// lines of one header, and the first five are the headers of B3.
///
/// - What is read round-trips, and has no zero id.
/// - `baggage` and `tracestate` are read as by a slow reader that follows the grammar, and several
///   lines as their join.
/// - Memory: none for the fixed formats, bounded for the lists, and a multiple of its length for a
///   value of Jaeger's baggage.
pub fn headers(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    for line in &lines {
        traceparent(line);
        b3(line);
        uber_trace_id(line);
        uber_context(line);
        xray(line);
        authority(line);
        otel_member(line);
    }
    b3_lines(&lines);
    tracestate(&lines);
    baggage(&lines);
}

fn traceparent(line: &[u8]) {
    let Ok(parent) = none(|| TraceParent::parse(line)) else {
        return;
    };
    assert!(parent.is_valid() && parent.flags & !3 == 0);
    let written = none(|| parent.encode());
    assert_eq!(TraceParent::parse(&written), Ok(parent));
    // Everything except version and flags is in the line as written.
    let line = oracle::trim(line);
    assert_eq!(line[2..53], written[2..53]);
}

fn otel_member(line: &[u8]) {
    let member = std::str::from_utf8(line).ok().and_then(OtelMember::parse);
    if let Some(member) = member {
        let written = member.encode();
        assert!(written.len() <= line.len());
        if !written.is_empty() {
            assert_eq!(OtelMember::parse(&written), Some(member));
        }
    }
}

fn has_ids(b3: &B3) -> bool {
    b3.ids
        .is_none_or(|ids| ids.trace_id != [0; 16] && ids.span_id != [0; 8])
}

fn b3(line: &[u8]) {
    let Ok(b3) = none(|| B3::parse(line)) else {
        return;
    };
    assert!(has_ids(&b3));
    let expected = match b3 {
        // The single header has no place for the parent then.
        B3 {
            sampling: Sampling::Defer,
            ids: Some(ids),
        } => B3 {
            ids: Some(B3Ids {
                parent_span_id: None,
                ..ids
            }),
            ..b3
        },
        _ => b3,
    };
    assert_eq!(B3::parse(b3.encode().as_bytes()), Ok(expected));
}

fn b3_lines(lines: &[&[u8]]) {
    // An empty line stands for a missing header.
    let line = |at| lines.get(at).copied();
    let lines = B3Lines {
        trace_id: line(0),
        span_id: line(1),
        parent_span_id: line(2),
        sampled: line(3),
        flags: line(4),
    };
    let Ok(b3) = none(|| lines.parse()) else {
        return;
    };
    assert!(has_ids(&b3));
    let single = B3::parse(b3.encode().as_bytes()).expect("what was read in several lines");
    assert_eq!(single.sampling, b3.sampling);
    assert_eq!(
        single.ids.map(|ids| (ids.trace_id, ids.span_id)),
        b3.ids.map(|ids| (ids.trace_id, ids.span_id))
    );
}

fn uber_trace_id(line: &[u8]) {
    if let Ok(id) = none(|| UberTraceId::parse(line)) {
        assert!(id.trace_id != [0; 16] && id.span_id != [0; 8] && id.flags & !3 == 0);
        assert_eq!(UberTraceId::parse(id.encode().as_bytes()), Ok(id));
    }
}

fn uber_context(line: &[u8]) {
    // The decoded value, and its copy with three bytes for each invalid one, in a string that grows
    // by doubling.
    let Some(value) = within(line.len() * 8 + 64, || parse_baggage_value(line)) else {
        return;
    };
    assert_eq!(value, oracle::percent_decoded(oracle::trim(line)));
    let written = encode_baggage_value(&value);
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(parse_baggage_value(written.as_bytes()), Some(value));
}

fn xray(line: &[u8]) {
    if let Ok(xray) = none(|| XRay::parse(line)) {
        assert!(xray.trace_id != [0; 16] && xray.parent_id != Some([0; 8]));
        assert_eq!(XRay::parse(xray.encode().as_bytes()), Ok(xray));
    }
}

fn authority(line: &[u8]) {
    let Ok(text) = std::str::from_utf8(line) else {
        return;
    };
    let (strict, any) = none(|| (Authority::parse(text), Authority::split(text)));
    assert!(text.contains(any.host));
    if let Ok(authority) = strict {
        assert!(authority == any && !authority.host.is_empty());
        let port = authority
            .port
            .map_or(String::new(), |port| format!(":{port}"));
        let written = format!("[{}]{port}", authority.host);
        let written = match authority.host.contains(':') {
            true => &*written,
            false => &written.replace(['[', ']'], ""),
        };
        assert_eq!(Authority::parse(written), Ok(authority));
    }
}

fn tracestate(lines: &[&[u8]]) {
    // A list of 32 members, with the half that it grows from.
    let most = 48 * size_of::<(&str, &str)>();
    let read = within(most, || parse_tracestate(lines.iter().copied()));
    let joined = lines.join(&b',');
    assert_eq!(read, oracle::tracestate(&joined));
    let Ok(members) = read else { return };
    let written = encode_tracestate(members.iter().copied());
    assert_eq!(parse_tracestate([written.as_bytes()]), Ok(members));
}

fn baggage(lines: &[&[u8]]) {
    // One value of all bytes that are read, decoded as above.
    let read = within(8 * 8192, || parse_baggage(lines.iter().copied()).count());
    let members: Vec<_> = parse_baggage(lines.iter().copied()).collect();
    assert_eq!(members.len(), read);
    let joined = lines.join(&b',');
    assert_eq!(members, oracle::baggage(&joined));

    let written = encode_baggage(members.clone());
    assert!(written.len() <= 8192);
    assert!(
        written
            .bytes()
            .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
    );
    let again: Vec<_> = parse_baggage([written.as_bytes()]).collect();
    // A literal `%` becomes longer, so that members may no longer fit.
    let kept = |member: &BaggageMember<'_>| members.contains(member);
    assert!(again.iter().all(kept));
    assert_eq!(encode_baggage(again), written);
}
