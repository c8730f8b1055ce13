//! The thread that exports to one destination.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::Context;

use super::backoff::Backoff;
use super::destination::Destination;
use super::item::Item;
use super::notice::PipelineEvent;
use super::run::{Run, next_batch};
use super::shared::{Shared, Wait};
use crate::export::batch::Batch;
use crate::export::{Export, Failure, Retry};
use crate::flight_recorder::Rejected;

/// The most bytes of one batch: a gRPC server takes requests of 4 MiB by default.
const MOST_BYTES: usize = 3 * 1024 * 1024 + 512 * 1024;

/// Runs until the shutdown. A batch that the collector does not take is kept, and sent again until it does, in growing
/// intervals. An exporter that panics loses its batch and goes on with the next.
pub(super) fn run(
    shared: &Arc<Shared>,
    number: usize,
    exporter: Box<dyn Export>,
    rejected: Option<Arc<Rejected>>,
) {
    let _farewell = Farewell(shared, number);
    // What the exporter's own libraries record would be exported in turn, without end.
    let _silent = Context::enter_telemetry_suppressed_scope();
    let mut sender = Sender::new(shared, number, exporter, rejected);
    let mut wait = Wait::new(&shared.limits);
    loop {
        wait.in_hand = sender.in_hand();
        let turn = shared.next(number, &mut wait);
        let is_drained = turn.is_empty && wait.in_hand.is_none();
        let is_end = is_drained && turn.stop_at.is_some();
        if is_drained {
            shared.drained();
        }
        if turn.flush.is_some() || is_end {
            quietly(|| sender.exporter.flush());
        }
        if let Some(asked) = turn.flush {
            shared.flushed(number, asked);
        }
        if is_end {
            break;
        }
        if is_drained {
            if turn.flush.is_none() {
                quietly(|| sender.exporter.idle());
            }
            continue;
        }
        let now = Instant::now();
        let is_over = turn.stop_at.is_some_and(|at| at <= now);
        if turn.is_urgent && !sender.backoff.is_asked() {
            wait.retry_at = None;
        }
        if wait.retry_at.is_some_and(|at| at > now) {
            if is_over {
                break;
            }
            continue;
        }
        wait.retry_at = sender.step();
        // After its time a batch that is taken is followed by the next one, and one that isn't by the end.
        if is_over && wait.retry_at.is_some() {
            break;
        }
    }
    quietly(|| drop(sender));
}

/// What one worker has in hand.
struct Sender<'a> {
    shared: &'a Arc<Shared>,
    number: usize,
    exporter: Box<dyn Export>,
    /// What was taken out of the queue, with how many of its spans are not settled.
    ledger: VecDeque<(Arc<Item>, usize)>,
    /// The same as runs, but for those that are in the batch.
    runs: VecDeque<Run>,
    /// Sent, and not taken.
    kept: Option<Batch>,
    backoff: Backoff,
    buffer: Vec<u8>,
    rejected: Option<Arc<Rejected>>,
    /// Losses in a row, and whether the collector does not take what it is given: said when that begins and when it
    /// is over.
    lost_in_a_row: u64,
    is_retrying: bool,
    /// What the collector has warned of last.
    warning: String,
}

/// How an attempt went.
enum Outcome {
    Taken,
    Lost {
        spans: usize,
        reason: String,
        panicked: bool,
    },
    Later(Retry, String),
}

impl<'a> Sender<'a> {
    fn new(
        shared: &'a Arc<Shared>,
        number: usize,
        exporter: Box<dyn Export>,
        rejected: Option<Arc<Rejected>>,
    ) -> Self {
        Self {
            shared,
            number,
            exporter,
            ledger: VecDeque::new(),
            runs: VecDeque::new(),
            kept: None,
            backoff: Backoff::new(&shared.limits),
            buffer: Vec::new(),
            rejected,
            lost_in_a_row: 0,
            is_retrying: false,
            warning: String::new(),
        }
    }

