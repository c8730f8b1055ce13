//! The state that the request's path, the workers and the handles share.
//!
//! ```text
//! thread ─► lane ──full──────────────────────────────► queue of each destination ─► its worker
//! thread ─► lane ──time, flush, stop: a worker takes all ──┘
//! ```
//!
//! A thread appends to its own [`Lane`](super::lane::Lane), which is in memory or, with a flight recorder, a file; it
//! meets nobody. It hands a full batch over, which wakes the workers; what fills no batch a worker fetches itself, in
//! time. Room in memory is given out in portions, so that a thread asks for it once in many spans. When there is none the
//! newest span is dropped; but where one destination is behind and another isn't, the oldest that only the first waits
//! for, so that who is away takes nothing from who isn't.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::counts::SpanCounts;
use super::destination::Destination;
use super::item::Item;
use super::lane::{Handed, LaneState};
use super::lanes::Lanes;
use super::limits::Limits;
use super::notice::{Listener, Notice, announce};
use super::room::Room;
use super::run::Run;
use crate::encode::{EncodedResource, EncodedScope};
use crate::error::FlushError;
use crate::flight_recorder::{Found, Home, OldPart, Part, Recorder, Slot};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, holders};

/// A run that is longer is handed over, however few spans it has.
const LONGEST_RUN: usize = 512 * 1024;

/// How long the last worker waits for the recorder's thread, which may be waiting for a disk.
const RECORDER_TIMEOUT: Duration = Duration::from_secs(5);

/// What giving up takes.
const GIVING_UP: Duration = Duration::from_millis(250);

/// A time that does not come.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

pub(crate) struct Shared {
    pub(super) limits: Limits,
    pub(super) listener: Listener,
    home: Home,
    resource: Mutex<Arc<EncodedResource>>,
    lanes: Lanes,
    pub(super) room: Arc<Room>,
    recorder: OnceLock<Arc<Recorder>>,
    found: OnceLock<Found>,
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
    /// How many workers wait for something to send. The others look into their queues by themselves.
    idle: usize,
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

/// What a worker waits for.
pub(super) struct Wait {
    /// It then fetches what the lanes have.
    pub(super) deadline: Instant,
    /// The collector is left alone until then.
    pub(super) retry_at: Option<Instant>,
    /// The number of the oldest item that it has taken and not settled.
    pub(super) in_hand: Option<u64>,
    flush_seen: u64,
    stop_seen: bool,
}

impl Wait {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            deadline: Instant::now() + limits.schedule_delay,
            retry_at: None,
            in_hand: None,
            flush_seen: 0,
            stop_seen: false,
        }
    }
}

/// What it is woken for.
#[derive(Debug)]
pub(super) struct Turn {
    /// The queue has nothing.
    pub(super) is_empty: bool,
    /// The last flush for which all is settled here, and of which the exporter has not heard.
    pub(super) flush: Option<u64>,
    /// Whether somebody has begun to wait for it.
    pub(super) is_urgent: bool,
    pub(super) stop_at: Option<Instant>,
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
    pub(super) fn set_recorder(&self, recorder: Arc<Recorder>, found: Found) {
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

    /// Counts a sampled span that starts.
    #[inline]
    pub(crate) fn count_started(&self) {
        if !self.home.is_left() {
            self.lanes.with(|lane| lane.count_started());
        }
    }

    /// Notes a call that starts, for the case that the process does not live to see its end: `write` appends the fields of
    /// a `Span`, and gives where its attributes begin.
    #[inline]
    pub(crate) fn note(
        &self,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>) -> usize,
    ) -> Option<Slot> {
        let recorder = self.recorder.get()?;
        if self.home.is_left() || self.stopping.load(Ordering::Relaxed) {
            return None;
        }
        self.lanes
            .with(|lane| lane.lock().note(recorder, scope, write))
    }

    /// Whether calls are noted at all.
    #[inline]
    pub(crate) fn takes_notes(&self) -> bool {
        self.recorder.get().is_some()
    }

    /// Adds a field to a call's note.
    pub(crate) fn note_more(&self, slot: Slot, field: &[u8]) {
        if let Some(recorder) = self.recorder.get()
            && !self.home.is_left()
        {
            recorder.note_more(slot, field);
        }
    }

