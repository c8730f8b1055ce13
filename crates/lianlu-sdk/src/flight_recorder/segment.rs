//! A segment: one file of spans of the running process.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lianlu_wire::segment::{
    CURSORS, FileKind, HEADER, RecordKind, WORD, put_cursor, put_generation, put_header,
    put_record_by, record_len,
};

use super::map;
use super::recorder::Recorder;
use super::storage::Region;
use crate::encode::EncodedScope;

/// The progress of a destination in a segment. Threads that use a segment in turn may hand over
/// their parts in another order than they were written.
#[derive(Debug, Clone)]
struct Progress {
    cursor: usize,
    /// Parts after the cursor, with a gap before them.
    ahead: Vec<(usize, usize)>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            cursor: HEADER,
            ahead: Vec::new(),
        }
    }
}

impl Progress {
    /// Adds a part; returns the cursor if it has moved.
    fn add(&mut self, from: usize, to: usize) -> Option<usize> {
        let before = self.cursor;
        self.ahead.push((from, to));
        while let Some(at) = self.ahead.iter().position(|(from, _)| *from == self.cursor) {
            (_, self.cursor) = self.ahead.swap_remove(at);
        }
        (self.cursor > before).then_some(self.cursor)
    }
}

/// A file that one thread at a time writes to, and that is reused when every destination has
/// received all of it.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    region: Box<dyn Region>,
    /// Incremented at each reuse; records of other generations are ignored.
    generation: AtomicU32,
    /// Offset of the next record.
    end: AtomicUsize,
    is_sealed: AtomicBool,
    /// Total number of spans ever appended.
    appended: AtomicU64,
    /// Number of synced ones.
    synced: AtomicU64,
    /// A sync has failed: the segment is not written to any more.
    is_poisoned: AtomicBool,
    /// The progress of each destination.
    acked: Mutex<[Progress; CURSORS]>,
    /// Number of parts being sent.
    in_flight: AtomicUsize,
}

impl Segment {
    pub(super) fn new(name: String, region: Box<dyn Region>) -> Self {
        put_header(region.words(), FileKind::Spans, 1);
        Self {
            name,
            region,
            generation: AtomicU32::new(1),
            end: AtomicUsize::new(HEADER),
            is_sealed: AtomicBool::new(false),
            appended: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            is_poisoned: AtomicBool::new(false),
            acked: Mutex::default(),
            in_flight: AtomicUsize::new(0),
        }
    }

    #[inline]
    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    fn size(&self) -> usize {
        self.region.words().len() * WORD
    }

    /// Marks that nothing is appended any more.
    pub(super) fn seal(&self) {
        self.is_sealed.store(true, Ordering::Release);
    }