    /// The number of the oldest item whose spans are in `kept` or `runs`.
    fn in_hand(&self) -> Option<u64> {
        self.ledger.front().map(|(item, _)| item.number)
    }

    fn with_counts(&self, change: impl FnOnce(&mut Destination)) {
        let mut state = self.shared.lock();
        if let Some(destination) = state.destinations.get_mut(self.number) {
            change(destination);
        }
    }

    /// Sends a batch, and gives when to try it again if it was not taken.
    fn step(&mut self) -> Option<Instant> {
        let batch = self.kept.take().or_else(|| self.cut())?;
        match self.attempt(&batch) {
            Outcome::Taken => {
                self.settle(batch, 0, String::new(), false);
                None
            }
            Outcome::Lost {
                spans,
                reason,
                panicked,
            } => {
                self.settle(batch, spans, reason, panicked);
                None
            }
            Outcome::Later(retry, reason) => {
                if !self.is_retrying {
                    self.is_retrying = true;
                    self.say(PipelineEvent::ExportRetrying {
                        reason: reason.clone(),
                    });
                }
                self.with_counts(|it| it.failing = Some(reason));
                self.kept = Some(batch);
                Some(self.backoff.retry_at(retry))
            }
        }
    }

    fn attempt(&mut self, batch: &Batch) -> Outcome {
        let exporter = &mut self.exporter;
        let lost = match catch_unwind(AssertUnwindSafe(|| exporter.export(batch))) {
            Ok(Ok(())) => return Outcome::Taken,
            Ok(Err(Failure {
                retry: Some(retry),
                reason,
                ..
            })) => return Outcome::Later(retry, reason),
            Ok(Err(Failure { lost, reason, .. })) => (lost, reason, false),
            Err(panic) => (batch.len(), panic_text(&*panic), true),
        };
        match lost {
            (0, warning, _) => {
                self.warn(warning);
                Outcome::Taken
            }
            (lost, reason, panicked) => Outcome::Lost {
                spans: lost.min(batch.len()),
                reason: self.set_aside(batch, lost, reason),
                panicked,
            },
        }
    }

    /// Keeps a batch that was refused as a whole where people can look at it.
    fn set_aside(&self, batch: &Batch, lost: usize, reason: String) -> String {
        match &self.rejected {
            Some(rejected) if lost >= batch.len() => {
                let mut request = Vec::new();
                batch.write_request(&mut request);
                match rejected.put(&request) {
                    Ok(Some(path)) => format!("{reason} (kept as {})", path.display()),
                    Ok(None) => reason,
                    Err(error) => format!("{reason} (not kept: {error})"),
                }
            }
            _ => reason,
        }
    }

    /// A batch is done with: `lost` of its spans are gone.
    fn settle(&mut self, batch: Batch, lost: usize, reason: String, panicked: bool) {
        self.backoff.reset();
        let count = batch.len();
        for buffer in batch.into_buffers() {
            self.shared.room.recycle(buffer);
        }
        self.note(lost as u64, &reason);
        self.with_counts(|it| {
            it.exported += (count - lost) as u64;
            it.failing = None;
            if lost > 0 {
                match panicked {
                    true => it.dropped.exporter_panicked += lost as u64,
                    false => it.dropped.export_failed += lost as u64,
                }
                it.last_failure.clone_from(&reason);
                it.failing = Some(reason);
            }
        });
        self.pass(count);
    }

    /// So many spans are settled: what has none left is acknowledged.
    fn pass(&mut self, mut spans: usize) {
        while let Some((item, left)) = self.ledger.front_mut() {
            let settled = spans.min(*left);
            spans -= settled;
            *left -= settled;
            if *left > 0 {
                break;
            }
            item.ack(self.number);
            item.leave();
            self.ledger.pop_front();
            self.shared.settled();
        }
    }

