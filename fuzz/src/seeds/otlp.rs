//! OTLP requests in protobuf.

use lianlu_wire::otlp::{
    AttributeOf, EventHead, LinkHead, SpanHead, StatusCode, put_array, put_bool, put_bytes,
    put_double, put_dropped, put_event, put_int, put_len_prefixed, put_link, put_scope, put_span,
    put_status, put_str, put_varint, span_flags,
};

use super::Seed;

pub(super) fn requests() -> Vec<Seed> {
    let text = |text: &[u8]| in_span([&[0x2a, text.len() as u8], text].concat());
    vec![
        Seed::new("full", full()),
        Seed::new("span-alone", full_span()),
        Seed::new("empty-messages", b"\x0a\x06\x0a\x00\x12\x02\x0a\x00\x0a\x00"),
        Seed::new("empty-entities", in_resource(b"\x1a\x00".repeat(40))),
        Seed::new("entity", in_resource(b"\x1a\x14\x0a\x01u\x12\x07service\x1a\x01k\x22\x03abc".to_vec())),
        Seed::new("lists-with-keys", in_span(wrap(&[0x4a, 0x12, 0x32, 0x0a], b"\x0a\x01k\x12\x02\x18\x07".to_vec()))),
        Seed::new("values-32-deep", in_span(nested(32, &[0x2a, 0x0a]))),
        Seed::new("lists-32-deep", in_span(nested(32, &[0x32, 0x0a, 0x12]))),
        Seed::new("values-33-deep", in_span(nested(33, &[0x2a, 0x0a]))),
        // Row 33 of the fault matrix.
        Seed::new("values-10k-deep", in_span(nested(10_000, &[0x2a, 0x0a]))),
        Seed::new("groups-10k-deep", [0xa3, 0x06].repeat(10_000)),
        Seed::new("groups-32-deep", [[0xa3, 0x06].repeat(32), [0xa4, 0x06].repeat(32)].concat()),
        Seed::new("huge-length", in_span(b"\x2a\xff\xff\xff\xff\x0fGET".to_vec())),
        Seed::new("longest-length", in_span(b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec())),
        Seed::new("nul", text(b"a\0b")),
        Seed::new("not-utf8", text(b"a\xc3")),
        Seed::new("twice", in_span(b"\x7a\x05\x12\x01m\x18\x02\x7a\x00\x2a\x01a\x2a\x01b\x4a\x0a\x0a\x01k\x12\x02\x0a\x00\x12\x01\x10".to_vec())),
        Seed::new("of-profiles", in_span(b"\x4a\x06\x18\x01\x12\x02\x40\x01".to_vec())),
        Seed::new("padded-numbers", in_span(b"\xaa\x80\x00\x83\x80\x00GET\xb0\x00\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00".to_vec())),
        Seed::new("short-id", in_span(b"\x0a\x0f0123456789abcde".to_vec())),
        Seed::new("zero-ids", in_span([&[0x0a, 16][..], &[0; 16], &[0x12, 8], &[0; 8], &[0x22, 0]].concat())),
        Seed::new("negative-enum", in_span(b"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec())),
        Seed::new("number-in-place-of-text", in_span(b"\x28\x01".to_vec())),
        Seed::new("control-characters", text(b"\"\\\x01\x1b[31m\x7f\xe2\x80\xa8")),
        Seed::new("thousand-attributes", in_span(b"\x4a\x00".repeat(1_000))),
    ]
}

fn full_span() -> Vec<u8> {
    let mut out = Vec::new();
    let head = SpanHead {
        trace_id: *b"0123456789abcdef",
        span_id: *b"01234567",
        parent_span_id: *b"89abcdef",
        trace_state: "rojo=1",
        flags: span_flags(3, true),
        name: "GET /basket",
        kind: 2,
        start_unix_nanos: 1_790_000_000_000_000_000,
        end_unix_nanos: u64::MAX,
    };
    put_span(&mut out, &head, |out| {
        attributes(out, AttributeOf::Span);
        let event = EventHead {
            unix_nanos: 1,
            name: "exception",
            dropped_attributes: 2,
        };
        put_event(out, &event, |out| attributes(out, AttributeOf::EVENT));
        let link = LinkHead {
            trace_id: [0xff; 16],
            span_id: [0xfe; 8],
            trace_state: "congo=2",
            flags: 1,
            dropped_attributes: 300,
        };
        put_link(out, &link, |out| attributes(out, AttributeOf::Link));
        put_dropped(out, 1, 200, 30_000);
        put_status(out, StatusCode::Error, "no basket");
    });
    out
}

fn attributes(out: &mut Vec<u8>, of: AttributeOf) {
    put_str(out, of, "http.route", "/basket");
    put_bool(out, of, "cached", false);
    put_int(out, of, "http.response.status_code", -200);
    put_double(out, of, "ratio", 0.1);
    put_double(out, of, "nan", f64::NAN);
    put_double(out, of, "infinite", f64::NEG_INFINITY);
    put_bytes(out, of, "raw", b"\0\xff\xfe\x01");
    put_array(out, of, "list", |list| {
        list.str("a");
        list.int(7);
        list.bool(true);
        list.double(-0.0);
    });
}

fn full() -> Vec<u8> {
    let mut request = Vec::new();
    put_len_prefixed(&mut request, 0x0a, 2, |out| {
        put_len_prefixed(out, 0x0a, 2, |out| attributes(out, AttributeOf::Resource));
        put_len_prefixed(out, 0x12, 2, |out| {
            put_len_prefixed(out, 0x0a, 2, |out| {
                put_scope(out, "lianlu", "0.1.0", |out| {
                    attributes(out, AttributeOf::Scope)
                });
            });
            out.extend_from_slice(&full_span());
            out.extend_from_slice(&full_span());
            out.extend_from_slice(b"\x1a\x03url");
        });
        out.extend_from_slice(b"\x1a\x03url");
    });
    request
}

fn in_span(fields: Vec<u8>) -> Vec<u8> {
    wrap(&[0x0a, 0x12, 0x12], fields)
}

fn in_resource(fields: Vec<u8>) -> Vec<u8> {
    wrap(&[0x0a, 0x0a], fields)
}

/// An attribute with `levels` nested values; `tags` are the fields from one to the next.
fn nested(levels: usize, tags: &[u8]) -> Vec<u8> {
    let value = (1..levels).fold(Vec::new(), |value, _| wrap(tags, value));
    wrap(&[0x4a, 0x12], value)
}

/// Wraps the message in fields of these tags, the outermost first.
fn wrap(tags: &[u8], mut message: Vec<u8>) -> Vec<u8> {
    for tag in tags.iter().rev() {
        let mut outer = vec![*tag];
        put_varint(&mut outer, message.len() as u64);
        outer.append(&mut message);
        message = outer;
    }
    message
}
