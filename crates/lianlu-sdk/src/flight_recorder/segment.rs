//! One file of spans while the process lives.

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

/// How far a destination has got with a segment. Threads that take turns with it may hand their parts over in another
/// order than they wrote them.
#[derive(Debug, Clone)]
struct Progress {
    cursor: usize,
    /// Parts behind that, with something missing before them.
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
    /// Adds a part, and gives the cursor if it has moved.
    fn add(&mut self, from: usize, to: usize) -> Option<usize> {
        let before = self.cursor;
        self.ahead.push((from, to));
        while let Some(at) = self.ahead.iter().position(|(from, _)| *from == self.cursor) {
            (_, self.cursor) = self.ahead.swap_remove(at);
        }
        (self.cursor > before).then_some(self.cursor)
    }
}

/// A file that one thread at a time writes to, and that is used again once every destination has all of it.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    region: Box<dyn Region>,
    /// Counts how often it was used: what an earlier use has left in it is none of ours.
    generation: AtomicU32,
    /// Where the next record goes.
    end: AtomicUsize,
    is_sealed: AtomicBool,
    /// How many spans were appended, ever.
    appended: AtomicU64,
    /// How many of those the disk knows of.
    synced: AtomicU64,
    /// The disk has failed: nothing is written here any more.
    is_poisoned: AtomicBool,
    /// How far each destination has got.
    acked: Mutex<[Progress; CURSORS]>,
    /// Parts that a destination is sending right now.
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

    /// Nothing is appended any more.
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

    /// Reads what was appended between two places.
    pub(super) fn read(&self, from: usize, to: usize, out: &mut Vec<u8>) -> io::Result<()> {
        out.resize(to.saturating_sub(from), 0);
        self.region.read(from, out)
    }

    fn acked(&self) -> MutexGuard<'_, [Progress; CURSORS]> {
        self.acked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A destination has what stands between two places. Once it has all before that too, the file says so, and it is
    /// not sent again after a crash.
    fn ack(&self, destination: usize, name: u64, (from, to): (usize, usize)) {
        let mut acked = self.acked();
        if let Some(progress) = acked.get_mut(destination)
            && let Some(cursor) = progress.add(from, to)
        {
            let words = self.region.words();
            put_cursor(words, destination, self.generation(), name, cursor);
        }
    }

    /// Whether so many destinations have all that it ever will have.
    pub(super) fn is_done(&self, destinations: usize) -> bool {
        self.is_sealed.load(Ordering::Acquire) && self.has_arrived(destinations)
    }

    /// Whether they have all that is in it.
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

    /// Starts over. The caller knows that nobody writes or sends it.
    pub(super) fn start_over(&self) {
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

    /// Has the disk know all spans that were appended before, and gives how many more those are than last time.
    pub(super) fn sync(&self) -> io::Result<u64> {
        let appended = self.appended();
        if appended == self.synced.load(Ordering::Relaxed) {
            return Ok(0);
        }
        self.region.sync()?;
        Ok(appended - self.synced.swap(appended, Ordering::Relaxed))
    }

    /// Has the disk know of its header.
    pub(super) fn sync_header(&self) -> io::Result<()> {
        self.region.sync()
    }
}

/// Appends to a segment. There is one for each at most.
#[derive(Debug)]
pub(crate) struct Writer {
    segment: Arc<Segment>,
    at: usize,
    /// What stands before was handed over.
    handed: usize,
    /// Spans behind that.
    spans: usize,
    /// Whether anything was appended since somebody last asked.
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

    /// Appends a span, if it has room.
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
        fetch_ahead(words, end);
        self.at = end;
        self.spans += 1;
        self.is_fresh = true;
        segment.end.store(end, Ordering::Relaxed);
        // No other thread writes it, so it need not be one step.
        let appended = segment.appended.load(Ordering::Relaxed);
        segment.appended.store(appended + 1, Ordering::Release);
        true
    }

    /// How many bytes have not been handed over.
    pub(crate) fn bytes(&self) -> usize {
        self.at - self.handed
    }

    /// Whether it was left alone since the last time.
    pub(crate) fn was_idle(&mut self) -> bool {
        !std::mem::take(&mut self.is_fresh)
    }

    /// What was appended and not handed over.
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

    /// Whether there is room for a span of usual size.
    pub(super) fn has_room(&self) -> bool {
        const USUAL: usize = 4096;
        self.at + USUAL <= self.segment.size() && !self.segment.is_poisoned()
    }
}

/// Has the processor fetch the lines that the next record will need, while others do something else: the thread that
/// prepared the segment had them last. By storing what ends the records anyway.
#[inline]
fn fetch_ahead(words: &[AtomicU64], end: usize) {
    /// Of a usual span.
    const LINES: usize = 7;
    const LINE: usize = 64;
    // At a segment's end there is none.
    let ahead = words.get(end / WORD..).unwrap_or_default();
    let lines = ahead.as_chunks::<{ LINE / WORD }>().0;
    if let Some(lines) = lines.first_chunk::<LINES>() {
        for [word, ..] in lines {
            word.store(0, Ordering::Relaxed);
        }
    }
}

/// Spans of one segment, one behind the other.
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

    /// Whether its segment was taken away for newer spans before anyone had it to send.
    pub(crate) fn is_evicted(&self) -> bool {
        self.generation != self.segment.generation()
    }

    /// A destination sends it: its segment is not taken away meanwhile.
    pub(crate) fn begin_flight(&self) {
        self.segment.begin_flight();
    }

    pub(crate) fn end_flight(&self) {
        self.segment.end_flight();
    }

    /// A destination, by its number and its name in files, has it or will never have it.
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
    fn the_cursor_waits_for_what_is_missing() {
        let mut progress = Progress::default();
        assert_eq!(progress.add(500, 600), None);
        assert_eq!(progress.add(HEADER, 400), Some(400));
        assert_eq!(progress.add(600, 700), None);
        assert_eq!(progress.add(400, 500), Some(700));
        assert!(progress.ahead.is_empty());
    }
}
