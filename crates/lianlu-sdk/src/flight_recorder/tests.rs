//! Tests of the recorder with failing disks and power loss.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use lianlu_wire::otlp::{SpanHead, put_span};
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use proptest::prelude::*;

use super::calls::FreeSlots;
use super::faulty::{Disk, Op};
use super::options::{Durability, FlightRecorder, WhenFull};
use super::recorder::{Evict, Recorder};
use super::recovered::RecoveredSpans;
use super::segment::{Part, Writer};
use crate::encode::{EncodedResource, EncodedScope};
use crate::pipeline::PipelineEvent;

/// The minimum: four segments of 64 KiB, or of 8 for Miri.
const SMALL: u64 = 4 * 1024 * if cfg!(miri) { 8 } else { 64 };
/// Number of slots for calls with that size.
const SLOTS: usize = if cfg!(miri) { 16 } else { 64 };
const DESTINATION: u64 = 77;

fn span(number: u64) -> Vec<u8> {
    let head = SpanHead {
        trace_id: [1; 16],
        span_id: (number + 1).to_be_bytes(),
        parent_span_id: [0; 8],
        trace_state: "",
        flags: 1,
        // So that a segment is full after about forty spans.
        name: &"n".repeat(1500),
        kind: 1,
        start_unix_nanos: 1,
        end_unix_nanos: 2,
    };
    let mut out = Vec::new();
    put_span(&mut out, &head, |_| {});
    out
}

/// A part and its expected spans.
type Waiting = (Part, Vec<u64>);

struct Bench {
    disk: Disk,
    recorder: Arc<Recorder>,
    scope: Arc<EncodedScope>,
    events: Arc<Mutex<Vec<PipelineEvent>>>,
    writer: Option<Writer>,
    next: u64,
    /// Parts handed over and not acknowledged, with their spans.
    waiting: Vec<Waiting>,
    unhanded: Vec<u64>,
    acked: HashSet<u64>,
    kept_in_memory: u64,
}

fn never() -> Evict {
    Box::new(|_| 0)
}

impl Bench {
    fn new(durability: Durability) -> Self {
        let disk = Disk::default();
        let events: Arc<Mutex<Vec<PipelineEvent>>> = Arc::default();
        let received = Arc::clone(&events);
        let options = FlightRecorder::new("unused")
            .with_durability(durability)
            .with_max_bytes(SMALL);
        let recorder = Recorder::new(
            Box::new(disk.clone()),
            options,
            &EncodedResource::new(&Resource::builder_empty().build()),
            vec![DESTINATION],
            Arc::default(),
            Arc::new(move |event: &PipelineEvent| received.lock().unwrap().push(event.clone())),
            None,
        )
        .unwrap();
        Self {
            disk,
            recorder: Arc::new(recorder),
            scope: Arc::new(EncodedScope::new(
                &InstrumentationScope::builder("s").build(),
            )),
            events,
            writer: None,
            next: 0,
            waiting: Vec::new(),
            unhanded: Vec::new(),
            acked: HashSet::new(),
            kept_in_memory: 0,
        }
    }

    /// Runs the recorder's thread with a disk that blocks each sync until it is released.
    fn maintain_with_blocked_syncs(&self) -> (Receiver<()>, Sender<()>, JoinHandle<()>) {
        let (begins, ends) = self.disk.block_syncs();
        let recorder = Arc::clone(&self.recorder);
        let thread = std::thread::spawn(move || recorder.maintain(&never()));
        (begins, ends, thread)
    }

    /// Appends a span like a lane.
    fn append(&mut self) {
        let number = self.next;
        self.next += 1;
        let scope = self.recorder.scope(&self.scope);
        let bytes = span(number);
        let mut is_written = self
            .writer
            .as_mut()
            .is_some_and(|it| it.append(scope, &bytes));
        if !is_written {
            self.put_back();
            self.writer = self.recorder.take();
            is_written = self
                .writer
                .as_mut()
                .is_some_and(|it| it.append(scope, &bytes));
        }
        match is_written {
            true => self.unhanded.push(number),
            false => self.kept_in_memory += 1,
        }
    }

    fn hand_over(&mut self) {
        if let Some(part) = self.writer.as_mut().and_then(Writer::take) {
            let spans = std::mem::take(&mut self.unhanded);
            assert_eq!(part.spans(), spans.len());
            self.waiting.push((part, spans));
        }
    }

    fn put_back(&mut self) {
        self.hand_over();
        if let Some(writer) = self.writer.take() {
            self.recorder.give_back(writer);
        }
    }

