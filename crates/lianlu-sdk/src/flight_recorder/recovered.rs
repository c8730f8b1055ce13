//! The files that earlier runs of the process have left.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lianlu_wire::otlp::Spans;
use lianlu_wire::segment::{
    FileKind, HEADER, Header, HeaderError, Record, RecordKind, Records, cursor_bytes,
};

use super::unfinished;
use crate::encode::{EncodedResource, EncodedScope};

/// Maximum size of a file.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Maximum number of spans in one part.
const MAX_PART_SPANS: usize = 512;
/// Maximum size of a part in bytes.
const MAX_PART_BYTES: usize = 512 * 1024;

/// The content of a flight recorder's folder at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Spans that some destination has not received, including those of `unfinished`.
    pub spans: u64,
    /// Calls that were open when the process died. Each is exported as a span with
    /// `lianlu.unfinished`.
    pub unfinished: u64,
    /// Number of places with at least one damaged record. They were skipped.
    pub damaged: u64,
    /// Number of truncated files.
    pub torn: u64,
    /// Files that could not be read and were not changed, with the reason: another version of the
    /// format, or a disk error.
    pub refused: Vec<String>,
}

impl RecoveryReport {
    /// Whether there is nothing to report.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An earlier run of the process.
#[derive(Debug)]
pub(crate) struct Run {
    dir: PathBuf,
    resource: Arc<EncodedResource>,
    scopes: HashMap<u16, Arc<EncodedScope>>,
    /// True if all files could be read; then the folder may be removed when everything is sent.
    is_readable: bool,
    /// Number of acknowledgements outstanding, over all parts and destinations.
    left: AtomicUsize,
    destinations: Vec<u64>,
    /// Serialises reads and writes.
    files: Mutex<()>,
    /// The first position of a file that could not be read for a destination: the cursor stays
    /// before it, so the next start sends it.
    unread: Mutex<HashMap<(String, usize), usize>>,
    /// The size of this run on disk, and of all runs.
    bytes: u64,
    all_bytes: Arc<AtomicU64>,
}

impl Run {
    fn unread(&self) -> MutexGuard<'_, HashMap<(String, usize), usize>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Consecutive spans of one file.
#[derive(Debug)]
struct Piece {
    file: String,
    generation: u32,
    from: usize,
    to: usize,
    spans: usize,
    /// The destinations that have not received it, by number.
    missing: Vec<bool>,
}

/// A piece with the run that it belongs to.
#[derive(Debug)]
pub(crate) struct RecoveredPart {
    run: Arc<Run>,
    piece: Piece,
}

impl RecoveredPart {
    pub(crate) fn spans(&self) -> usize {
        self.piece.spans
    }

    /// Whether the destination with this number has not received it.
    pub(crate) fn is_missing_at(&self, destination: usize) -> bool {
        self.piece.missing.get(destination) == Some(&true)
    }

    pub(crate) fn resource(&self) -> &Arc<EncodedResource> {
        &self.run.resource
    }

    fn with_file<T>(&self, work: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        let files = &self.run.files;
        let _one = files.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.run.dir.join(&self.piece.file);
        work(&mut OpenOptions::new().read(true).write(true).open(path)?)
    }

    /// Reads its spans.
    pub(crate) fn read(
        &self,
        buffer: &mut Vec<u8>,
        each: impl FnMut(Option<Arc<EncodedScope>>, &[u8]),
    ) -> io::Result<()> {
        let Piece { from, to, .. } = self.piece;
        buffer.resize(to.saturating_sub(from), 0);
        self.with_file(|file| {
            file.seek(SeekFrom::Start(from as u64))?;
            file.read_exact(buffer)
        })?;
        let scope = |number| self.run.scopes.get(&number).cloned();
        super::spans_of(buffer, self.piece.generation, scope, each);
        Ok(())
    }

    /// Records that reading it for a destination failed: it is kept for the next start.
    pub(crate) fn leave_unread(&self, destination: usize) {
        let key = (self.piece.file.clone(), destination);
        let mut unread = self.run.unread();
        let first = unread.entry(key).or_insert(self.piece.from);
        *first = self.piece.from.min(*first);
    }

    fn is_behind_unread(&self, destination: usize) -> bool {
        let key = (self.piece.file.clone(), destination);
        let unread = self.run.unread();
        unread.get(&key).is_some_and(|at| *at < self.piece.to)
    }

