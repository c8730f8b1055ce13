//! The recorder of a running pipeline: which segments there are, and the thread that looks after them.
//!
//! ```text
//!           take            append            seal
//! prepared ──────► a lane ─────────► a lane ────────► sealed ── every destination has it ──► returned
//!    ▲                                                                                          │
//!    └──────────────────────── the recorder's thread: started over, pages in place ◄────────────┘
//! ```
//!
//! Everything that may take long, making files, syncing, is done by that thread. A lane that finds no segment prepared
//! keeps its spans in memory and goes on.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lianlu_wire::segment::{
    FileKind, HEADER, RecordKind, WORD, put_header, put_record, record_len,
};

use super::calls::{Calls, FreeSlots, Slot};
use super::options::{Durability, FlightRecorder, WhenFull};
use super::owner::Owner;
use super::segment::{Segment, Writer};
use super::storage::{Region, Storage};
use crate::encode::{EncodedResource, EncodedScope};
use crate::pipeline::{Listener, Notice, announce};

/// Segments that wait for a lane.
const PREPARED: usize = 2;
/// More of them are given back to the disk.
const MOST_PREPARED: usize = 4;
/// The file of resource and scopes.
const META_BYTES: usize = 256 * 1024;
/// After a failure the disk is left alone for so long.
const REST: Duration = Duration::from_secs(1);

/// A scope that found no place in the file: its spans stay in memory.
pub(crate) const NO_SCOPE: u16 = 0;

/// Takes the oldest segment away from whoever waits for it, and gives how many spans are lost with it.
pub(crate) type Evict = Box<dyn Fn(&dyn Fn(&super::Part) -> bool) -> u64 + Send>;

#[derive(Debug)]
pub(crate) struct Recorder {
    storage: Box<dyn Storage>,
    options: FlightRecorder,
    meta: Mutex<Meta>,
    calls: Calls,
    listener: ListenerBox,
    /// How many destinations have to have a span, by name.
    destinations: Vec<u64>,
    state: Mutex<State>,
    /// The recorder's thread waits here.
    work: Condvar,
    /// Who waits for it waits here.
    done: Condvar,
    synced: AtomicU64,
    unnoted: AtomicU64,
    /// Bytes of earlier runs on the disk.
    leftover_bytes: Arc<AtomicU64>,
    /// Let go when the recorder is closed.
    owner: Mutex<Option<Owner>>,
}

struct ListenerBox(Listener);

impl std::fmt::Debug for ListenerBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

#[derive(Debug)]
struct Meta {
    region: Arc<dyn Region>,
    at: usize,
    scopes: Vec<Arc<EncodedScope>>,
}

#[derive(Debug, Default)]
struct State {
    /// Empty, and ready to be written to.
    prepared: Vec<Arc<Segment>>,
    /// Written to by a thread that is gone or idle: the next one goes on there.
    open: Vec<Writer>,
    /// Full, the oldest first.
    sealed: VecDeque<Arc<Segment>>,
    /// Every segment there is.
    all: Vec<Arc<Segment>>,
    made: u64,
    /// Why there is no segment, said once.
    failing: Option<String>,
    rest_until: Option<Instant>,
    /// Something was sealed or acknowledged, or segments run short.
    is_asked: bool,
    stopping: bool,
    stopped: bool,
}

impl Recorder {
    /// Makes the first files of a run.
    pub(super) fn new(
        storage: Box<dyn Storage>,
        options: FlightRecorder,
        resource: &EncodedResource,
        destinations: Vec<u64>,
        leftover_bytes: Arc<AtomicU64>,
        listener: Listener,
        owner: Option<Owner>,
    ) -> io::Result<Self> {
        let region: Arc<dyn Region> = storage.create("meta", META_BYTES)?.into();
        put_header(region.words(), FileKind::Meta, 1);
        let mut meta = Meta {
            region,
            at: HEADER,
            scopes: Vec::new(),
        };
        if !meta.put(
            (RecordKind::Resource, NO_SCOPE),
            &resource.schema_url,
            &resource.bytes,
        ) {
            return Err(io::Error::other("the resource is larger than 256 KiB"));
        }
        let calls = storage.create("calls", Calls::bytes(options.slots()))?;
        let recorder = Self {
            calls: Calls::new(calls),
            storage,
            options,
            meta: Mutex::new(meta),
            listener: ListenerBox(listener),
            destinations,
            leftover_bytes,
            owner: Mutex::new(owner),
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            synced: AtomicU64::new(0),
            unnoted: AtomicU64::new(0),
        };
        // Before the first span: the names of files, and what the spans come from.
        recorder.sync_names()?;
        let first = recorder.make()?;
        recorder.lock().prepared.push(first);
        // And some for the threads that begin at the same time. The disk may be full by now.
        let segments = recorder.options.max_bytes() / recorder.options.segment_bytes() as u64;
        for _ in 1..MOST_PREPARED.min(segments as usize / 2) {
            if !recorder.has_room() {
                break;
            }
            let Ok(more) = recorder.make() else { break };
            // They are taken from the end, and the first one goes first.
            recorder.lock().prepared.insert(0, more);
        }
        Ok(recorder)
    }