    fn read(&self, part: &Part) -> Vec<u64> {
        let mut ids = Vec::new();
        part.read(&self.recorder, &mut Vec::new(), |scope, span| {
            assert!(scope.unwrap().is_same(&self.scope));
            let span = lianlu_wire::otlp::Spans::new(span).next().unwrap().unwrap();
            ids.push(u64::from_be_bytes(span.parse().unwrap().span_id) - 1);
        })
        .unwrap();
        ids
    }

    fn ack(&mut self, at: usize) {
        if self.waiting.is_empty() {
            return;
        }
        let (part, spans) = self.waiting.remove(at % self.waiting.len());
        // Not overwritten before it was acknowledged.
        assert_eq!(self.read(&part), spans);
        self.recorder.ack(0, &part);
        self.acked.extend(spans);
    }

    /// Whether one failure and its recovery were reported.
    fn has_failed_and_recovered_once(&self) -> bool {
        let events = self.events.lock().unwrap();
        matches!(
            events[..],
            [
                PipelineEvent::RecorderFailing { .. },
                PipelineEvent::RecorderRecovered
            ]
        )
    }

    /// The spans that a start after this state would recover.
    fn recovered(&self, state: usize, luck: impl FnMut() -> bool) -> HashSet<u64> {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run-1");
        std::fs::create_dir(&run).unwrap();
        self.disk.state(state).write(&run, luck);
        let left = RecoveredSpans::find(dir.path(), &[DESTINATION]).unwrap();
        assert_eq!(left.report.refused, Vec::<String>::new());
        let mut ids = HashSet::new();
        for part in &left.parts {
            part.read(&mut Vec::new(), |_, span| {
                let span = lianlu_wire::otlp::Spans::new(span).next().unwrap().unwrap();
                ids.insert(u64::from_be_bytes(span.parse().unwrap().span_id) - 1);
            })
            .unwrap();
        }
        ids
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    HandOver,
    PutBack,
    Ack(usize),
    Maintain,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_u8..30).prop_map(Step::Append),
        3 => Just(Step::HandOver),
        1 => Just(Step::PutBack),
        4 => any::<usize>().prop_map(Step::Ack),
        3 => Just(Step::Maintain),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..if cfg!(miri) { 6 } else { 60 })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 64 }, ..ProptestConfig::default() })]

    /// For any order of operations: spans that were written and not acknowledged are recovered
    /// exactly once after a crash, and nothing is overwritten before it is acknowledged. Segments
    /// hold about forty spans, and there are four.
    #[test]
    fn unacknowledged_spans_are_recovered_once(steps in steps()) {
        let mut bench = Bench::new(Durability::ProcessCrash);
        for step in steps {
            match step {
                Step::Append(spans) => (0..spans).for_each(|_| bench.append()),
                Step::HandOver => bench.hand_over(),
                Step::PutBack => bench.put_back(),
                Step::Ack(at) => bench.ack(at),
                Step::Maintain => bench.recorder.maintain(&never()),
                Step::Crash => {
                    // The process dies, the machine does not: all pages and directory entries are
                    // kept.
                    bench.recorder.maintain(&never());
                    super::storage::Storage::sync(&bench.disk).unwrap();
                    let found = bench.recovered(usize::MAX, || true);
                    let waiting = bench.waiting.iter().flat_map(|(_, spans)| spans);
                    let wanted: HashSet<u64> = waiting.chain(&bench.unhanded).copied().collect();
                    let lost: Vec<_> = wanted.difference(&found).collect();
                    prop_assert!(lost.is_empty(), "lost {lost:?}");
                    // Acknowledged spans are recovered only if they follow one that was not
                    // acknowledged.
                    for more in found.difference(&wanted) {
                        prop_assert!(bench.acked.contains(more), "{more} was never there");
                    }
                }
            }
        }
        let on_disk = bench.acked.len() + bench.unhanded.len()
            + bench.waiting.iter().map(|(_, spans)| spans.len()).sum::<usize>();
        prop_assert_eq!(on_disk as u64 + bench.kept_in_memory, bench.next);
    }
}

