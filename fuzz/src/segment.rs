//! Segments of the flight recorder.

use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::segment::{
    CALL_SLOT, FileKind, HEADER, Header, RecordKind, Records, WORD, open_calls, put_header,
    put_record, record_len,
};

use crate::memory::within;

const KINDS: [FileKind; 3] = [FileKind::Meta, FileKind::Spans, FileKind::Calls];

/// `data` as a file, and as damage to a valid one.
///
/// - Records are complete, in order and do not overlap. Reading them does not allocate.
/// - At most each word is reported as damage.
/// - In a damaged file every record that is not hit is read, and no other.
/// - Open calls are in slots, with a few words of memory for each.
pub fn segment(data: &[u8]) {
    untrusted(data);
    damaged(data);
}

fn untrusted(file: &[u8]) {
    let mut generations = vec![1];
    for kind in KINDS {
        if let Ok(header) = Header::read(file, kind) {
            assert!(header.cursor(0) >= HEADER);
            generations.push(header.generation);
        }
    }
    generations.dedup();
    for generation in generations {
        within(0, || {
            let mut records = Records::new(file, HEADER, generation);
            let mut end = HEADER;
            for record in &mut records {
                assert!(record.at >= end && record.at % WORD == 0);
                assert_eq!(record.next, record.at + record_len(record.payload.len()));
                end = record.next;
            }
            assert!(records.damaged() <= (file.len() / WORD) as u64);
        });
    }
    let slots = file.len() / CALL_SLOT + 1;
    let (calls, damaged) = within(slots * 64, || open_calls(file));
    assert!(calls.len() as u64 + damaged <= slots as u64);
}

/// The first byte is the number of records, the next ones are their lengths. The rest are edits of
/// three bytes: two for the place, and the new byte.
fn damaged(data: &[u8]) {
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let count = usize::from(count % 16);
    let Some((lengths, edits)) = rest.split_at_checked(count) else {
        return;
    };
    let payloads: Vec<Vec<u8>> = lengths
        .iter()
        .zip(1..)
        .map(|(length, number)| vec![number; usize::from(*length)])
        .collect();
    let size = payloads
        .iter()
        .map(|it| record_len(it.len()))
        .sum::<usize>()
        + HEADER
        + 64;
    let words: Vec<_> = (0..size / WORD).map(|_| AtomicU64::new(0)).collect();
    put_header(&words, FileKind::Spans, 1);
    let mut places = Vec::new();
    let mut at = HEADER;
    for (number, payload) in payloads.iter().enumerate() {
        put_record(&words, at, 1, (RecordKind::Span, number as u16), payload);
        let end = at + record_len(payload.len());
        places.push((at, end));
        at = end;
    }
    let words = words.iter().map(|word| word.load(Ordering::Relaxed));
    let mut file: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    let mut hits = Vec::new();
    for edit in edits.chunks_exact(3) {
        let at =
            usize::from(u16::from_le_bytes([edit[0], edit[1]])) % (file.len() - HEADER) + HEADER;
        file[at] = edit[2];
        hits.push(at);
    }
    let found: Vec<_> = Records::new(&file, HEADER, 1).collect();
    let is_there = |number: usize| {
        let record = found.iter().find(|record| record.at == places[number].0);
        record.is_some_and(|record| {
            record.payload == payloads[number] && usize::from(record.scope) == number
        })
    };
    for (number, (from, to)) in places.iter().enumerate() {
        let is_hit = hits.iter().any(|hit| (from..to).contains(&hit));
        assert!(is_there(number) || is_hit, "record {number} is missing");
    }
    for record in &found {
        let known = places.iter().position(|(from, _)| *from == record.at);
        assert!(known.is_some_and(is_there), "a record that was not written");
    }
}
