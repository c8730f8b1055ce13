//! The recorder of a running pipeline: its interface for lanes and workers, and the management of
//! segments.
//!
//! ```text
//!           take            append            seal
//! prepared ──────► a lane ─────────► a lane ────────► sealed ── every destination has received it ──► reusable
//!    ▲                                                                                                    │
//!    └──────────────────────── the recorder's thread: new generation, pages faulted in ◄──────────────────┘
//! ```
//!
//! Slow operations, such as creating and syncing files, are done by [that thread](maintenance). A
//! lane without a prepared segment keeps its spans in memory and continues.

mod maintenance;
mod meta;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::calls::{Calls, FreeSlots, Slot};
#[cfg(test)]
use super::options::WhenFull;
use super::options::{Durability, FlightRecorder};
use super::owner::Owner;
use super::segment::{Segment, Writer};
use super::storage::Storage;
use crate::encode::{EncodedResource, EncodedScope};
use crate::pipeline::Listener;
pub(crate) use maintenance::Evict;
use meta::Meta;

/// Number of segments kept ready for lanes.
const PREPARED: usize = 2;
/// Number of prepared segments above which files are deleted.
const MAX_PREPARED: usize = 4;

/// A scope that did not fit in the file: its spans stay in memory.
pub(crate) const NO_SCOPE: u16 = 0;

#[derive(Debug)]
pub(crate) struct Recorder {
    storage: Box<dyn Storage>,
    options: FlightRecorder,
    meta: Meta,
    calls: Calls,
    listener: ListenerBox,
    /// The destinations that must receive each span, by name.
    destinations: Vec<u64>,
    state: Mutex<State>,
    /// The recorder's thread waits here.
    work: Condvar,
    /// `close` waits here for the recorder's thread.
    done: Condvar,
    synced: AtomicU64,
    unnoted: AtomicU64,
    /// Size of earlier runs on disk.
    earlier_bytes: Arc<AtomicU64>,
    /// Released when the recorder is closed.
    owner: Mutex<Option<Owner>>,
}

struct ListenerBox(Listener);

impl std::fmt::Debug for ListenerBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

#[derive(Debug, Default)]
struct State {
    /// Empty and ready.
    prepared: Vec<Arc<Segment>>,
    /// Partly written by a thread that has ended or is idle; the next thread continues there.
    open: Vec<Writer>,
    /// Full, the oldest first.
    sealed: VecDeque<Arc<Segment>>,
    /// All segments.
    all: Vec<Arc<Segment>>,
    made: u64,
    /// Why there is no segment; reported once.
    failing: Option<String>,
    /// Why the last sync failed; reported once.
    sync_error: Option<String>,
    /// Spans that are on disk, but whose scopes may not be.
    uncounted: u64,
    pause_until: Option<Instant>,
    /// Something was sealed or acknowledged, or few segments are prepared.
    is_asked: bool,
    stopping: bool,
    stopped: bool,
}

