//! What earlier lives of the process have left.

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

/// The largest file that is read.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Spans in one part.
const MOST_SPANS: usize = 512;
/// Bytes in one part.
const MOST_BYTES: usize = 512 * 1024;

/// What was found in a flight recorder's folder at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Spans that some destination did not have, those of `unfinished` among them.
    pub spans: u64,
    /// Calls that were open when the process died. Each is exported as a span with `lianlu.unfinished`.
    pub unfinished: u64,
    /// Places at which a record or more were damaged. They were passed over.
    pub damaged: u64,
    /// Files that were cut short.
    pub torn: u64,
    /// Files that were left as they are, with the reason: another version of the format, or a disk that fails.
    pub refused: Vec<String>,
}

impl RecoveryReport {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One earlier life.
#[derive(Debug)]
pub(crate) struct Run {
    dir: PathBuf,
    resource: Arc<EncodedResource>,
    scopes: HashMap<u16, Arc<EncodedScope>>,
    /// Nothing of it was refused, so it may go when it is sent.
    is_whole: bool,
    /// How often a part has still to arrive at a destination.
    left: AtomicUsize,
    destinations: Vec<u64>,
    /// One at a time reads or writes.
    files: Mutex<()>,
    /// The first place of a file that the disk did not give a destination: the next start sends it, so the cursor stays
    /// before it.
    unread: Mutex<HashMap<(String, usize), usize>>,
    /// What it takes on the disk, and what all of them take.
    bytes: u64,
    all_bytes: Arc<AtomicU64>,
}

impl Run {
    fn unread(&self) -> MutexGuard<'_, HashMap<(String, usize), usize>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spans of one file, one behind the other.
#[derive(Debug)]
struct Piece {
    file: String,
    generation: u32,
    from: usize,
    to: usize,
    spans: usize,
    /// Which destinations don't have it.
    missing: Vec<bool>,
}

/// The same, of a run.
#[derive(Debug)]
pub(crate) struct OldPart {
    run: Arc<Run>,
    piece: Piece,
}

impl OldPart {
    pub(crate) fn spans(&self) -> usize {
        self.piece.spans
    }

    /// Whether this destination, by its number, does not have it.
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

    /// The disk did not give it to a destination: it stays for the next start.
    pub(crate) fn leave_unread(&self, destination: usize) {
        let place = (self.piece.file.clone(), destination);
        let mut unread = self.run.unread();
        let first = unread.entry(place).or_insert(self.piece.from);
        *first = self.piece.from.min(*first);
    }

    fn is_behind_unread(&self, destination: usize) -> bool {
        let place = (self.piece.file.clone(), destination);
        let unread = self.run.unread();
        unread.get(&place).is_some_and(|at| *at < self.piece.to)
    }

    /// A destination has it, or will never have it. When all have everything, the run's files go.
    pub(crate) fn ack(&self, destination: usize) {
        let (run, piece) = (&self.run, &self.piece);
        let name = run.destinations.get(destination).copied().unwrap_or(0);
        let (at, bytes) = cursor_bytes(destination, piece.generation, name, piece.to);
        if !self.is_behind_unread(destination) {
            // If this fails it is sent once more after the next start.
            let _ = self.with_file(|file| {
                file.seek(SeekFrom::Start(at))?;
                file.write_all(&bytes)
            });
        }
        let is_last = run.left.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last && run.is_whole && fs::remove_dir_all(&run.dir).is_ok() {
            run.all_bytes.fetch_sub(run.bytes, Ordering::Relaxed);
        }
    }
}

/// What was found, in the order in which it is to be sent.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    pub(super) parts: Vec<OldPart>,
    pub(super) found: RecoveryReport,
    /// What it takes on the disk.
    pub(super) bytes: Arc<AtomicU64>,
}

impl Leftovers {
    /// Every earlier life in the folder.
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
        let refused = self.found.refused.len();
        let (resource, scopes) = match self.meta(dir) {
            Ok(meta) => meta,
            Err(reason) => return self.found.refused.push(reason),
        };
        if let Err(reason) = unfinished::end_calls(dir, &mut self.found) {
            self.found.refused.push(reason);
        }
        let mut pieces = Vec::new();
        let mut bytes = 0;
        let files = span_files(dir).unwrap_or_else(|reason| {
            self.found.refused.push(reason);
            Vec::new()
        });
        for file in files {
            match read_file(&dir.join(&file), FileKind::Spans) {
                Ok((content, header)) => {
                    bytes += content.len() as u64;
                    self.found.torn += u64::from(is_torn(&content, &header));
                    pieces.extend(self.pieces(&file, &content, &header, destinations));
                }
                Err(reason) => self.found.refused.push(reason),
            }
        }
        let missing = |piece: &Piece| piece.missing.iter().filter(|it| **it).count();
        let run = Arc::new(Run {
            dir: dir.to_owned(),
            resource,
            scopes,
            is_whole: self.found.refused.len() == refused,
            left: AtomicUsize::new(pieces.iter().map(missing).sum()),
            destinations: destinations.to_vec(),
            files: Mutex::default(),
            unread: Mutex::default(),
            bytes,
            all_bytes: Arc::clone(&self.bytes),
        });
        if pieces.is_empty() && run.is_whole {
            let _ = fs::remove_dir_all(dir);
            return;
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let part = |piece| OldPart {
            run: Arc::clone(&run),
            piece,
        };
        self.parts.extend(pieces.into_iter().map(part));
    }

