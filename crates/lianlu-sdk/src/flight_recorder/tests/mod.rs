//! Tests of the recorder with failing disks and power loss.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use lianlu_wire::otlp::{SpanHead, put_span};
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use proptest::prelude::*;

mod disk_failures;
mod full;
mod power_loss;
mod random_steps;
mod slow_disk;

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
