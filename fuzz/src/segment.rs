//! The flight recorder's files.

use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::segment::{
    CALL_SLOT, FileKind, HEADER, Header, RecordKind, Records, WORD, open_calls, put_header,
    put_record, record_len,
};

use crate::memory::within;

const KINDS: [FileKind; 3] = [FileKind::Meta, FileKind::Spans, FileKind::Calls];

/// `data` as a file, and as damage to one.
///
/// - Records are whole, in order, and none overlaps another. Reading them takes no memory.
/// - There is no more damage than there are words.
/// - Of a good file to which something happens, every record that is not hit is read, and nothing that was not there.
/// - Calls that are open are in slots, and memory is a few words for each.
pub fn segment(data: &[u8]) {
    strange(data);
    damaged(data);
}

fn strange(file: &[u8]) {
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

/// The first byte says how many records there are, the next ones how long they are; what follows are edits of three
/// bytes: two for a place, and one that is put there.
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
        assert!(is_there(number) || is_hit, "record {number} is gone");
    }
    for record in &found {
        let known = places.iter().position(|(from, _)| *from == record.at);
        assert!(known.is_some_and(is_there), "a record that nobody wrote");
    }
}
