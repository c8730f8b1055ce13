//! The state that the request's path, the workers and the handles share.
//!
//! ```text
//! thread ─► lane ──full──────────────────────────────► queue of each destination ─► its worker
//! thread ─► lane ──time, flush, stop: a worker takes all ──┘
//! ```
//!
//! A thread appends to its own [`Lane`](super::lane::Lane), which is in memory or, with a flight recorder, a file; it
//! meets nobody. It hands a full batch over, and wakes workers that have had nothing to do for a while; the others look
//! by themselves. What fills no batch a worker fetches itself, in time. Room in memory is given out in portions, so
//! that a thread asks for it once in many spans. When there is none the newest span is dropped; but where one
//! destination is behind and another isn't, the oldest that only the first waits for, so that who is away takes nothing
//! from who isn't.

mod ask;
mod record;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Instant;

use super::destination::Destination;
use super::item::Item;
use super::lanes::Lanes;
use super::limits::Limits;
use super::notice::{Listener, PipelineEvent, announce};
use super::room::Room;
use crate::encode::EncodedResource;
use crate::error::FlushError;
use crate::flight_recorder::{Home, OldPart, Recorder, RecoveryReport};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, holders};
pub(super) use work::Wait;

pub(crate) struct Shared {
    pub(super) limits: Limits,
    pub(super) listener: Listener,
    home: Home,
    resource: Mutex<Arc<EncodedResource>>,
    lanes: Lanes,
    pub(super) room: Arc<Room>,
    recorder: OnceLock<Arc<Recorder>>,
    found: OnceLock<RecoveryReport>,
    stopping: AtomicBool,
    /// Whether a worker was told that room is getting scarce.
    pressed: AtomicBool,
    queue_full_said: AtomicBool,
    /// Whether something has been settled since nothing was found that could make room.
    may_make_room: AtomicBool,
    /// Room was made, and nobody has said so yet.
    has_made_room: AtomicBool,
    /// Spans of an earlier run.
    recovered: AtomicU64,
    state: Mutex<State>,
    /// The workers wait here for work.
    work: Condvar,
    /// Flushes wait here for the workers.
    done: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) destinations: Vec<Destination>,
    /// Set by `pressed`.
    is_pressed: bool,
    /// How many workers wait to be woken when there is something to send.
    idle: usize,
    /// How many look into their queues by themselves before long.
    napping: usize,
    /// How many items there have been: the next one's number.
    pushed: u64,
    flush_asked: u64,
    /// The flushes that somebody waits for, each with how many items there were when the lanes had been looked at for it:
    /// it is done where these are settled, whatever has come since.
    flushes: BTreeMap<u64, Option<u64>>,
    /// The pipeline stops; at this time whatever still waits is given up.
    stop_at: Option<Instant>,
    stopped: bool,
}

impl Shared {
    /// For these destinations, by name.
    pub(super) fn new(limits: Limits, listener: Listener, destinations: &[String]) -> Self {
        let limits = limits.usable();
        let destinations = destinations.iter().map(|name| Destination::new(name));
        Self {
            limits,
            listener,
            home: Home::here(),
            resource: Mutex::default(),
            lanes: Lanes::default(),
            room: Arc::new(Room::new(limits)),
            recorder: OnceLock::new(),
            found: OnceLock::new(),
            stopping: AtomicBool::new(false),
            pressed: AtomicBool::new(false),
            queue_full_said: AtomicBool::new(false),
            may_make_room: AtomicBool::new(false),
            has_made_room: AtomicBool::new(false),
            recovered: AtomicU64::new(0),
            state: Mutex::new(State {
                destinations: destinations.collect(),
                ..State::default()
            }),
            work: Condvar::new(),
            done: Condvar::new(),
        }
    }