impl Recorder {
    /// Creates the first files of a run.
    pub(super) fn new(
        storage: Box<dyn Storage>,
        options: FlightRecorder,
        resource: &EncodedResource,
        destinations: Vec<u64>,
        earlier_bytes: Arc<AtomicU64>,
        listener: Listener,
        owner: Option<Owner>,
    ) -> io::Result<Self> {
        let meta = Meta::create(&*storage, resource)?;
        let calls = storage.create("calls", Calls::bytes(options.slots()))?;
        let recorder = Self {
            calls: Calls::new(calls),
            storage,
            options,
            meta,
            listener: ListenerBox(listener),
            destinations,
            earlier_bytes,
            owner: Mutex::new(owner),
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            synced: AtomicU64::new(0),
            unnoted: AtomicU64::new(0),
        };
        // Before the first span: the directory entries, the resource and the scopes.
        if recorder.is_synced() {
            recorder.meta.sync()?;
            recorder.storage.sync()?;
        }
        let first = recorder.make()?;
        recorder.lock().prepared.push(first);
        // A few more for threads that start at the same time. The disk may be full by now.
        let segments = recorder.options.max_bytes() / recorder.options.segment_bytes() as u64;
        for _ in 1..MAX_PREPARED.min(segments as usize / 2) {
            if !recorder.has_room() {
                break;
            }
            let Ok(more) = recorder.make() else { break };
            // Segments are taken from the end, so the first one is used first.
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

    fn is_synced(&self) -> bool {
        self.options.durability >= Durability::PowerLoss
    }

    /// The number of a scope in this run's files; [`NO_SCOPE`] if it does not fit.
    #[inline]
    pub(crate) fn scope(&self, scope: &Arc<EncodedScope>) -> u16 {
        *scope.number.get_or_init(|| self.meta.add(scope))
    }

    /// The scope with this number.
    pub(crate) fn scope_numbered(&self, number: u16) -> Option<Arc<EncodedScope>> {
        self.meta.numbered(number)
    }

    /// A segment to write to. `None` while none is prepared.
    #[cold]
    pub(crate) fn take(&self) -> Option<Writer> {
        let mut state = self.lock();
        let mut open = state.open.pop();
        while let Some(full) = open.take_if(|writer| !writer.has_room()) {
            // The disk has failed for this segment meanwhile.
            state.seal(&full);
            open = state.open.pop();
        }
        let writer = open.or_else(|| state.prepared.pop().map(Writer::new));
        if state.prepared.len() < PREPARED {
            state.is_asked = true;
            self.work.notify_one();
        }
        writer
    }

    /// Takes back a writer whose segment is full, or whose thread no longer needs it. The thread
    /// keeps its spans as parts.
    #[cold]
    pub(crate) fn give_back(&self, writer: Writer) {
        let mut state = self.lock();
        if writer.has_room() {
            state.open.push(writer);
            return;
        }
        state.seal(&writer);
        self.work.notify_one();
    }

    /// Acknowledges a part for a destination, which has received it or never will.
    pub(crate) fn ack(&self, destination: usize, part: &super::Part) {
        let name = self.destinations.get(destination).copied().unwrap_or(0);
        part.ack(destination, name);
        if part.segment.is_done(self.destinations.len()) {
            self.lock().is_asked = true;
            self.work.notify_one();
        }
    }

    /// Writes an open call: the fields of a `Span`. From offset `attributes` on the fields are its
    /// attributes; those that do not fit are dropped.
    #[inline]
    pub(crate) fn note(
        &self,
        thread_slots: &mut FreeSlots,
        scope: &Arc<EncodedScope>,
        fields: &[u8],
        attributes: usize,
    ) -> Option<Slot> {
        let scope = self.scope(scope);
        let slot = self.calls.note(thread_slots, scope, fields, attributes);
        if slot.is_none() {
            self.unnoted.fetch_add(1, Ordering::Relaxed);
        }
        slot
    }

    /// Appends a field to an open call.
    pub(crate) fn note_more(&self, slot: Slot, field: &[u8]) {
        self.calls.append(slot, field);
    }

    /// Frees the slot of an ended call.
    #[inline]
    pub(crate) fn release(&self, thread_slots: &mut FreeSlots, slot: Slot) {
        self.calls.release(thread_slots, slot);
    }

    pub(crate) fn take_back(&self, thread_slots: &mut FreeSlots) {
        self.calls.take_back(thread_slots);
    }

    /// Number of calls for which no slot was free.
    pub(crate) fn unnoted(&self) -> u64 {
        self.unnoted.load(Ordering::Relaxed)
    }

    /// Number of spans, of `appended` ones, that have reached the durability level.
    pub(crate) fn durable(&self, appended: u64) -> u64 {
        match self.is_synced() {
            true => self.synced.load(Ordering::Acquire).min(appended),
            false => appended,
        }
    }

    /// Why spans are currently not recorded on disk.
    pub(crate) fn failing(&self) -> Option<String> {
        let state = self.lock();
        state.failing.clone().or_else(|| state.sync_error.clone())
    }

    /// Removes the open calls: on a regular exit of the process, they are not reported as
    /// unfinished.
    pub(crate) fn forget_calls(&self) {
        let _ = self.storage.remove("calls");
    }

    /// Stops the thread. If nothing is left to send and everything could be read from the disk, the
    /// run's files are removed; otherwise they are kept for the next start, except for the calls.
    pub(crate) fn close(&self, is_empty: bool, timeout: Duration) {
        let mut state = self.lock();
        state.stopping = true;
        self.work.notify_one();
        let (state, _) = self
            .done
            .wait_timeout_while(state, timeout, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        let destinations = self.destinations.len();
        let mut segments = state.all.iter();
        let has_arrived = segments.all(|segment| segment.has_arrived(destinations));
        drop(state);
        match is_empty && has_arrived {
            true => drop(self.storage.remove_all()),
            false => self.forget_calls(),
        }
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        drop(owner.take());
    }
}

impl State {
    /// Marks a segment as full.
    fn seal(&mut self, writer: &Writer) {
        let segment = Arc::clone(writer.segment());
        segment.seal();
        self.sealed.push_back(segment);
        self.is_asked = true;
    }
}
