//! Segments of the flight recorder, and damage to them.

use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::segment::{
    CALL_SLOT, FileKind, HEADER, RecordKind, WORD, append_call, put_call, put_cursor,
    put_generation, put_header, put_heartbeat, put_record, record_len,
};

use super::Seed;

fn file(size: usize, write: impl FnOnce(&[AtomicU64])) -> Vec<u8> {
    let words: Vec<_> = (0..size / WORD).map(|_| AtomicU64::new(0)).collect();
    write(&words);
    let words = words.iter().map(|word| word.load(Ordering::Relaxed));
    words.flat_map(u64::to_le_bytes).collect()
}

fn records(words: &[AtomicU64], generation: u32, payloads: &[&[u8]]) {
    let mut at = HEADER;
    for (payload, scope) in payloads.iter().zip(1..) {
        put_record(words, at, generation, (RecordKind::Span, scope), payload);
        at += record_len(payload.len());
    }
}

pub(super) fn files() -> Vec<Seed> {
    let three: [&[u8]; 3] = [b"\x12\x00", &[7; 100], b"\x12\x02ab"];
    let spans = file(1024, |words| {
        put_header(words, FileKind::Spans, 1);
        put_cursor(words, 0, 1, 77, HEADER + 24);
        records(words, 1, &three);
    });
    let again = file(1024, |words| {
        put_header(words, FileKind::Spans, 1);
        records(words, 1, &[&[1; 40][..]; 8]);
        put_generation(words, 2);
        records(words, 2, &three);
    });
    let meta = file(512, |words| {
        put_header(words, FileKind::Meta, 1);
        put_record(words, HEADER, 1, (RecordKind::Resource, 0), b"\0\0\0\0");
        let at = HEADER + record_len(4);
        put_record(
            words,
            at,
            1,
            (RecordKind::Scope, 1),
            b"\x01\0\0\0u\x0a\x01s",
        );
    });
    let calls = file(HEADER + 3 * CALL_SLOT, |words| {
        put_header(words, FileKind::Calls, 1);
        put_heartbeat(words, 1);
        put_call(words, 1, 1, b"\x12\x01i\x4a\x03\x0a\x01k", 3);
        append_call(words, 1, b"\x2a\x01n");
    });
    let mut gap = spans.clone();
    gap[HEADER + 24..HEADER + 64].fill(0);
    let mut version = spans.clone();
    version[8] = 2;
    let mut header = spans.clone();
    header[28] ^= 1;
    // Every word looks like the start of a record, but none is one.
    let lures = [&spans[..HEADER], &[0, 1, 0, 0, 1, 0, 0, 0].repeat(500)].concat();
    vec![
        Seed::new("cut", &spans[..HEADER + 100]),
        Seed::new("spans", spans),
        Seed::new("used-again", again),
        Seed::new("meta", meta),
        Seed::new("calls", calls),
        Seed::new("gap", gap),
        Seed::new("another-version", version),
        Seed::new("damaged-header", header),
        Seed::new("lures", lures),
        Seed::new(
            "edits",
            b"\x03\x10\x20\x30\x00\x00\xff\x20\x00\x01".to_vec(),
        ),
    ]
}
