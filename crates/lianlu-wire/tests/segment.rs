//! Segment files: records round-trip, damage is skipped and counted, and untrusted files do no
//! harm.
#![cfg(feature = "segment")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::segment::*;
use proptest::prelude::*;

const GENERATION: u32 = 3;

fn words(size: usize) -> Vec<AtomicU64> {
    (0..size / WORD).map(|_| AtomicU64::new(0)).collect()
}

fn bytes(words: &[AtomicU64]) -> Vec<u8> {
    let words = words.iter();
    words
        .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
        .collect()
}

/// Appends records and returns the offset of their end.
fn append(words: &[AtomicU64], generation: u32, mut at: usize, payloads: &[Vec<u8>]) -> usize {
    for (number, payload) in payloads.iter().enumerate() {
        let kind = (RecordKind::Span, number as u16);
        put_record(words, at, generation, kind, payload);
        at += record_len(payload.len());
    }
    at
}

fn file(payloads: &[Vec<u8>], spare_bytes: usize) -> Vec<u8> {
    let records: usize = payloads.iter().map(|it| record_len(it.len())).sum();
    let words = words(HEADER + records + spare_bytes);
    put_header(&words, FileKind::Spans, GENERATION);
    append(&words, GENERATION, HEADER, payloads);
    bytes(&words)
}

/// A payload with its scope.
type Payload = (u16, Vec<u8>);

/// The payloads and the number of damaged places.
fn read(file: &[u8]) -> Result<(Vec<Payload>, u64), HeaderError> {
    let header = Header::read(file, FileKind::Spans)?;
    let mut records = Records::new(file, HEADER, header.generation);
    let found = records
        .by_ref()
        .map(|record| (record.scope, record.payload.to_vec()))
        .collect();
    Ok((found, records.damaged()))
}

fn numbered(payloads: &[Vec<u8>]) -> Vec<Payload> {
    let payloads = payloads.iter().enumerate();
    payloads
        .map(|(number, payload)| (number as u16, payload.clone()))
        .collect()
}

fn three() -> Vec<Vec<u8>> {
    vec![
        b"the first".to_vec(),
        vec![0xaa; 40],
        b"and the last".to_vec(),
    ]
}

/// Every bit of these bytes; only some under Miri, which is about a hundred times slower.
fn bits(bytes: Range<usize>) -> impl Iterator<Item = (usize, u32)> {
    let bits = bytes.flat_map(|at| (0..8).map(move |bit| (at, bit)));
    bits.step_by(if cfg!(miri) { 99 } else { 1 })
}

#[test]
fn a_flipped_bit_loses_only_its_record() {
    let payloads = three();
    let whole = file(&payloads, 64);
    let mut starts = vec![HEADER];
    for payload in &payloads {
        starts.push(starts.last().unwrap() + record_len(payload.len()));
    }
    for (at, bit) in bits(HEADER..starts[3]) {
        let hit = starts.iter().rposition(|start| *start <= at).unwrap();
        // Padding is not covered by the checksum.
        let is_padding = at >= starts[hit] + 16 + payloads[hit].len();
        let mut file = whole.clone();
        file[at] ^= 1 << bit;
        let (found, damaged) = read(&file).unwrap();
        let mut wanted = numbered(&payloads);
        if !is_padding {
            wanted.remove(hit);
        }
        assert_eq!(found, wanted, "byte {at}, bit {bit}");
        assert_eq!(damaged, u64::from(!is_padding), "byte {at}, bit {bit}");
    }
}

#[test]
fn a_flipped_bit_in_the_header_is_reported_or_harmless() {
    let payloads = three();
    let whole = file(&payloads, 64);
    for (at, bit) in bits(0..HEADER) {
        let mut file = whole.clone();
        file[at] ^= 1 << bit;
        match read(&file) {
            Ok(all) => assert_eq!(all, (numbered(&payloads), 0), "byte {at}"),
            Err(HeaderError::Magic(_)) => assert!(at < 8, "byte {at}"),
            Err(HeaderError::Version(version)) => {
                assert!((8..12).contains(&at) && version != 1, "byte {at}");
            }
            Err(error) => assert!((12..32).contains(&at), "byte {at}: {error}"),
        }
    }
}

#[test]
fn a_truncated_file_keeps_its_complete_records() {
    let payloads = three();
    let whole = file(&payloads, 0);
    let starts: Vec<_> = (0..=3)
        .map(|count| {
            HEADER
                + payloads[..count]
                    .iter()
                    .map(|it| record_len(it.len()))
                    .sum::<usize>()
        })
        .collect();
    for length in (0..whole.len()).step_by(if cfg!(miri) { 17 } else { 1 }) {
        let cut = &whole[..length];
        if length < HEADER {
            assert_eq!(read(cut), Err(HeaderError::Short(length)));
            continue;
        }
        let header = Header::read(cut, FileKind::Spans).unwrap();
        assert_eq!(header.size, whole.len() as u64);
        let (found, damaged) = read(cut).unwrap();
        let fits = |number: &usize| starts[*number] + 16 + payloads[*number].len() <= length;
        let count = (0..3).take_while(fits).count();
        assert_eq!(found, numbered(&payloads)[..count], "{length}");
        assert!(damaged <= 1, "{length}");
    }
}

#[test]
fn records_of_earlier_generations_are_ignored() {
    let words = words(HEADER + 4096);
    put_header(&words, FileKind::Spans, 1);
    append(&words, 1, HEADER, &vec![vec![7; 100]; 20]);
    assert_eq!(read(&bytes(&words)).unwrap().0.len(), 20);
    put_generation(&words, 2);
    assert_eq!(read(&bytes(&words)).unwrap(), (vec![], 0));
    append(&words, 2, HEADER, &three());
    assert_eq!(read(&bytes(&words)).unwrap(), (numbered(&three()), 0));
}