    /// Takes a sampled span that has ended: `write` appends it as `0x12 len Span`.
    #[inline]
    pub(crate) fn record(
        &self,
        scope: &Arc<EncodedScope>,
        slot: Option<Slot>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        // The locks of a child process may be held by threads that it does not have.
        if self.home.is_left() {
            return;
        }
        let is_full = self.lanes.with(|lane| {
            let mut state = lane.lock();
            state.totals.ended += 1;
            let is_full = self.take(&mut state, scope, write);
            // Afterwards: a process that dies in between leaves the span and its note, and readers take the span.
            if let (Some(slot), Some(recorder)) = (slot, self.recorder.get()) {
                recorder.release(&mut state.slots, slot);
            }
            is_full
        });
        if is_full {
            self.say_full();
        }
    }

    /// Whether there was no room for the span.
    #[inline]
    fn take(
        &self,
        state: &mut LaneState,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        // Under the lock: the last visit of a worker comes after the flag.
        if self.stopping.load(Ordering::Acquire) {
            state.totals.after_shutdown += 1;
            return false;
        }
        let length = match self.recorder.get() {
            None => self.keep(state, scope, write),
            Some(recorder) => match state.record(recorder, scope, write) {
                Ok(length) => Some(length),
                Err(span) => {
                    let length = self.keep(state, scope, |out| out.extend_from_slice(&span));
                    state.keep_scratch(span);
                    length
                }
            },
        };
        match length {
            None => true,
            Some(length) if state.spans() >= self.limits.batch_size || length >= LONGEST_RUN => {
                !self.hand_over(state)
            }
            Some(_) => false,
        }
    }

    /// Keeps a span in memory, and gives how long its run is then. `None` if there is no room.
    #[inline]
    fn keep(
        &self,
        state: &mut LaneState,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<usize> {
        if state.credit == 0 {
            state.credit = self.ask_for_room();
            if state.credit == 0 {
                state.totals.queue_full += 1;
                return None;
            }
        }
        state.credit -= 1;
        Some(state.append(scope, write))
    }

    /// Gives a thread's spans to the workers, if there is room. The lane is locked, see [`next`](Self::next).
    #[cold]
    fn hand_over(&self, state: &mut LaneState) -> bool {
        let bytes = state.bytes_in_memory();
        let mut has_room = self.room.admit(bytes);
        while !has_room && self.make_room() {
            has_room = self.room.admit(bytes);
        }
        if !has_room {
            // Few spans, but large ones: these are the newest, and nobody may hold more.
            let spans = state.clear();
            state.totals.queue_full += spans as u64;
            state.credit += spans;
        }
        let handed = state.take(|length| self.room.buffer(length));
        self.push(self.items(handed));
        has_room
    }

    /// What a lane has handed over, as the destinations have it.
    fn items(&self, handed: Handed) -> Vec<Item> {
        let Handed { runs, parts } = handed;
        let mut items = Vec::with_capacity(parts.len() + 1);
        if let Some(recorder) = self.recorder.get() {
            let part = |part| Item::part(part, recorder, &self.room);
            items.extend(parts.into_iter().map(part));
        }
        if !runs.is_empty() {
            let resource = self.resource();
            let runs = runs
                .into_iter()
                .map(|run| Run::new(&resource, run.scope, run.bytes, run.spans));
            items.push(Item::memory(runs.collect(), &self.room));
        }
        items
    }

    /// Wakes those who have nothing to do. That takes long, for a thread that serves requests.
    fn push(&self, items: impl IntoIterator<Item = Item>) {
        let mut state = self.lock();
        for mut item in items {
            item.number = state.pushed;
            state.pushed += 1;
            let item = Arc::new(item);
            for (number, destination) in state.destinations.iter_mut().enumerate() {
                destination.push(number, &item);
            }
        }
        let is_waited_for = state.idle > 0;
        // Or they would wake to wait for the lock.
        drop(state);
        if is_waited_for {
            self.work.notify_all();
        }
    }

    /// A portion of the room that is left; 0 if there is none.
    #[cold]
    fn ask_for_room(&self) -> usize {
        let (mut portion, is_scarce) = self.room.ask();
        while portion == 0 && self.make_room() {
            (portion, _) = self.room.ask();
        }
        if is_scarce && !self.pressed.swap(true, Ordering::Relaxed) {
            self.lock().is_pressed = true;
            self.work.notify_all();
        }
        portion
    }

    /// Drops the oldest item in memory that some destinations wait for and another has. Gives whether there was one.
    #[cold]
    fn make_room(&self) -> bool {
        // Before one looks: what is settled meanwhile is for the next time.
        if !self.may_make_room.swap(false, Ordering::AcqRel) {
            return false;
        }
        let item = self.lock().make_room();
        let is_made = item.is_some();
        if is_made {
            self.may_make_room.store(true, Ordering::Release);
            self.has_made_room.store(true, Ordering::Relaxed);
        }
        is_made
    }

    /// A destination has let an item go.
    pub(super) fn settled(&self) {
        self.may_make_room.store(true, Ordering::Release);
    }

    #[cold]
    fn say_full(&self) {
        if !self.queue_full_said.swap(true, Ordering::Relaxed) {
            self.announce(&Notice::QueueFull {
                queue_size: self.limits.queue_size,
            });
        }
    }

    /// Whether spans are dropped for want of room.
    pub(super) fn is_full(&self) -> bool {
        self.queue_full_said.load(Ordering::Relaxed)
    }

    /// Blocks a worker until there is something to do, or until its deadline: then, at a flush and at the stop it
    /// fetches all that waits.
    pub(super) fn next(&self, number: usize, wait: &mut Wait) -> Turn {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let is_asked = state.flush_asked > wait.flush_seen;
            let is_stopped = state.stop_at.is_some() && !wait.stop_seen;
            let is_due = wait.deadline <= now;
            let may_send = wait.retry_at.is_none_or(|at| at <= now);
            // Under pressure a worker that can't send has nothing to give.
            let is_pressed = state.is_pressed && wait.retry_at.is_none();
            let is_over = state.stop_at.is_some_and(|at| at <= now);
            let fetches = is_asked || is_stopped || is_due || is_pressed;
            let has_work = wait.in_hand.is_some() || state.has_queue(number);
            // What was asked for is settled, and somebody waits to hear of it.
            let is_through = !has_work && state.stop_at.is_some()
                || state.flush_of(number, wait.in_hand).is_some();
            if fetches || may_send && has_work || is_through || is_over {
                wait.flush_seen = state.flush_asked;
                wait.stop_seen = state.stop_at.is_some();
                if fetches {
                    if is_due {
                        wait.deadline = now + self.limits.schedule_delay;
                    }
                    state.is_pressed = false;
                    drop(state);
                    self.pressed.store(false, Ordering::Relaxed);
                    // Before the queue is looked at: a lane hands over under its lock, so what it had is in the queue.
                    self.fetch();
                    state = self.lock();
                    // One that has come since the lanes were looked at is for the next turn, and so is a stop.
                    state.looked(wait.flush_seen);
                }
                return Turn {
                    is_empty: !state.has_queue(number),
                    flush: state.flush_of(number, wait.in_hand),
                    is_urgent: is_asked || is_stopped,
                    stop_at: state.stop_at.filter(|_| wait.stop_seen),
                };
            }
            let mut until = wait.deadline;
            for at in wait.retry_at.into_iter().chain(state.stop_at) {
                until = until.min(at);
            }
            // One that waits for a collector has its queue full already.
            let is_idle = wait.retry_at.is_none();
            state.idle += usize::from(is_idle);
            state = self
                .work
                .wait_timeout(state, until.saturating_duration_since(now))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.idle -= usize::from(is_idle);
        }
    }

