//! Jaeger's batches.

use lianlu_wire::jaeger::{
    Batch, Log, Process, RefType, Span, SpanRef, Tag, TagValue, encode_batch_binary,
    encode_emit_batch_binary, encode_emit_batch_compact,
};

use super::Seed;

/// 2³¹-1 in the binary protocol, and -1.
const HUGE: [u8; 4] = [0x7f, 0xff, 0xff, 0xff];
const NEGATIVE: [u8; 4] = [0xff; 4];
/// 2³¹-1 and 2³¹ in the compact protocol.
const HUGE_VARINT: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x07];
const NEGATIVE_VARINT: [u8; 5] = [0x80, 0x80, 0x80, 0x80, 0x08];
/// Field 1, an empty process.
const PROCESS: [u8; 11] = [0x0c, 0, 1, 0x0b, 0, 1, 0, 0, 0, 0, 0];
/// Message header, args, field 1.
const COMPACT: &[u8] = b"\x82\x81\x00\x09emitBatch\x1c";

fn full() -> Batch<'static> {
    let tags = || {
        vec![
            Tag::new("http.route", TagValue::String("/basket".into())),
            Tag::new("ratio", TagValue::Double(0.5)),
            Tag::new("nan", TagValue::Double(f64::NAN)),
            Tag::new("error", TagValue::Bool(true)),
            Tag::new("cached", TagValue::Bool(false)),
            Tag::new("http.response.status_code", TagValue::Long(-200)),
            Tag::new("raw", TagValue::Binary(b"\0\xff".as_slice().into())),
        ]
    };
    let other = |ref_type| SpanRef {
        ref_type,
        trace_id: u128::MAX,
        span_id: 7,
    };
    let span = Span {
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        span_id: 0x00f0_67aa_0ba9_02b7,
        parent_span_id: 1,
        operation_name: "GET /basket".into(),
        references: vec![other(RefType::ChildOf), other(RefType::FollowsFrom)],
        flags: 1,
        start_time: 1_790_000_000_000_000,
        duration: 1_250,
        tags: tags(),
        logs: vec![Log {
            timestamp: 1_790_000_000_000_100,
            fields: tags(),
        }],
    };
    Batch {
        process: Process {
            service_name: "shop".into(),
            tags: tags(),
        },
        spans: vec![span, Span::default()],
    }
}

/// More elements than fit into the short form of a list header.
fn twenty() -> Batch<'static> {
    Batch {
        spans: vec![Span::default(); 20],
        ..Batch::default()
    }
}