/// The power fails before every operation of a run, with all, none or some of the unsynced pages
/// written. Durable spans are recovered.
#[test]
#[cfg_attr(miri, ignore = "writes some thousand files")]
fn durable_spans_survive_power_loss() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.disk.keep_states();
    // Number of durable or acknowledged spans after each number of operations.
    let mut said = Vec::new();
    for round in 0..12_usize {
        for _ in 0..13 {
            bench.append();
        }
        bench.hand_over();
        bench.recorder.maintain(&never());
        let durable = bench.recorder.durable(bench.next);
        said.push((bench.disk.states(), durable, bench.acked.clone()));
        if round % 3 == 2 {
            // In another order than they were written.
            bench.ack(1);
            bench.ack(0);
        }
    }
    assert_eq!(bench.kept_in_memory, 0);
    assert_eq!(said.last().unwrap().1, bench.next);
    let mut random = 1_u64;
    for state in 0..=bench.disk.states() {
        let before = said
            .iter()
            .rev()
            .find(|(operations, ..)| *operations <= state);
        let (durable, ..) =
            before.map_or((0, &bench.acked), |(_, durable, acked)| (*durable, acked));
        for luck in 0..4 {
            let found = bench.recovered(state, || match luck {
                0 => false,
                1 => true,
                _ => {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    random >> 63 == 0
                }
            });
            for number in 0..durable {
                // It may have been acknowledged since.
                assert!(
                    found.contains(&number) || bench.acked.contains(&number),
                    "{number} of {durable} is lost before operation {state}, luck {luck}"
                );
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "watches the clock")]
fn a_full_disk_and_its_recovery_are_reported_once() {
    let mut bench = Bench::new(Durability::ProcessCrash);
    bench.disk.fail_after(0, Op::Create);
    for _ in 0..300 {
        bench.append();
        bench.recorder.maintain(&never());
    }
    assert!(bench.kept_in_memory > 100, "{}", bench.kept_in_memory);
    // At the first failure a segment was left; the next attempt is a second later.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    bench.recorder.maintain(&never());
    assert!(bench.recorder.failing().is_some());
    // Once a second, not for every span.
    assert!(
        (1..5).contains(&bench.disk.failed()),
        "{}",
        bench.disk.failed()
    );
    bench.disk.repair();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    bench.recorder.maintain(&never());
    let before = bench.kept_in_memory;
    bench.append();
    assert_eq!(bench.kept_in_memory, before);
    assert_eq!(bench.recorder.failing(), None);
    let events = bench.events.lock().unwrap().clone();
    assert!(
        matches!(
            &*events,
            [
                PipelineEvent::RecorderFailing { .. },
                PipelineEvent::RecorderRecovered
            ]
        ),
        "{events:?}"
    );
}

#[test]
fn a_segment_is_not_written_after_a_failed_sync() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.append();
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(1), 1);
    bench.append();
    bench.disk.fail_after(0, Op::Sync);
    bench.recorder.maintain(&never());
    bench.disk.repair();
    assert!(bench.recorder.failing().unwrap().starts_with("the disk: "));
    // Unsynced spans never count as durable.
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(2), 1);
    // New spans go to another segment.
    bench.append();
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(3), 2);
    assert_eq!(bench.kept_in_memory, 0);
    // The poisoned segment's spans are still exported.
    bench.hand_over();
    let (part, spans) = &bench.waiting[0];
    assert_eq!(bench.read(part), *spans);
    assert!(bench.has_failed_and_recovered_once());
}

/// A thread has returned its segment before the disk failed.
#[test]
fn a_segment_with_a_failed_sync_is_not_handed_out() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.append();
    bench.recorder.maintain(&never());
    bench.append();
    bench.put_back();
    bench.disk.fail_after(0, Op::Sync);
    bench.recorder.maintain(&never());
    bench.disk.repair();
    bench.append();
    bench.recorder.maintain(&never());
    assert_eq!(bench.kept_in_memory, 0);
    assert_eq!(bench.recorder.durable(3), 2);
    // Also when it is emptied for new spans.
    let recorder = Arc::get_mut(&mut bench.recorder).unwrap();
    recorder.set_when_full(WhenFull::DropOldest);
    for _ in 0..500 {
        bench.append();
        bench.recorder.maintain(&never());
    }
    assert_eq!(bench.kept_in_memory, 0);
}

/// The file of scopes exists once per run, so it is written again.
#[test]
fn spans_are_durable_only_with_their_scopes() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.disk.fail_after(0, Op::Sync);
    bench.append();
    bench.recorder.maintain(&never());
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(1), 0);
    bench.disk.repair();
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(1), 1);
    assert!(bench.has_failed_and_recovered_once());
}

#[test]
fn unreadable_spans_keep_their_file() {
    for is_read in [false, true] {
        let mut bench = Bench::new(Durability::ProcessCrash);
        (0..10).for_each(|_| bench.append());
        bench.hand_over();
        (0..10).for_each(|_| bench.append());
        bench.hand_over();
        if is_read {
            bench.ack(0);
        }
        bench.ack(bench.waiting.len() - 1);
        super::storage::Storage::sync(&bench.disk).unwrap();
        // The counts contain no waiting spans: unreadable spans were given up.
        bench.recorder.close(true, std::time::Duration::ZERO);
        let found = bench.recovered(usize::MAX, || true);
        assert_eq!(found.len(), if is_read { 0 } else { 20 });
    }
}