    /// Acknowledges it for a destination, which has received it or never will. After the last
    /// acknowledgement the run's files are removed.
    pub(crate) fn ack(&self, destination: usize) {
        let (run, piece) = (&self.run, &self.piece);
        let name = run.destinations.get(destination).copied().unwrap_or(0);
        let (at, bytes) = cursor_bytes(destination, piece.generation, name, piece.to);
        if !self.is_behind_unread(destination) {
            // If this fails, the spans are sent again after the next start.
            let _ = self.with_file(|file| {
                file.seek(SeekFrom::Start(at))?;
                file.write_all(&bytes)
            });
        }
        let is_last = run.left.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last && run.is_readable && fs::remove_dir_all(&run.dir).is_ok() {
            run.all_bytes.fetch_sub(run.bytes, Ordering::Relaxed);
        }
    }
}

/// The recovered spans, in sending order.
#[derive(Debug, Default)]
pub(super) struct RecoveredSpans {
    pub(super) parts: Vec<RecoveredPart>,
    pub(super) report: RecoveryReport,
    /// Size on disk.
    pub(super) bytes: Arc<AtomicU64>,
}

impl RecoveredSpans {
    /// Reads all earlier runs in the folder.
    pub(super) fn find(dir: &Path, destinations: &[u64]) -> io::Result<Self> {
        let mut runs = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let is_run = entry.file_name().to_string_lossy().starts_with("run-");
            if is_run && entry.file_type()?.is_dir() {
                runs.push(entry.path());
            }
        }
        runs.sort();
        let mut all = Self::default();
        for run in runs {
            all.add(&run, destinations);
        }
        Ok(all)
    }