    pub(super) fn poison(&self) {
        self.is_poisoned.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_poisoned(&self) -> bool {
        self.is_poisoned.load(Ordering::Relaxed)
    }

    /// Reads the bytes between two offsets.
    pub(super) fn read(&self, from: usize, to: usize, out: &mut Vec<u8>) -> io::Result<()> {
        out.resize(to.saturating_sub(from), 0);
        self.region.read(from, out)
    }

    fn acked(&self) -> MutexGuard<'_, [Progress; CURSORS]> {
        self.acked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acknowledges the bytes between two offsets for a destination. If it has received everything
    /// before them too, its cursor in the file is moved, and they are not sent again after a crash.
    fn ack(&self, destination: usize, name: u64, (from, to): (usize, usize)) {
        let mut acked = self.acked();
        if let Some(progress) = acked.get_mut(destination)
            && let Some(cursor) = progress.add(from, to)
        {
            let words = self.region.words();
            put_cursor(words, destination, self.generation(), name, cursor);
        }
    }

    /// Whether it is sealed and the first `destinations` destinations have received all of it.
    pub(super) fn is_done(&self, destinations: usize) -> bool {
        self.is_sealed.load(Ordering::Acquire) && self.has_arrived(destinations)
    }

    /// Whether the destinations have received everything appended so far.
    pub(super) fn has_arrived(&self, destinations: usize) -> bool {
        let end = self.end.load(Ordering::Acquire);
        let acked = self.acked();
        let mut acked = acked.iter().take(destinations);
        acked.all(|progress| progress.cursor >= end)
    }

    pub(super) fn begin_flight(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn end_flight(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0
    }

    /// Starts a new generation. The caller ensures that nobody writes or sends the segment.
    pub(super) fn start_generation(&self) {
        let generation = self.generation().wrapping_add(1).max(1);
        put_generation(self.region.words(), generation);
        self.generation.store(generation, Ordering::Relaxed);
        *self.acked() = Default::default();
        self.end.store(HEADER, Ordering::Relaxed);
        self.is_sealed.store(false, Ordering::Release);
        self.region.touch();
    }

    pub(super) fn appended(&self) -> u64 {
        self.appended.load(Ordering::Acquire)
    }

    /// Syncs all spans appended before; returns how many were not synced yet.
    pub(super) fn sync(&self) -> io::Result<u64> {
        let appended = self.appended();
        if appended == self.synced.load(Ordering::Relaxed) {
            return Ok(0);
        }
        self.region.sync()?;
        Ok(appended - self.synced.swap(appended, Ordering::Relaxed))
    }

    /// Syncs the header.
    pub(super) fn sync_header(&self) -> io::Result<()> {
        self.region.sync()
    }
}

/// Appends to a segment. There is at most one writer per segment.
#[derive(Debug)]
pub(crate) struct Writer {
    segment: Arc<Segment>,
    at: usize,
    /// Bytes before this offset were handed over.
    handed: usize,
    /// Number of spans after that offset.
    spans: usize,
    /// Whether anything was appended since the last call of `was_idle`.
    is_fresh: bool,
}

impl Writer {
    pub(super) fn new(segment: Arc<Segment>) -> Self {
        let at = segment.end.load(Ordering::Acquire);
        Self {
            segment,
            at,
            handed: at,
            spans: 0,
            is_fresh: true,
        }
    }

    /// Appends a span, if it fits.
    #[inline]
    pub(crate) fn append(&mut self, scope: u16, span: &[u8]) -> bool {
        let segment = &*self.segment;
        let words = segment.region.words();
        let end = self.at + record_len(span.len());
        if end > words.len() * WORD || segment.is_poisoned() {
            return false;
        }
        let generation = segment.generation();
        let kind = (RecordKind::Span, scope);
        put_record_by(map::copy, words, self.at, generation, kind, span);
        prefetch(words, end);
        self.at = end;
        self.spans += 1;
        self.is_fresh = true;
        segment.end.store(end, Ordering::Relaxed);
        // Only this thread writes, so no atomic read-modify-write is needed.
        let appended = segment.appended.load(Ordering::Relaxed);
        segment.appended.store(appended + 1, Ordering::Release);
        true
    }

    /// Number of bytes not handed over yet.
    pub(crate) fn bytes(&self) -> usize {
        self.at - self.handed
    }

    /// Whether nothing was appended since the last call.
    pub(crate) fn was_idle(&mut self) -> bool {
        !std::mem::take(&mut self.is_fresh)
    }

    /// The spans that were appended and not handed over yet.
    pub(crate) fn take(&mut self) -> Option<Part> {
        let spans = std::mem::take(&mut self.spans);
        let from = std::mem::replace(&mut self.handed, self.at);
        (spans > 0).then(|| Part {
            segment: Arc::clone(&self.segment),
            generation: self.segment.generation(),
            from,
            to: self.at,
            spans,
        })
    }

    pub(super) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Whether a span of usual size fits.
    pub(super) fn has_room(&self) -> bool {
        const USUAL: usize = 4096;
        self.at + USUAL <= self.segment.size() && !self.segment.is_poisoned()
    }
}

/// Prefetches the cache lines of the next record, which were last used by the thread that prepared
/// the segment. Done by storing the zeros that end the records anyway.
#[inline]
fn prefetch(words: &[AtomicU64], end: usize) {
    /// Cache lines of a usual span.
    const USUAL_LINES: usize = 7;
    const LINE: usize = 64;
    // Fewer at the end of a segment.
    let ahead = words.get(end / WORD..).unwrap_or_default();
    let lines = ahead.as_chunks::<{ LINE / WORD }>().0;
    if let Some(lines) = lines.first_chunk::<USUAL_LINES>() {
        for [word, ..] in lines {
            word.store(0, Ordering::Relaxed);
        }
    }
}

/// Consecutive spans of one segment.
#[derive(Debug)]
pub(crate) struct Part {
    pub(super) segment: Arc<Segment>,
    generation: u32,
    from: usize,
    to: usize,
    spans: usize,
}

impl Part {
    pub(crate) fn spans(&self) -> usize {
        self.spans
    }

    /// Whether its segment was reused for newer spans before this part was sent.
    pub(crate) fn is_evicted(&self) -> bool {
        self.generation != self.segment.generation()
    }

    /// A destination starts sending it: its segment is not reused meanwhile.
    pub(crate) fn begin_flight(&self) {
        self.segment.begin_flight();
    }

    pub(crate) fn end_flight(&self) {
        self.segment.end_flight();
    }

    /// Acknowledges it for a destination, given by its number and its name in files.
    pub(super) fn ack(&self, destination: usize, name: u64) {
        if !self.is_evicted() {
            self.segment.ack(destination, name, (self.from, self.to));
        }
    }

    /// Reads its spans.
    pub(crate) fn read(
        &self,
        recorder: &Recorder,
        buffer: &mut Vec<u8>,
        each: impl FnMut(Option<Arc<EncodedScope>>, &[u8]),
    ) -> io::Result<()> {
        self.segment.read(self.from, self.to, buffer)?;
        let scope = |number| recorder.scope_numbered(number);
        super::spans_of(buffer, self.generation, scope, each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stops_at_a_gap() {
        let mut progress = Progress::default();
        assert_eq!(progress.add(500, 600), None);
        assert_eq!(progress.add(HEADER, 400), Some(400));
        assert_eq!(progress.add(600, 700), None);
        assert_eq!(progress.add(400, 500), Some(700));
        assert!(progress.ahead.is_empty());
    }
}