    #[cfg(test)]
    pub(super) fn set_when_full(&mut self, when_full: WhenFull) {
        self.options.when_full = when_full;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meta(&self) -> MutexGuard<'_, Meta> {
        self.meta.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_synced(&self) -> bool {
        self.options.durability >= Durability::PowerLoss
    }

    /// Without its lock: a disk may take long, and a request that uses a new scope does not wait for it.
    fn sync_meta(&self) -> io::Result<()> {
        let region = Arc::clone(&self.meta().region);
        region.sync()
    }

    fn sync_names(&self) -> io::Result<()> {
        if self.is_synced() {
            self.sync_meta()?;
            self.storage.sync()?;
        }
        Ok(())
    }

    /// The number of a scope in this run's files; [`NO_SCOPE`] where they have no room for it.
    #[inline]
    pub(crate) fn scope(&self, scope: &Arc<EncodedScope>) -> u16 {
        *scope.number.get_or_init(|| self.meta().add(scope))
    }

    /// The scope with this number.
    pub(crate) fn scope_numbered(&self, number: u16) -> Option<Arc<EncodedScope>> {
        let at = usize::from(number).checked_sub(1)?;
        self.meta().scopes.get(at).cloned()
    }

    /// A segment to write to. `None` while none is prepared.
    #[cold]
    pub(crate) fn take(&self) -> Option<Writer> {
        let mut state = self.lock();
        let writer = match state.open.pop() {
            Some(writer) => Some(writer),
            None => state.prepared.pop().map(Writer::new),
        };
        if state.prepared.len() < PREPARED {
            state.is_asked = true;
            self.work.notify_one();
        }
        writer
    }

    /// A writer whose segment is full, or whose thread needs it no more. What was in it the thread has as parts.
    #[cold]
    pub(crate) fn give_back(&self, writer: Writer) {
        let mut state = self.lock();
        if writer.has_room() {
            state.open.push(writer);
            return;
        }
        let segment = Arc::clone(writer.segment());
        segment.seal();
        state.sealed.push_back(segment);
        state.is_asked = true;
        self.work.notify_one();
    }

    /// A destination has this part, or will never have it.
    pub(crate) fn ack(&self, destination: usize, part: &super::Part) {
        let name = self.destinations.get(destination).copied().unwrap_or(0);
        part.ack(destination, name);
        if part.segment.is_done(self.destinations.len()) {
            self.lock().is_asked = true;
            self.work.notify_one();
        }
    }

    /// Notes a call that starts: the fields of a `Span`, and of those from `attributes` on, which are its attributes, as
    /// many as there is room for.
    #[inline]
    pub(crate) fn note(
        &self,
        mine: &mut FreeSlots,
        scope: &Arc<EncodedScope>,
        fields: &[u8],
        attributes: usize,
    ) -> Option<Slot> {
        let scope = self.scope(scope);
        let slot = self.calls.note(mine, scope, fields, attributes);
        if slot.is_none() {
            self.unnoted.fetch_add(1, Ordering::Relaxed);
        }
        slot
    }

    /// Adds to what is known of it.
    pub(crate) fn note_more(&self, slot: Slot, field: &[u8]) {
        self.calls.append(slot, field);
    }

    /// It has ended.
    #[inline]
    pub(crate) fn release(&self, mine: &mut FreeSlots, slot: Slot) {
        self.calls.release(mine, slot);
    }

    pub(crate) fn take_back(&self, mine: &mut FreeSlots) {
        self.calls.take_back(mine);
    }

    /// Calls for which there was no place.
    pub(crate) fn unnoted(&self) -> u64 {
        self.unnoted.load(Ordering::Relaxed)
    }

    /// Spans that the level's promise covers, of `appended` ones.
    pub(crate) fn durable(&self, appended: u64) -> u64 {
        match self.is_synced() {
            true => self.synced.load(Ordering::Acquire).min(appended),
            false => appended,
        }
    }

    /// Why spans are not recorded on the disk at the moment.
    pub(crate) fn failing(&self) -> Option<String> {
        self.lock().failing.clone()
    }

    /// Looks after the segments until it is stopped.
    pub(crate) fn run(&self, evict: &Evict) {
        let interval = self.options.interval();
        loop {
            self.calls.beat();
            self.tend(evict);
            let mut state = self.lock();
            if state.stopping {
                state.stopped = true;
                self.done.notify_all();
                return;
            }
            if !state.is_asked {
                state = self
                    .work
                    .wait_timeout(state, interval)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            state.is_asked = false;
        }
    }

    /// One round of the thread.
    pub(super) fn tend(&self, evict: &Evict) {
        if self.is_synced() {
            self.sync();
        }
        self.reclaim();
        loop {
            {
                let state = self.lock();
                let rests = state.rest_until.is_some_and(|until| Instant::now() < until);
                if state.prepared.len() >= PREPARED || state.stopping || rests {
                    return;
                }
            }
            if self.has_room() {
                match self.make() {
                    Ok(segment) => self.made(segment),
                    Err(error) => self.not_made(error.to_string()),
                }
            } else if let Some((segment, lost)) = self.evict(evict) {
                self.evicted(segment, lost);
            } else {
                let bytes = self.options.max_bytes();
                self.not_made(format!("all of its {bytes} bytes are in use"));
            }
        }
    }

    /// A segment more, at the price of what was in it. Said once, until segments come back by themselves.
    fn evicted(&self, segment: Arc<Segment>, lost: u64) {
        let mut state = self.lock();
        state.prepared.push(segment);
        state.rest_until = None;
        if lost > 0 && state.failing.is_none() {
            state.failing = Some("full, the oldest spans are dropped".to_owned());
            drop(state);
            let max_bytes = self.options.max_bytes();
            announce(&self.listener.0, &Notice::RecorderFull { max_bytes });
        }
    }

    fn has_room(&self) -> bool {
        let segment = self.options.segment_bytes() as u64;
        let state = self.lock();
        let bytes =
            (state.all.len() as u64 + 1) * segment + self.leftover_bytes.load(Ordering::Relaxed);
        bytes <= self.options.max_bytes()
    }

    /// A segment more.
    fn made(&self, segment: Arc<Segment>) {
        let mut state = self.lock();
        state.prepared.push(segment);
        state.rest_until = None;
        let was_failing = state.failing.take().is_some();
        drop(state);
        if was_failing {
            announce(&self.listener.0, &Notice::RecorderRecovered);
        }
    }

    /// No segment, for a reason that is said when it is new, and once there is really none.
    fn not_made(&self, reason: String) {
        let mut state = self.lock();
        state.rest_until = Some(Instant::now() + REST.min(self.options.interval()));
        let is_over = state.prepared.is_empty() && state.open.is_empty();
        if !is_over {
            return;
        }
        let before = state.failing.replace(reason.clone());
        drop(state);
        if before.is_none() {
            announce(&self.listener.0, &Notice::RecorderFailing { reason });
        }
    }

    fn make(&self) -> io::Result<Arc<Segment>> {
        let name = {
            let mut state = self.lock();
            state.made += 1;
            format!("{:06}.spans", state.made)
        };
        let region = self.storage.create(&name, self.options.segment_bytes())?;
        let segment = Arc::new(Segment::new(name, region));
        if self.is_synced() {
            let known = segment.sync_header().and_then(|()| self.storage.sync());
            if let Err(error) = known {
                let _ = self.storage.remove(&segment.name);
                return Err(error);
            }
        }
        self.lock().all.push(Arc::clone(&segment));
        Ok(segment)
    }

    /// What every destination has is used again, or given back.
    fn reclaim(&self) {
        let done: Vec<_> = {
            let mut state = self.lock();
            let destinations = self.destinations.len();
            let (done, sealed) = state
                .sealed
                .drain(..)
                .partition(|segment| segment.is_done(destinations));
            state.sealed = sealed;
            Vec::from(done)
        };
        for segment in done {
            self.reuse(segment);
        }
    }

    fn reuse(&self, segment: Arc<Segment>) {
        let is_wanted = self.lock().prepared.len() < MOST_PREPARED;
        if is_wanted && !segment.is_poisoned() {
            segment.start_over();
            if !self.is_synced() || segment.sync_header().is_ok() {
                self.made(segment);
                return;
            }
        }
        self.forget(&segment);
    }

    fn forget(&self, segment: &Arc<Segment>) {
        // The cursor says already that all of it has arrived, so a crash right here costs nothing.
        let _ = self.storage.remove(&segment.name);
        self.lock().all.retain(|known| !Arc::ptr_eq(known, segment));
    }

    /// The oldest segment, emptied, if that is what is to happen when there is no room; and how many spans that costs.
    fn evict(&self, evict: &Evict) -> Option<(Arc<Segment>, u64)> {
        if self.options.when_full != WhenFull::DropOldest {
            return None;
        }
        let oldest = {
            let mut state = self.lock();
            let at = state.sealed.iter().position(|it| !it.is_in_flight())?;
            state.sealed.remove(at)?
        };
        let lost = evict(&|part| Arc::ptr_eq(&part.segment, &oldest));
        if oldest.is_in_flight() {
            // Somebody was quicker: it will be done soon.
            self.lock().sealed.push_front(oldest);
            return None;
        }
        oldest.start_over();
        Some((oldest, lost))
    }

    /// Has the disk know all that was appended.
    fn sync(&self) {
        let segments = self.lock().all.clone();
        let result = self.sync_meta();
        if result.is_err() {
            // Its scopes may be missing after a power cut, so none of the spans counts.
            return;
        }
        for segment in segments {
            if segment.is_poisoned() {
                continue;
            }
            match segment.sync() {
                Ok(more) => {
                    self.synced.fetch_add(more, Ordering::AcqRel);
                }
                Err(error) => {
                    // What a failed sync has left on the disk nobody can tell, a second one included.
                    segment.poison();
                    let reason = format!("the disk: {error}");
                    announce(&self.listener.0, &Notice::RecorderFailing { reason });
                }
            }
        }
        // Of calls nothing is promised: what the disk has of them it has.
        let _ = self.calls.sync();
    }

    /// The process ends as it wants to: there is no crash that open calls would have to tell of.
    pub(crate) fn forget_calls(&self) {
        let _ = self.storage.remove("calls");
    }

    /// Stops the thread. With nothing left to send the run leaves nothing behind; else its files are for the next
    /// start, but for the calls.
    pub(crate) fn close(&self, is_empty: bool, timeout: Duration) {
        let mut state = self.lock();
        state.stopping = true;
        self.work.notify_one();
        let (state, _) = self
            .done
            .wait_timeout_while(state, timeout, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        match is_empty {
            true => drop(self.storage.remove_all()),
            false => self.forget_calls(),
        }
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        drop(owner.take());
    }
}

impl Meta {
    fn add(&mut self, scope: &Arc<EncodedScope>) -> u16 {
        let Ok(number) = u16::try_from(self.scopes.len() + 1) else {
            return NO_SCOPE;
        };
        if !self.put((RecordKind::Scope, number), &scope.schema_url, &scope.bytes) {
            return NO_SCOPE;
        }
        self.scopes.push(Arc::clone(scope));
        number
    }

    /// `length u32 | schema URL | message`
    fn put(&mut self, kind: (RecordKind, u16), schema_url: &str, message: &[u8]) -> bool {
        let Ok(length) = u32::try_from(schema_url.len()) else {
            return false;
        };
        let payload = [&length.to_le_bytes(), schema_url.as_bytes(), message].concat();
        let end = self.at + record_len(payload.len());
        if end > self.region.words().len() * WORD {
            return false;
        }
        put_record(self.region.words(), self.at, 1, kind, &payload);
        self.at = end;
        true
    }
}