/// While the disk blocks, spans are written, handed over, read and acknowledged.
#[test]
fn a_slow_disk_blocks_only_the_recorders_thread() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.append();
    let (begins, ends, thread) = bench.maintain_with_blocked_syncs();
    // From here on the disk blocks the recorder's thread.
    begins.recv().unwrap();
    for _ in 0..50 {
        bench.append();
        bench.hand_over();
    }
    assert!(bench.waiting.len() + bench.kept_in_memory as usize >= 50);
    while !bench.waiting.is_empty() {
        bench.ack(0);
    }
    assert_eq!(bench.acked.len() as u64 + bench.kept_in_memory, 51);
    // None of the spans is durable yet.
    assert_eq!(bench.recorder.durable(bench.next), 0);
    assert!(!thread.is_finished());
    drop(ends);
    thread.join().unwrap();
    assert!(bench.recorder.durable(bench.next) > 0);
}

/// A scope added during a sync must be synced before its spans count as durable.
#[test]
fn a_scope_added_during_a_sync_is_synced() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.append();
    let (begins, ends, thread) = bench.maintain_with_blocked_syncs();
    begins.recv().unwrap();
    bench.scope = Arc::new(EncodedScope::of(b"another".to_vec(), String::new()));
    bench.append();
    // First the scopes are synced, then the segment with both spans.
    for _ in 0..2 {
        ends.send(()).unwrap();
        begins.recv().unwrap();
        assert_eq!(bench.recorder.durable(bench.next), 0);
    }
    drop(ends);
    thread.join().unwrap();
    assert_eq!(bench.recorder.durable(bench.next), 2);
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn drop_oldest_drops_the_oldest_spans() {
    let mut bench = Bench::new(Durability::ProcessCrash);
    // As in `Shared::evict`.
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::get_mut(&mut bench.recorder).unwrap();
    recorder.set_when_full(WhenFull::DropOldest);
    let queue: Arc<Mutex<Vec<Waiting>>> = Arc::default();
    let evict: Evict = {
        let (queue, dropped) = (Arc::clone(&queue), Arc::clone(&dropped));
        Box::new(move |pick| {
            let mut spans = 0;
            queue.lock().unwrap().retain(|(part, numbers)| {
                let is_picked = pick(part);
                if is_picked {
                    spans += part.spans() as u64;
                    dropped.lock().unwrap().extend(numbers.iter().copied());
                    part.ack(0, DESTINATION);
                }
                !is_picked
            });
            spans
        })
    };
    for _ in 0..100 {
        for _ in 0..10 {
            bench.append();
        }
        bench.hand_over();
        queue.lock().unwrap().append(&mut bench.waiting);
        bench.recorder.maintain(&evict);
    }
    assert_eq!(bench.kept_in_memory, 0);
    // Reported once, and by the health check while it lasts.
    assert!(matches!(
        bench.events.lock().unwrap()[..],
        [PipelineEvent::RecorderFull { max_bytes: SMALL }]
    ));
    assert!(bench.recorder.failing().unwrap().contains("full"));
    let dropped = dropped.lock().unwrap().clone();
    assert!(dropped.len() > 800, "{}", dropped.len());
    let oldest: Vec<u64> = (0..dropped.len() as u64).collect();
    assert_eq!(dropped, oldest);
    let left: Vec<_> = std::mem::take(&mut *queue.lock().unwrap());
    let mut next = dropped.len() as u64;
    for (part, _) in &left {
        for number in bench.read(part) {
            assert_eq!(number, next);
            next += 1;
        }
    }
    assert_eq!(next, 1000);
}

#[test]
fn open_calls_are_limited_by_their_slots() {
    let bench = Bench::new(Durability::ProcessCrash);
    let mut thread_slots = FreeSlots::default();
    let note = |thread_slots: &mut FreeSlots| {
        bench
            .recorder
            .note(thread_slots, &bench.scope, b"\x12\x01x", 3)
    };
    let slots: Vec<_> = (0..=SLOTS).map(|_| note(&mut thread_slots)).collect();
    assert_eq!(slots.iter().flatten().count(), SLOTS);
    assert_eq!(bench.recorder.unnoted(), 1);
    for slot in slots.into_iter().flatten() {
        bench.recorder.release(&mut thread_slots, slot);
    }
    assert!((0..SLOTS).all(|_| note(&mut thread_slots).is_some()));
}