    /// What the spans come from.
    #[allow(clippy::type_complexity)]
    fn meta(
        &mut self,
        dir: &Path,
    ) -> Result<(Arc<EncodedResource>, HashMap<u16, Arc<EncodedScope>>), String> {
        let mut resource = EncodedResource::default();
        let mut scopes = HashMap::new();
        let path = dir.join("meta");
        if is_there(&path)? {
            let (content, header) = read_file(&path, FileKind::Meta)?;
            self.found.torn += u64::from(is_torn(&content, &header));
            let mut records = Records::new(&content, HEADER, header.generation);
            for record in &mut records {
                let Some((schema_url, bytes)) = described(&record) else {
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
            self.found.damaged += records.damaged();
        }
        Ok((Arc::new(resource), scopes))
    }

    /// Cuts a file into parts, each of which a destination has or has not.
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
        let mut odd = 0;
        for record in &mut records {
            if record.kind != RecordKind::Span || !is_one_span(record.payload) {
                odd += 1;
                continue;
            }
            let missing: Vec<_> = cursors.iter().map(|cursor| record.at >= *cursor).collect();
            if !missing.contains(&true) {
                continue;
            }
            self.found.spans += 1;
            if let Some(last) = pieces.last_mut()
                && last.missing == missing
                && last.spans < MOST_SPANS
                && record.next - last.from <= MOST_BYTES
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
        self.found.damaged += records.damaged() + odd;
        pieces
    }
}

/// A record of `meta`: a schema URL and a message.
fn described(record: &Record<'_>) -> Option<(String, Vec<u8>)> {
    let (length, rest) = record.payload.split_first_chunk::<4>()?;
    let (schema_url, message) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let schema_url = std::str::from_utf8(schema_url).ok()?;
    Some((schema_url.to_owned(), message.to_vec()))
}

/// Whether these bytes are `0x12 len Span`, once.
fn is_one_span(payload: &[u8]) -> bool {
    let mut spans = Spans::new(payload);
    let first = spans
        .next()
        .is_some_and(|span| span.is_ok_and(|span| span.parse().is_ok()));
    first && spans.next().is_none()
}

/// The files of spans in a run, in the order in which they were made.
fn span_files(dir: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(dir).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = entries.map_err(|error| said(dir, &error))?.into_iter();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut files: Vec<_> = names.filter(|name| name.ends_with(".spans")).collect();
    files.sort();
    Ok(files)
}

/// Whether there is such a file. A disk that does not say so is no reason to believe that there is none.
pub(super) fn is_there(path: &Path) -> Result<bool, String> {
    path.try_exists().map_err(|error| said(path, &error))
}

pub(super) fn said(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// A whole file, and its header. Read and not mapped: where the disk fails this is an error, and no signal.
pub(super) fn read_file(path: &Path, kind: FileKind) -> Result<(Vec<u8>, Header), String> {
    let said = |error: &dyn std::fmt::Display| said(path, error);
    let file = File::open(path).map_err(|error| said(&error))?;
    let mut content = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut content);
    read.map_err(|error| said(&error))?;
    if content.len() as u64 > LARGEST {
        return Err(said(&"larger than any file of a flight recorder"));
    }
    match Header::read(&content, kind) {
        Ok(header) => Ok((content, header)),
        // The process died while it made the file, or the disk lost it: nothing was in it.
        Err(HeaderError::Magic([0, 0, 0, 0, 0, 0, 0, 0]) | HeaderError::Short(_)) => {
            Ok((Vec::new(), Header::default()))
        }
        Err(error) => Err(said(&error)),
    }
}

pub(super) fn is_torn(content: &[u8], header: &Header) -> bool {
    (content.len() as u64) < header.size
}

/// The ids of all spans that have ended in this run. Those of a file that can't be read are not among them, and a call
/// whose end is in there would be told of twice: it ended in the moment in which the process died.
pub(super) fn ended(dir: &Path) -> Result<HashSet<[u8; 8]>, String> {
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