fn encoded(
    batch: &Batch<'_>,
    encode: impl FnOnce(&Batch<'_>, &mut Vec<u8>) -> Result<(), lianlu_wire::jaeger::EncodeError>,
) -> Vec<u8> {
    let mut out = Vec::new();
    encode(batch, &mut out).expect("short enough");
    out
}

/// Text that ends in the middle of a character.
fn not_utf8(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(at) = bytes.windows(4).position(|window| window == b"shop") {
        bytes[at + 1] = 0;
        bytes[at + 3] = 0xe9;
    }
    bytes
}

pub(super) fn binary() -> Vec<Seed> {
    let emit = |batch: &Batch<'_>, out: &mut Vec<u8>| encode_emit_batch_binary(batch, 1, out);
    let full_emit = encoded(&full(), emit);
    // Without a version, as from older clients: method, kind, sequence number.
    let old = [&[0, 0, 0, 9][..], b"emitBatch\x01", &full_emit[17..]].concat();
    let unknown = |field: &[u8]| [&PROCESS[..], field].concat();
    vec![
        Seed::new("full", encoded(&full(), encode_batch_binary)),
        Seed::new("empty", encoded(&Batch::default(), encode_batch_binary)),
        Seed::new("twenty-spans", encoded(&twenty(), encode_batch_binary)),
        Seed::new("emit-full", full_emit),
        Seed::new("emit-old-header", old),
        Seed::new(
            "not-utf8-and-nul",
            not_utf8(encoded(&full(), encode_batch_binary)),
        ),
        Seed::new(
            "huge-string",
            [&[0x0c, 0, 1, 0x0b, 0, 1][..], &HUGE, b"shop"].concat(),
        ),
        Seed::new(
            "huge-list",
            unknown(&[&[0x0f, 0, 2, 0x0c][..], &HUGE, &[0; 40]].concat()),
        ),
        Seed::new(
            "huge-map",
            unknown(&[&[0x0d, 0, 99, 0x0b, 0x0a][..], &HUGE].concat()),
        ),
        Seed::new("huge-method", [HUGE, HUGE].concat()),
        Seed::new(
            "negative-list",
            unknown(&[&[0x0f, 0, 2, 0x0c][..], &NEGATIVE].concat()),
        ),
        Seed::new("every-kind-unknown", unknown(&every_kind())),
        Seed::new(
            "lists-10k-deep",
            unknown(&[&[0x0f, 0, 99][..], &[0x0f, 0, 0, 0, 1].repeat(10_000)].concat()),
        ),
        Seed::new("structs-10k-deep", unknown(&[0x0c, 0, 1].repeat(10_000))),
    ]
}

/// A field of each kind with an unknown number, an empty list of spans and the end.
fn every_kind() -> Vec<u8> {
    [
        &[0x02, 0, 99, 1][..],
        &[0x03, 0, 99, 7],
        &[0x04, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x06, 0, 99, 0, 1],
        &[0x08, 0, 99, 0, 0, 0, 1],
        &[0x0a, 0, 99, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0x0b, 0, 99, 0, 0, 0, 1, b'x'],
        &[0x0c, 0, 99, 0],
        &[0x0d, 0, 99, 0x0b, 0x02, 0, 0, 0, 1, 0, 0, 0, 1, b'k', 1],
        &[0x0d, 0, 99, 0, 0, 0, 0, 0, 0],
        &[0x0e, 0, 99, 0x03, 0, 0, 0, 2, 1, 2],
        &[0x0f, 0, 99, 0x02, 0, 0, 0, 2, 0, 1],
        &[0x10, 0xff, 0xff],
        &[9; 16],
        &[0x0f, 0, 2, 0x0c, 0, 0, 0, 0],
        &[0],
    ]
    .concat()
}

pub(super) fn compact() -> Vec<Seed> {
    let emit = |batch: &Batch<'_>, out: &mut Vec<u8>| encode_emit_batch_compact(batch, 1, out);
    let args = |field: &[u8]| [COMPACT, field].concat();
    vec![
        Seed::new("full", encoded(&full(), emit)),
        Seed::new("empty", encoded(&Batch::default(), emit)),
        Seed::new("twenty-spans", encoded(&twenty(), emit)),
        Seed::new("not-utf8-and-nul", not_utf8(encoded(&full(), emit))),
        Seed::new(
            "huge-string",
            args(&[&[0x1c, 0x18][..], &HUGE_VARINT, b"shop"].concat()),
        ),
        Seed::new(
            "huge-list",
            args(&[&[0x1c, 0x18, 0, 0, 0x19, 0xfc][..], &HUGE_VARINT, &[0; 40]].concat()),
        ),
        Seed::new(
            "huge-map",
            args(&[&[0xfb][..], &HUGE_VARINT, &[0x67]].concat()),
        ),
        Seed::new("huge-method", [&b"\x82\x81\x00"[..], &HUGE_VARINT].concat()),
        Seed::new(
            "negative-string",
            args(&[&[0x1c, 0x18][..], &NEGATIVE_VARINT].concat()),
        ),
        // As many spans as the bytes can hold, none of them complete.
        Seed::new(
            "thousand-spans",
            args(
                &[
                    &[0x1c, 0x18, 0, 0, 0x19, 0xfc, 0xe8, 0x07][..],
                    &[0; 17_000],
                ]
                .concat(),
            ),
        ),
        Seed::new("lists-that-claim-the-same-bytes", args(&same_bytes())),
        Seed::new("every-kind-unknown", args(&every_kind_compact())),
        Seed::new("structs-10k-deep", args(&[0x1c].repeat(10_000))),
        Seed::new(
            "lists-10k-deep",
            args(&[&[0x09, 0xc6, 0x01][..], &[0x19].repeat(10_000)].concat()),
        ),
        Seed::new(
            "field-number-too-large",
            args(&[0x08, 0xfe, 0xff, 0x03, 0, 0x18, 0]),
        ),
    ]
}

/// 100 spans, 330 logs in the first span, 320 tags in the first log, and enough bytes for each list
/// alone.
fn same_bytes() -> Vec<u8> {
    let spans = [0x1c, 0x18, 0, 0, 0x19, 0xfc, 100];
    let logs = [0xb9, 0xfc, 0xca, 0x02];
    let tags = [0x16, 0, 0x19, 0xfc, 0xc0, 0x02];
    [&spans[..], &logs, &tags, &[0; 1_700]].concat()
}

fn every_kind_compact() -> Vec<u8> {
    [
        &[0x1c, 0x18, 0, 0][..],
        &[0x19, 0x0c],
        // The later fields, with a difference of one each.
        &[0x11, 0x12],
        &[0x13, 7],
        &[0x14, 1],
        &[0x15, 1],
        &[0x16, 1],
        &[0x17, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x18, 1, b'x'],
        &[0x19, 0x21, 1, 2],
        &[0x1a, 0x23, 1, 2],
        &[0x1b, 1, 0x81, 1, b'k', 1],
        &[0x1b, 0],
        &[0x1c, 0],
        &[0x1d],
        &[9; 16],
        &[0x03, 0x01, 7],
        &[0, 0],
    ]
    .concat()
}