#[test]
fn zeros_in_the_middle_are_damage_not_the_end() {
    let payloads = vec![vec![1; 100]; 10];
    let mut file = file(&payloads, 100);
    let start = HEADER + 3 * record_len(100);
    file[start..start + 3 * record_len(100)].fill(0);
    let (found, damaged) = read(&file).unwrap();
    let scopes: Vec<_> = found.iter().map(|(scope, _)| *scope).collect();
    assert_eq!(scopes, [0, 1, 2, 6, 7, 8, 9]);
    assert_eq!(damaged, 1);
}

#[test]
fn cursors_are_found_by_name_and_used_only_if_intact() {
    let words = words(HEADER + 64);
    put_header(&words, FileKind::Spans, GENERATION);
    let cursor = |words: &[AtomicU64], name| {
        let file = bytes(words);
        Header::read(&file, FileKind::Spans).unwrap().cursor(name)
    };
    assert_eq!(cursor(&words, 5), HEADER);
    put_cursor(&words, 0, GENERATION, 5, 1000);
    put_cursor(&words, 7, GENERATION, 6, 2000);
    assert_eq!((cursor(&words, 5), cursor(&words, 6)), (1000, 2000));
    let (at, raw) = cursor_bytes(7, GENERATION, 6, 2000);
    let at = at as usize;
    assert_eq!(bytes(&words)[at..at + raw.len()], raw);
    // A flipped bit invalidates the cursor: everything is sent again.
    words[9].fetch_xor(1 << 4, Ordering::Relaxed);
    assert_eq!(cursor(&words, 5), HEADER);
    // A reused file starts at its beginning.
    put_generation(&words, GENERATION + 1);
    assert_eq!(cursor(&words, 6), HEADER);
}

#[test]
fn an_open_call_is_readable_with_appended_fields_until_freed() {
    let words = words(HEADER + 3 * CALL_SLOT);
    put_header(&words, FileKind::Calls, 1);
    put_heartbeat(&words, 99);
    put_call(&words, 1, 4, b"abc", 3);
    append_call(&words, 1, b"defghijklm");
    append_call(&words, 1, &[7; 2000]);
    put_call(&words, 2, 5, b"xyz", 3);
    put_call(&words, 3, 5, b"no such slot", 12);
    let file = bytes(&words);
    assert_eq!(Header::read(&file, FileKind::Calls).unwrap().heartbeat, 99);
    let open: Vec<(u16, &[u8])> = vec![(4, b"abcdefghijklm"), (5, b"xyz")];
    assert_eq!(open_calls(&file), (open, 0));
    free_call(&words, 2);
    let mut file = bytes(&words);
    assert_eq!(open_calls(&file).0.len(), 1);
    file[HEADER + CALL_SLOT + 20] ^= 1;
    assert_eq!(open_calls(&file), (vec![], 1));
}

#[test]
fn attributes_that_do_not_fit_are_dropped() {
    let words = words(HEADER + CALL_SLOT);
    let attribute = |length: usize| {
        let mut out = vec![
            0x4a,
            0x80 | (length + 3) as u8,
            ((length + 3) >> 7) as u8,
            0x0a,
        ];
        out.extend([0x80 | length as u8, (length >> 7) as u8]);
        out.resize(out.len() + length, b'k');
        out
    };
    let fields = [vec![9; 100], attribute(500), attribute(900), attribute(200)].concat();
    put_call(&words, 0, 1, &fields, 100);
    let file = bytes(&words);
    let (calls, damaged) = open_calls(&file);
    assert_eq!(damaged, 0);
    assert_eq!(calls[0].1.len(), 100 + 506 + 206);
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn records_round_trip(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..40)) {
        prop_assert_eq!(read(&file(&payloads, 128)).unwrap(), (numbered(&payloads), 0));
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn arbitrary_bytes_do_not_panic(mut file in proptest::collection::vec(any::<u8>(), HEADER..4096)) {
        let whole = only_a_header();
        file[..32].copy_from_slice(&whole[..32]);
        let (found, _) = read(&file).unwrap();
        prop_assert!(found.is_empty());
        let _ = open_calls(&file);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn damage_loses_only_the_records_it_overlaps(
        from in HEADER..2000_usize,
        length in 1_usize..400,
        with in any::<u8>(),
    ) {
        let payloads: Vec<_> = (0..30_u8).map(|number| vec![number; 60]).collect();
        let mut file = file(&payloads, 256);
        for byte in &mut file[from..from + length] {
            *byte = with;
        }
        let (found, _) = read(&file).unwrap();
        for (number, payload) in numbered(&payloads) {
            let start = HEADER + usize::from(number) * record_len(60);
            let is_hit = start < from + length && from < start + record_len(60);
            let is_there = found.contains(&(number, payload));
            prop_assert!(is_there || is_hit, "{} is gone", number);
        }
        prop_assert!(found.len() <= 30);
    }
}

fn only_a_header() -> Vec<u8> {
    file(&[], 0)
}

/// Every word looks like the start of a record and none is: the search gives up in bounded time.
#[test]
fn a_malicious_file_is_read_in_bounded_time() {
    let size = if cfg!(miri) { 16 * 1024 } else { 1024 * 1024 };
    let mut file = file(&[], 0);
    file.resize(size, 0);
    let fake_record = u64::from(GENERATION) << 32 | (size as u64 / 2);
    for word in file[HEADER..].chunks_exact_mut(WORD) {
        word.copy_from_slice(&fake_record.to_le_bytes());
    }
    let (found, damaged) = read(&file).unwrap();
    assert_eq!((found.len(), damaged), (0, 1));
}
