//! Calls that were open when their process died, as spans.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::otlp::{AttributeOf, Spans, StatusCode, put_bool, put_len_prefixed, put_status};
use lianlu_wire::otlp_key;
use lianlu_wire::segment::{
    FileKind, HEADER, RecordKind, WORD, open_calls, put_header, put_record, record_len,
};

use super::leftover::{RecoveryReport, ended, is_there, is_torn, read_file, said};
use super::storage::{create_file, sync_folder};

/// The file that they are put into.
const FILE: &str = "unfinished.spans";

/// Makes a file of spans out of a run's open calls. Whenever this is cut short, the next start does it, once.
pub(super) fn end_calls(dir: &Path, found: &mut RecoveryReport) -> Result<(), String> {
    let path = dir.join("calls");
    if !is_there(&path)? {
        return Ok(());
    }
    if !is_there(&dir.join(FILE))? {
        let (content, header) = read_file(&path, FileKind::Calls)?;
        let (calls, damaged) = open_calls(&content);
        found.damaged += damaged;
        found.torn += u64::from(is_torn(&content, &header));
        let ended = match calls.is_empty() {
            true => Default::default(),
            false => ended(dir)?,
        };
        let mut spans = Vec::new();
        for (scope, fields) in calls {
            match end(fields, header.heartbeat) {
                Some((id, _)) if ended.contains(&id) => {}
                Some((_, span)) => spans.push((scope, span)),
                None => found.damaged += 1,
            }
        }
        if !spans.is_empty() {
            let written = write(dir, &spans);
            written.map_err(|error| said(&dir.join(FILE), &error))?;
            found.unfinished += spans.len() as u64;
        }
    }
    // Its calls are spans now. Where it can't be removed the file of spans stands for it.
    let _ = fs::remove_file(path);
    Ok(())
}

/// `0x12 len Span` with the span's id. `lived` is when the process was last seen.
fn end(fields: &[u8], lived: u64) -> Option<([u8; 8], Vec<u8>)> {
    let framed = |more: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::with_capacity(fields.len() + 64);
        put_len_prefixed(&mut out, 0x12, 2, |out| {
            out.extend_from_slice(fields);
            more(out);
        });
        out
    };
    let started = framed(&|_| {});
    let span = Spans::new(&started).next()?.ok()?.parse().ok()?;
    let ended = framed(&|out| {
        // `end_time_unix_nano`: of a field that is there twice the last one counts.
        out.push(0x41);
        out.extend_from_slice(&lived.max(span.start_unix_nanos).to_le_bytes());
        put_bool(out, AttributeOf::Span, otlp_key!("lianlu.unfinished"), true);
        put_status(out, StatusCode::Error, "process ended");
    });
    Some((span.span_id, ended))
}

/// Under another name first, so that the file is there as a whole or not at all.
fn write(dir: &Path, spans: &[(u16, Vec<u8>)]) -> io::Result<()> {
    let bytes: usize = spans.iter().map(|(_, span)| record_len(span.len())).sum();
    let words: Vec<AtomicU64> = (0..(HEADER + bytes) / WORD)
        .map(|_| AtomicU64::new(0))
        .collect();
    put_header(&words, FileKind::Spans, 1);
    let mut at = HEADER;
    for (scope, span) in spans {
        put_record(&words, at, 1, (RecordKind::Span, *scope), span);
        at += record_len(span.len());
    }
    let content: Vec<u8> = words
        .iter()
        .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
        .collect();
    let temporary = dir.join("unfinished");
    let _ = fs::remove_file(&temporary);
    let mut file = create_file(&temporary)?;
    file.write_all(&content)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(FILE))?;
    sync_folder(dir)
}
