//! One file of spans while the process lives.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::format::{self, CURSORS, FileKind, HEADER, Kind, record_len};
use super::map::WORD;
use super::recorder::Recorder;
use super::storage::Region;
use crate::encode::EncodedScope;

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
    acked: [AtomicUsize; CURSORS],
    /// Parts that a destination is sending right now.
    in_flight: AtomicUsize,
}

impl Segment {
    pub(super) fn new(name: String, region: Box<dyn Region>) -> Self {
        format::put_header(region.words(), FileKind::Spans, 1);
        Self {
            name,
            region,
            generation: AtomicU32::new(1),
            end: AtomicUsize::new(HEADER),
            is_sealed: AtomicBool::new(false),
            appended: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            is_poisoned: AtomicBool::new(false),
            acked: [const { AtomicUsize::new(HEADER) }; CURSORS],
            in_flight: AtomicUsize::new(0),
        }
    }

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

    pub(super) fn is_poisoned(&self) -> bool {
        self.is_poisoned.load(Ordering::Relaxed)
    }

    /// Reads what was appended between two places.
    pub(super) fn read(&self, from: usize, to: usize, out: &mut Vec<u8>) -> io::Result<()> {
        out.resize(to.saturating_sub(from), 0);
        self.region.read(from, out)
    }

    /// A destination has all that stands before `to`. In the file, too: it is not sent again after a crash.
    pub(super) fn ack(&self, destination: usize, name: u64, to: usize) {
        let Some(acked) = self.acked.get(destination) else {
            return;
        };
        if to > acked.fetch_max(to, Ordering::AcqRel) {
            let words = self.region.words();
            format::put_cursor(words, destination, self.generation(), name, to);
        }
    }

    /// Whether so many destinations have all that it ever will have.
    pub(super) fn is_done(&self, destinations: usize) -> bool {
        let end = self.end.load(Ordering::Acquire);
        let mut acked = self.acked.iter().take(destinations);
        self.is_sealed.load(Ordering::Acquire)
            && acked.all(|acked| acked.load(Ordering::Acquire) >= end)
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
        format::put_generation(self.region.words(), generation);
        self.generation.store(generation, Ordering::Relaxed);
        for acked in &self.acked {
            acked.store(HEADER, Ordering::Relaxed);
        }
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
        let end = self.at + record_len(span.len());
        if end > segment.size() || segment.is_poisoned() {
            return false;
        }
        let words = segment.region.words();
        let generation = segment.generation();
        format::put_record(words, self.at, generation, (Kind::Span, scope), span);
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

/// Spans of one segment, one behind the other.
#[derive(Debug)]
pub(crate) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) generation: u32,
    from: usize,
    pub(super) to: usize,
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