    /// Empties every lane into the queues, and takes back the room that threads have and don't use.
    fn fetch(&self) {
        let mut items = Vec::new();
        let mut room = 0;
        let visit = self.lanes.visit(|lane, is_left| {
            let mut state = lane.lock();
            room += std::mem::take(&mut state.credit);
            if let Some(recorder) = self.recorder.get() {
                state.rest(recorder, is_left);
            }
            if state.spans() > 0 {
                self.room.take_in(state.bytes_in_memory());
                let handed = state.take(|length| self.room.buffer(length));
                items.extend(self.items(handed));
            }
        });
        self.room.give_back(room, 0);
        self.push(items);
        // Not before: another worker would find the lanes empty, and take it for all sent.
        drop(visit);
        if self.has_made_room.swap(false, Ordering::Relaxed) {
            self.say_full();
        }
    }

    /// A worker has sent all that it had.
    pub(super) fn drained(&self) {
        if self.room.is_wide() {
            self.queue_full_said.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn flushed(&self, number: usize, asked: u64) {
        let mut state = self.lock();
        if let Some(destination) = state.destinations.get_mut(number) {
            destination.flush_done = destination.flush_done.max(asked);
        }
        self.done.notify_all();
    }

    /// Drops parts of a segment from every queue, and gives how many spans are lost by that at the most.
    pub(super) fn evict(&self, pick: &dyn Fn(&Part) -> bool) -> u64 {
        let mut state = self.lock();
        let destinations = state.destinations.iter_mut().enumerate();
        destinations
            .map(|(number, destination)| destination.evict(number, pick))
            .max()
            .unwrap_or_default()
    }

    /// A worker is gone. The last one takes what has come since it went, and closes the recorder.
    pub(super) fn stopped(&self, number: usize) {
        self.stopping.store(true, Ordering::Release);
        self.fetch();
        let mut state = self.lock();
        state.stop_at.get_or_insert_with(Instant::now);
        if let Some(destination) = state.destinations.get_mut(number) {
            destination.stop();
        }
        let is_last = state.destinations.iter().all(Destination::is_stopped);
        drop(state);
        if is_last {
            if let Some(recorder) = self.recorder.get() {
                let counts = self.counts();
                recorder.close(counts.waiting == 0, RECORDER_TIMEOUT);
            }
            self.lock().stopped = true;
        }
        self.done.notify_all();
    }

    /// Tells the listener.
    pub(super) fn announce(&self, notice: &Notice) {
        announce(&self.listener, notice);
    }

    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.home.is_left() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost();
        state.flush_asked += 1;
        let asked = state.flush_asked;
        state.flushes.insert(asked, None);
        self.work.notify_all();
        let is_done = |state: &State| {
            let mut destinations = state.destinations.iter();
            destinations.all(|it| it.flush_done >= asked) || state.stopped
        };
        let outcome = self
            .wait(state, timeout, is_done)
            .and_then(|state| state.outcome(&lost_before));
        self.lock().flushes.remove(&asked);
        outcome
    }

    pub(crate) fn shut_down(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.home.is_left() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost();
        if state.stop_at.is_none() {
            // A little earlier, so that what is given up then is counted when the caller goes on.
            let timeout = timeout - (timeout / 10).min(GIVING_UP);
            let now = Instant::now();
            state.stop_at = Some(now.checked_add(timeout).unwrap_or(now + NEVER));
            // What ends from here on is late; what has ended is fetched by a worker's last visit.
            self.stopping.store(true, Ordering::Release);
        }
        self.work.notify_all();
        let stopped = self.wait(state, timeout, |state| state.stopped);
        if stopped.is_err()
            && let Some(recorder) = self.recorder.get()
        {
            // Nobody waits for the workers any more, so this may be the last thing that this process does.
            recorder.forget_calls();
        }
        let state = stopped?;
        state.outcome(&lost_before)?;
        // With a flight recorder, what has not arrived is not lost either.
        let reason = state.failing();
        drop(state);
        match self.counts().waiting {
            0 => Ok(()),
            waiting => Err(FlushError::Timeout { waiting, reason }),
        }
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        timeout: Duration,
        is_done: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>, FlushError> {
        let (state, _) = self
            .done
            .wait_timeout_while(state, timeout, |state| !is_done(state))
            .unwrap_or_else(PoisonError::into_inner);
        if is_done(&state) {
            return Ok(state);
        }
        let reason = state.failing();
        drop(state);
        Err(FlushError::Timeout {
            waiting: self.counts().waiting,
            reason,
        })
    }

    /// Those of the destination that is furthest behind.
    pub(crate) fn counts(&self) -> SpanCounts {
        let counts = self.destination_counts().into_iter().map(|it| it.counts);
        counts
            .max_by_key(|counts| counts.waiting + counts.dropped.total())
            .unwrap_or_default()
    }

    pub(crate) fn destination_counts(&self) -> Vec<super::DestinationCounts> {
        if self.home.is_left() {
            return Vec::new();
        }
        // In the order in which spans go backwards: none is counted further on than where it has been.
        let state = self.lock();
        let seen: Vec<_> = state.destinations.iter().map(Destination::seen).collect();
        let stopped = state.stopped;
        drop(state);
        let (totals, started) = self.lanes.totals();
        let recovered = self.recovered.load(Ordering::Relaxed);
        let durable = match self.recorder.get() {
            Some(recorder) => recorder.durable(totals.recorded) + recovered,
            None => 0,
        };
        let destinations = seen.into_iter().map(|mut seen| {
            let counts = &mut seen.counts;
            counts.dropped.queue_full += totals.queue_full;
            counts.dropped.after_shutdown += totals.after_shutdown;
            counts.recovered = recovered;
            counts.durable = durable;
            let ended = totals.ended + recovered;
            let gone = counts.exported + counts.dropped.total();
            counts.waiting = ended.saturating_sub(gone);
            counts.started = (started + recovered).max(ended);
            counts.open = counts.started - ended;
            if stopped {
                // Nobody takes them any more.
                counts.dropped.after_shutdown += std::mem::take(&mut counts.open);
            }
            seen
        });
        destinations.collect()
    }

    /// Why the recorder can't write, if it can't.
    pub(super) fn recorder_failing(&self) -> Option<String> {
        self.recorder.get()?.failing()
    }

    pub(super) fn found(&self) -> Found {
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