    fn add(&mut self, dir: &Path, destinations: &[u64]) {
        let refused = self.report.refused.len();
        let (resource, scopes) = match self.meta(dir) {
            Ok(meta) => meta,
            Err(reason) => return self.report.refused.push(reason),
        };
        if let Err(reason) = unfinished::end_calls(dir, &mut self.report) {
            self.report.refused.push(reason);
        }
        let mut pieces = Vec::new();
        let mut bytes = 0;
        let files = span_files(dir).unwrap_or_else(|reason| {
            self.report.refused.push(reason);
            Vec::new()
        });
        for file in files {
            match read_file(&dir.join(&file), FileKind::Spans) {
                Ok((content, header)) => {
                    bytes += content.len() as u64;
                    self.report.torn += u64::from(is_torn(&content, &header));
                    pieces.extend(self.pieces(&file, &content, &header, destinations));
                }
                Err(reason) => self.report.refused.push(reason),
            }
        }
        let missing = |piece: &Piece| piece.missing.iter().filter(|it| **it).count();
        let run = Arc::new(Run {
            dir: dir.to_owned(),
            resource,
            scopes,
            is_readable: self.report.refused.len() == refused,
            left: AtomicUsize::new(pieces.iter().map(missing).sum()),
            destinations: destinations.to_vec(),
            files: Mutex::default(),
            unread: Mutex::default(),
            bytes,
            all_bytes: Arc::clone(&self.bytes),
        });
        if pieces.is_empty() && run.is_readable {
            let _ = fs::remove_dir_all(dir);
            return;
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let part = |piece| RecoveredPart {
            run: Arc::clone(&run),
            piece,
        };
        self.parts.extend(pieces.into_iter().map(part));
    }

    /// Reads the resource and the scopes of the spans.
    #[allow(clippy::type_complexity)]
    fn meta(
        &mut self,
        dir: &Path,
    ) -> Result<(Arc<EncodedResource>, HashMap<u16, Arc<EncodedScope>>), String> {
        let mut resource = EncodedResource::default();
        let mut scopes = HashMap::new();
        let path = dir.join("meta");
        if exists(&path)? {
            let (content, header) = read_file(&path, FileKind::Meta)?;
            self.report.torn += u64::from(is_torn(&content, &header));
            let mut records = Records::new(&content, HEADER, header.generation);
            for record in &mut records {
                let Some((schema_url, bytes)) = described_message(&record) else {
                    continue;
                };
                match record.kind {
                    RecordKind::Resource => resource = EncodedResource { bytes, schema_url },
                    RecordKind::Scope => {
                        let scope = EncodedScope::of(bytes, schema_url);
                        scopes.insert(record.scope, Arc::new(scope));
                    }
                    _ => {}
                }
            }
            self.report.damaged += records.damaged();
        }
        Ok((Arc::new(resource), scopes))
    }

    /// Splits a file into pieces; each destination has received a piece completely or not at all.
    fn pieces(
        &mut self,
        file: &str,
        content: &[u8],
        header: &Header,
        destinations: &[u64],
    ) -> Vec<Piece> {
        let cursors: Vec<_> = destinations
            .iter()
            .map(|name| header.cursor(*name))
            .collect();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut records = Records::new(content, HEADER, header.generation);
        let mut invalid = 0;
        for record in &mut records {
            if record.kind != RecordKind::Span || !is_one_span(record.payload) {
                invalid += 1;
                continue;
            }
            let missing: Vec<_> = cursors.iter().map(|cursor| record.at >= *cursor).collect();
            if !missing.contains(&true) {
                continue;
            }
            self.report.spans += 1;
            if let Some(last) = pieces.last_mut()
                && last.missing == missing
                && last.spans < MAX_PART_SPANS
                && record.next - last.from <= MAX_PART_BYTES
            {
                last.to = record.next.min(content.len());
                last.spans += 1;
                continue;
            }
            pieces.push(Piece {
                file: file.to_owned(),
                generation: header.generation,
                from: record.at,
                to: record.next.min(content.len()),
                spans: 1,
                missing,
            });
        }
        self.report.damaged += records.damaged() + invalid;
        pieces
    }
}

/// A record of `meta`: a schema URL and a message.
fn described_message(record: &Record<'_>) -> Option<(String, Vec<u8>)> {
    let (length, rest) = record.payload.split_first_chunk::<4>()?;
    let (schema_url, message) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let schema_url = std::str::from_utf8(schema_url).ok()?;
    Some((schema_url.to_owned(), message.to_vec()))
}

/// Whether the payload is exactly one `0x12 len Span`.
fn is_one_span(payload: &[u8]) -> bool {
    let mut spans = Spans::new(payload);
    let first = spans
        .next()
        .is_some_and(|span| span.is_ok_and(|span| span.parse().is_ok()));
    first && spans.next().is_none()
}

/// The span files of a run, in order of creation.
fn span_files(dir: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(dir).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = entries.map_err(|error| with_path(dir, &error))?.into_iter();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut files: Vec<_> = names.filter(|name| name.ends_with(".spans")).collect();
    files.sort();
    Ok(files)
}

/// Whether the file exists. An error of the disk does not mean that it is absent.
pub(super) fn exists(path: &Path) -> Result<bool, String> {
    path.try_exists().map_err(|error| with_path(path, &error))
}

pub(super) fn with_path(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// Reads a whole file and its header. Not mapped: a disk error is an error here, not a signal.
pub(super) fn read_file(path: &Path, kind: FileKind) -> Result<(Vec<u8>, Header), String> {
    let with_path = |error: &dyn std::fmt::Display| with_path(path, error);
    let file = File::open(path).map_err(|error| with_path(&error))?;
    let mut content = Vec::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content);
    read.map_err(|error| with_path(&error))?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(with_path(&"larger than any file of a flight recorder"));
    }
    match Header::read(&content, kind) {
        Ok(header) => Ok((content, header)),
        // The process died while creating the file, or the disk lost it: it was empty.
        Err(HeaderError::Magic([0, 0, 0, 0, 0, 0, 0, 0]) | HeaderError::Short(_)) => {
            Ok((Vec::new(), Header::default()))
        }
        Err(error) => Err(with_path(&error)),
    }
}

pub(super) fn is_torn(content: &[u8], header: &Header) -> bool {
    (content.len() as u64) < header.size
}

/// The ids of all ended spans of this run. Unreadable files are skipped, so a call that
/// ended in one of them, at the moment at which the process died, is reported twice.
pub(super) fn ended_span_ids(dir: &Path) -> Result<HashSet<[u8; 8]>, String> {
    let mut ids = HashSet::new();
    for file in span_files(dir)? {
        let Ok((content, header)) = read_file(&dir.join(file), FileKind::Spans) else {
            continue;
        };
        for record in Records::new(&content, HEADER, header.generation) {
            let spans = Spans::new(record.payload).filter_map(|span| span.ok()?.parse().ok());
            ids.extend(spans.map(|span| span.span_id));
        }
    }
    Ok(ids)
}