    /// Nothing that holds this lock can panic half-way, so a poisoned one is as good.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_resource(&self, resource: Arc<EncodedResource>) {
        *self.resource.lock().unwrap_or_else(PoisonError::into_inner) = resource;
    }

    pub(super) fn resource(&self) -> Arc<EncodedResource> {
        let resource = self.resource.lock();
        Arc::clone(&resource.unwrap_or_else(PoisonError::into_inner))
    }

    /// Spans go to the disk from here on.
    pub(super) fn set_recorder(&self, recorder: Arc<Recorder>, found: RecoveryReport) {
        let _ = self.found.set(found);
        let _ = self.recorder.set(recorder);
    }

    /// What an earlier run has left goes out.
    pub(super) fn push_old(&self, parts: Vec<OldPart>) {
        let spans: usize = parts.iter().map(OldPart::spans).sum();
        self.recovered.fetch_add(spans as u64, Ordering::Relaxed);
        let items = parts.into_iter().map(|part| Item::old(part, &self.room));
        self.push(items);
    }

    /// Tells the listener.
    pub(super) fn announce(&self, notice: &PipelineEvent) {
        announce(&self.listener, notice);
    }

    /// Why the recorder can't write, if it can't.
    pub(super) fn recorder_failing(&self) -> Option<String> {
        self.recorder.get()?.failing()
    }

    pub(super) fn found(&self) -> RecoveryReport {
        self.found.get().cloned().unwrap_or_default()
    }

    /// Calls that the recorder had no place for.
    pub(crate) fn unnoted(&self) -> u64 {
        self.recorder.get().map_or(0, |recorder| recorder.unnoted())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.home.is_left() || self.lock().stopped
    }
}

impl State {
    fn has_queue(&self, number: usize) -> bool {
        let destination = self.destinations.get(number);
        destination.is_some_and(|destination| !destination.queue.is_empty())
    }

    /// The lanes have been emptied since these flushes were asked for.
    fn looked(&mut self, asked: u64) {
        for (_, mark) in self.flushes.range_mut(..=asked) {
            mark.get_or_insert(self.pushed);
        }
    }

    /// The last flush for which this destination, with this in hand, has settled all, unless that is said already.
    fn flush_of(&self, number: usize, in_hand: Option<u64>) -> Option<u64> {
        let destination = self.destinations.get(number)?;
        // What is taken out of the queue is older than what is in there.
        let oldest = in_hand.or_else(|| Some(destination.queue.front()?.number));
        let is_settled = |mark: u64| oldest.is_none_or(|oldest| mark <= oldest);
        let mut flushes = self.flushes.range(destination.flush_done + 1..).rev();
        let (asked, _) = flushes.find(|(_, mark)| mark.is_some_and(is_settled))?;
        Some(*asked)
    }

    /// Takes the oldest item in memory that some wait for and another has.
    fn make_room(&mut self) -> Option<Arc<Item>> {
        let oldest = self.destinations.iter().map(Destination::oldest_in_memory);
        let oldest: Vec<_> = oldest.flatten().collect();
        let is_behind = |item: &&&Arc<Item>| {
            let same = oldest.iter().filter(|other| Arc::ptr_eq(other, item));
            let waiting = same.count();
            // Nobody has it in hand, either.
            waiting < self.destinations.len() && holders(item) == waiting
        };
        let item = Arc::clone(oldest.iter().find(is_behind)?);
        for destination in &mut self.destinations {
            destination.make_room(&item);
        }
        Some(item)
    }

    /// Why an attempt has failed, if a destination's last one has.
    fn failing(&self) -> Option<String> {
        let mut destinations = self.destinations.iter();
        destinations.find_map(|destination| destination.failing.clone())
    }

    /// What each destination has lost.
    fn lost(&self) -> Vec<u64> {
        self.destinations.iter().map(Destination::lost).collect()
    }

    fn outcome(&self, before: &[u64]) -> Result<(), FlushError> {
        for (destination, before) in self.destinations.iter().zip(before) {
            let lost = destination.lost() - before;
            if lost > 0 {
                return Err(FlushError::Lost {
                    lost,
                    reason: destination.last_failure.clone(),
                });
            }
        }
        Ok(())
    }
}
