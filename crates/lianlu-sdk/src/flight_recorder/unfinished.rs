//! Reports calls that were open when their process died as spans.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::otlp::{AttributeOf, Spans, StatusCode, put_bool, put_len_prefixed, put_status};
use lianlu_wire::otlp_key;
use lianlu_wire::segment::{
    FileKind, HEADER, RecordKind, WORD, open_calls, put_header, put_record, record_len,
};

use super::recovered::{RecoveryReport, ended_span_ids, exists, is_torn, read_file, with_path};
use super::storage::{create_file, sync_folder};

/// The file with these spans.
const FILE: &str = "unfinished.spans";

/// Makes a file of spans from a run's open calls. If it is interrupted, the next start repeats it.
pub(super) fn end_calls(dir: &Path, report: &mut RecoveryReport) -> Result<(), String> {
    let path = dir.join("calls");
    if !exists(&path)? {
        return Ok(());
    }
    if !exists(&dir.join(FILE))? {
        let (content, header) = read_file(&path, FileKind::Calls)?;
        let (calls, damaged) = open_calls(&content);
        report.damaged += damaged;
        report.torn += u64::from(is_torn(&content, &header));
        let ended = match calls.is_empty() {
            true => Default::default(),
            false => ended_span_ids(dir)?,
        };
        let mut spans = Vec::new();
        for (scope, fields) in calls {
            match end_span(fields, header.heartbeat) {
                Some((id, _)) if ended.contains(&id) => {}
                Some((_, span)) => spans.push((scope, span)),
                None => report.damaged += 1,
            }
        }
        if !spans.is_empty() {
            let written = write(dir, &spans);
            written.map_err(|error| with_path(&dir.join(FILE), &error))?;
            report.unfinished += spans.len() as u64;
        }
    }
    // The calls are spans now. If the file cannot be removed, the existence of the span file
    // prevents a repetition.
    let _ = fs::remove_file(path);
    Ok(())
}

/// The ended span as `0x12 len Span`, with its id. `heartbeat` is the last heartbeat of the
/// process.
fn end_span(fields: &[u8], heartbeat: u64) -> Option<([u8; 8], Vec<u8>)> {
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
        // `end_time_unix_nano`: the last of a repeated field wins.
        out.push(0x41);
        out.extend_from_slice(&heartbeat.max(span.start_unix_nanos).to_le_bytes());
        put_bool(out, AttributeOf::Span, otlp_key!("lianlu.unfinished"), true);
        put_status(out, StatusCode::Error, "process ended");
    });
    Some((span.span_id, ended))
}

/// Written under another name and renamed, so that the file is either complete or absent.
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