    /// The next batch, out of what is in hand and what waits.
    fn cut(&mut self) -> Option<Batch> {
        let most = self.shared.limits.batch_size;
        let mut spans: usize = self.runs.iter().map(|run| run.spans).sum();
        while spans < most {
            let next = {
                let mut state = self.shared.lock();
                let queue = &mut state.destinations.get_mut(self.number)?.queue;
                // What is acknowledged is an item: one in two batches would be sent twice after a crash between them.
                let fits = |item: &Arc<Item>| spans == 0 || spans + item.spans() <= most;
                let next = queue.front().is_some_and(fits).then(|| queue.pop_front());
                let next = next.flatten();
                if let Some(item) = &next {
                    item.begin();
                }
                next
            };
            let Some(item) = next else { break };
            spans += self.take(item);
        }
        next_batch(&mut self.runs, most, MOST_BYTES)
    }

    /// Takes an item in hand, and gives how many spans it has.
    fn take(&mut self, item: Arc<Item>) -> usize {
        let resource = self.shared.resource();
        let runs = match item.runs(&resource, &mut self.buffer) {
            Ok(runs) => runs,
            Err(_) if item.is_evicted() => Vec::new(),
            Err(error) => {
                let problem = format!("{error}; they are left for the next start");
                self.not_given_back(item.spans(), &problem);
                item.leave_unread(self.number);
                item.leave();
                return 0;
            }
        };
        let spans: usize = runs.iter().map(|run| run.spans).sum();
        let missing = item.spans().saturating_sub(spans);
        if item.is_evicted() {
            self.with_counts(|it| it.evicted(missing as u64));
        } else if missing > 0 {
            self.not_given_back(missing, "records in its file were damaged");
        }
        self.runs.extend(runs);
        self.ledger.push_back((item, spans));
        // Of one without spans nothing will be settled.
        self.pass(0);
        spans
    }

    fn not_given_back(&mut self, spans: usize, problem: &str) {
        let reason = format!("the flight recorder did not give spans back: {problem}");
        self.note(spans as u64, &reason);
        self.with_counts(|it| {
            it.dropped.recorder_failed += spans as u64;
            it.last_failure = reason;
        });
    }

    fn warn(&mut self, message: String) {
        if self.warning != message {
            self.warning.clone_from(&message);
            self.say(PipelineEvent::CollectorWarns { message });
        }
    }

    fn note(&mut self, lost: u64, reason: &str) {
        if lost > 0 {
            if self.lost_in_a_row == 0 {
                self.say(PipelineEvent::ExportFailing {
                    reason: reason.to_owned(),
                });
            }
            self.lost_in_a_row += lost;
        } else if self.lost_in_a_row > 0 || self.is_retrying {
            let lost = std::mem::take(&mut self.lost_in_a_row);
            self.is_retrying = false;
            self.say(PipelineEvent::ExportRecovered { lost });
        }
    }

    fn say(&self, notice: PipelineEvent) {
        self.shared.announce(&notice);
    }
}

/// What it has in hand waits on the disk, or is lost.
impl Drop for Sender<'_> {
    fn drop(&mut self) {
        let ledger = std::mem::take(&mut self.ledger);
        let unsaid = ledger
            .iter()
            .any(|(item, left)| *left > 0 && !item.is_on_disk());
        if unsaid && self.lost_in_a_row == 0 {
            let state = self.shared.lock();
            let destination = state.destinations.get(self.number);
            let reason = destination.and_then(|destination| destination.failing.clone());
            drop(state);
            let reason = reason.unwrap_or_default();
            self.say(PipelineEvent::ExportFailing { reason });
        }
        self.with_counts(|it| {
            if let Some(reason) = &it.failing {
                it.last_failure.clone_from(reason);
            }
            for (item, left) in ledger {
                it.give_up(&item, left);
                item.leave();
            }
        });
    }
}

/// Says that a worker is gone, however it went.
struct Farewell<'a>(&'a Shared, usize);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.0.stopped(self.1);
    }
}

/// A panic here has no batch to lose.
fn quietly(run: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(run));
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the exporter panicked: {}", text.unwrap_or("no message"))
}
