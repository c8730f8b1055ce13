//! The recorder of a running pipeline: what lanes and workers ask of it, and which segments there are.
//!
//! ```text
//!           take            append            seal
//! prepared ──────► a lane ─────────► a lane ────────► sealed ── every destination has it ──► returned
//!    ▲                                                                                          │
//!    └──────────────────────── the recorder's thread: started over, pages in place ◄────────────┘
//! ```
//!
//! Everything that may take long, making files, syncing, is done by [that thread](tending). A lane that finds no segment
//! prepared keeps its spans in memory and goes on.

mod meta;
mod tending;

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
use meta::Meta;
pub(crate) use tending::Evict;

/// Segments that wait for a lane.
const PREPARED: usize = 2;
/// More of them are given back to the disk.
const MOST_PREPARED: usize = 4;

/// A scope that found no place in the file: its spans stay in memory.
pub(crate) const NO_SCOPE: u16 = 0;

#[derive(Debug)]
pub(crate) struct Recorder {
    storage: Box<dyn Storage>,
    options: FlightRecorder,
    meta: Meta,
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
    /// Why the disk did not sync, said once.
    not_synced: Option<String>,
    /// Spans that are on the disk, but of scopes that may not be.
    uncounted: u64,
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
        let meta = Meta::create(&*storage, resource)?;
        let calls = storage.create("calls", Calls::bytes(options.slots()))?;
        let recorder = Self {
            calls: Calls::new(calls),
            storage,
            options,
            meta,
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
        if recorder.is_synced() {
            recorder.meta.sync()?;
            recorder.storage.sync()?;
        }
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

    fn is_synced(&self) -> bool {
        self.options.durability >= Durability::PowerLoss
    }

    /// The number of a scope in this run's files; [`NO_SCOPE`] where they have no room for it.
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
            // The disk has failed there meanwhile.
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

    /// A writer whose segment is full, or whose thread needs it no more. What was in it the thread has as parts.
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
        let state = self.lock();
        state.failing.clone().or_else(|| state.not_synced.clone())
    }

    /// The process ends as it wants to: there is no crash that open calls would have to tell of.
    pub(crate) fn forget_calls(&self) {
        let _ = self.storage.remove("calls");
    }

    /// Stops the thread. With nothing left to send, and nothing that the disk did not give back, the run leaves nothing
    /// behind; else its files are for the next start, but for the calls.
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
    /// Nothing more goes there.
    fn seal(&mut self, writer: &Writer) {
        let segment = Arc::clone(writer.segment());
        segment.seal();
        self.sealed.push_back(segment);
        self.is_asked = true;
    }
}
