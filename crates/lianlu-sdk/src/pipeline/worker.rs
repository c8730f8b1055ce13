//! The thread that exports to one destination.

use std::any::Any;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::Context;

use super::backoff::Backoff;
use super::component::class_of;
use super::destination::Destination;
use super::event::PipelineEvent;
use super::item::Item;
use super::run::{Run, envelope_len, next_batch};
use super::shared::{Shared, Wait};
use crate::export::batch::Batch;
use crate::export::{Export, Failure, Retry};
use crate::flight_recorder::Rejected;

/// Maximum size of a batch: a gRPC server accepts requests of 4 MiB by default.
const MAX_BATCH_BYTES: usize = 3 * 1024 * 1024 + 512 * 1024;

/// The class of an exporter's panic.
const PANIC: &str = "panic";

/// Runs until the shutdown. A batch that the collector does not accept is kept and retried with
/// growing delays. If the exporter panics, its batch is lost and the worker continues.
pub(super) fn run(
    shared: &Arc<Shared>,
    number: usize,
    exporter: Box<dyn Export>,
    rejected: Option<Arc<Rejected>>,
) {
    let _stop = StopOnDrop(shared, number);
    // Otherwise spans recorded by the exporter's own libraries would be exported in turn,
    // endlessly.
    let _suppressed = Context::enter_telemetry_suppressed_scope();
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
            ignore_panics(|| sender.exporter.flush());
        }
        if let Some(asked) = turn.flush {
            shared.flushed(number, asked);
        }
        if is_end {
            break;
        }
        if is_drained {
            if turn.flush.is_none() {
                ignore_panics(|| sender.exporter.idle());
            }
            continue;
        }
        let now = Instant::now();
        let is_timed_out = turn.stop_at.is_some_and(|at| at <= now);
        if turn.is_urgent && !sender.backoff.is_requested() {
            wait.retry_at = None;
        }
        if wait.retry_at.is_some_and(|at| at > now) {
            if is_timed_out {
                break;
            }
            continue;
        }
        wait.retry_at = sender.send_next();
        if sender.has_sent_all() {
            ignore_panics(|| sender.exporter.idle());
        }
        // After the timeout, accepted batches are followed by the next one; the first that is not
        // accepted ends the worker.
        if is_timed_out && wait.retry_at.is_some() {
            break;
        }
    }
    ignore_panics(|| drop(sender));
}

/// The state of one worker.
struct Sender<'a> {
    shared: &'a Arc<Shared>,
    number: usize,
    exporter: Box<dyn Export>,
    /// Items taken from the queue, each with its number of unsettled spans.
    unsettled: VecDeque<(Arc<Item>, usize)>,
    /// The spans of these items, except those in `pending`.
    runs: VecDeque<Run>,
    /// A batch that was sent but not accepted.
    pending: Option<Batch>,
    /// When the batch was sent first, and why its last attempt failed.
    sent_at: Instant,
    retry_class: Cow<'static, str>,
    backoff: Backoff,
    buffer: Vec<u8>,
    rejected: Option<Arc<Rejected>>,
    /// Consecutive losses, and whether a batch is being retried: reported when that begins and when
    /// it ends.
    consecutive_losses: u64,
    is_retrying: bool,
    /// The first attempt of `pending` that was not accepted.
    retrying_since: Option<Instant>,
    /// If the longest time of `pending` ends before its next attempt: the time of that attempt, and
    /// why the last one failed.
    exhausted: Option<(Instant, String)>,
    /// The last warning of the collector.
    warning: String,
}

/// The outcome of an attempt.
enum Outcome {
    Accepted,
    Lost {
        spans: usize,
        reason: String,
        class: Cow<'static, str>,
    },
    Retry(Retry, String),
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
            unsettled: VecDeque::new(),
            runs: VecDeque::new(),
            pending: None,
            sent_at: Instant::now(),
            retry_class: Cow::Borrowed(""),
            backoff: Backoff::new(&shared.limits),
            buffer: Vec::new(),
            rejected,
            consecutive_losses: 0,
            is_retrying: false,
            retrying_since: None,
            exhausted: None,
            warning: String::new(),
        }
    }

    /// The number of the oldest item with spans in `pending` or `runs`.
    fn in_hand(&self) -> Option<u64> {
        self.unsettled.front().map(|(item, _)| item.number)
    }

    /// Whether everything that was handed over so far is settled.
    fn has_sent_all(&self) -> bool {
        self.unsettled.is_empty() && !self.shared.lock().has_queue(self.number)
    }

    fn with_counts(&self, change: impl FnOnce(&mut Destination)) {
        let mut state = self.shared.lock();
        if let Some(destination) = state.destinations.get_mut(self.number) {
            change(destination);
        }
    }

    /// Sends a batch, or gives it up; returns the time of the next attempt if it was not accepted.
    fn send_next(&mut self) -> Option<Instant> {
        let batch = match self.pending.take() {
            Some(batch) => batch,
            None => {
                let batch = self.fill_batch()?;
                self.sent_at = Instant::now();
                self.with_counts(|it| it.submit(batch.len()));
                batch
            }
        };
        if let Some((paused_until, reason)) = self.exhausted.take() {
            self.give_up(batch, reason);
            return Some(paused_until);
        }
        match self.attempt(&batch) {
            Outcome::Accepted => {
                self.backoff.reset();
                self.settle(batch, 0, String::new(), Cow::Borrowed(""));
                None
            }
            Outcome::Lost {
                spans,
                reason,
                class,
            } => {
                self.backoff.reset();
                self.settle(batch, spans, reason, class);
                None
            }
            Outcome::Retry(retry, reason) => {
                if !self.is_retrying {
                    self.is_retrying = true;
                    self.announce(PipelineEvent::ExportRetrying {
                        reason: reason.clone(),
                    });
                }
                let retry_at = self.backoff.retry_at(retry);
                let since = *self.retrying_since.get_or_insert_with(Instant::now);
                let longest = self.shared.limits.longest_retry;
                let end = longest.and_then(|longest| since.checked_add(longest));
                let end = end.filter(|end| *end <= retry_at);
                if end.is_some_and(|end| end <= Instant::now()) {
                    self.give_up(batch, reason);
                    return Some(retry_at);
                }
                self.with_counts(|it| it.failing = Some(reason.clone()));
                self.pending = Some(batch);
                // Before the time that a collector asks for, there is no last attempt.
                if end.is_some() && self.backoff.is_requested() {
                    self.exhausted = Some((retry_at, reason));
                }
                Some(end.unwrap_or(retry_at))
            }
        }
    }

    /// Gives up a batch that was retried for the longest time. The delay between attempts stays: it
    /// is the collector's, not the batch's.
    fn give_up(&mut self, batch: Batch, reason: String) {
        let longest = self.shared.limits.longest_retry.unwrap_or_default();
        let reason = format!("given up after retries for {longest:?}: {reason}");
        let lost = batch.len();
        let reason = self.save_rejected(&batch, lost, reason);
        let class = std::mem::take(&mut self.retry_class);
        self.settle(batch, lost, reason, class);
    }

    fn attempt(&mut self, batch: &Batch) -> Outcome {
        let exporter = &mut self.exporter;
        let lost = match catch_unwind(AssertUnwindSafe(|| exporter.export(batch))) {
            Ok(Ok(())) => return Outcome::Accepted,
            Ok(Err(Failure {
                retry: Some(retry),
                reason,
                error_type,
                ..
            })) => {
                self.retry_class = class_of(error_type);
                return Outcome::Retry(retry, reason);
            }
            Ok(Err(failure)) => (failure.lost, failure.reason, class_of(failure.error_type)),
            Err(panic) => (batch.len(), panic_text(&*panic), Cow::Borrowed(PANIC)),
        };
        match lost {
            (0, warning, _) => {
                self.warn(warning);
                Outcome::Accepted
            }
            (lost, reason, class) => Outcome::Lost {
                spans: lost.min(batch.len()),
                reason: self.save_rejected(batch, lost, reason),
                class,
            },
        }
    }

    /// Saves a batch that was rejected as a whole, for inspection.
    fn save_rejected(&self, batch: &Batch, lost: usize, reason: String) -> String {
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

    /// Settles a batch of which `lost` spans are lost.
    fn settle(&mut self, batch: Batch, lost: usize, reason: String, class: Cow<'static, str>) {
        self.measure((lost > 0).then(|| class.clone()));
        self.retrying_since = None;
        let count = batch.len();
        for buffer in batch.into_buffers() {
            self.shared.budget.recycle(buffer);
        }
        self.report_losses(lost as u64, &reason);
        self.with_counts(|it| {
            it.exported += (count - lost) as u64;
            it.exporter.inflight -= count as u64;
            it.failing = None;
            if lost > 0 {
                let panicked = class == PANIC;
                it.fail(lost, class);
                match panicked {
                    true => it.dropped.exporter_panicked += lost as u64,
                    false => it.dropped.export_failed += lost as u64,
                }
                it.last_failure.clone_from(&reason);
                it.failing = Some(reason);
            }
        });
        self.settle_spans(count);
    }

    /// Measures the export that ends now.
    fn measure(&self, failure: Option<Cow<'static, str>>) {
        let state = self.shared.lock();
        let destination = state.destinations.get(self.number);
        let names = destination.map(|it| Arc::clone(&it.names));
        drop(state);
        if let Some(names) = names {
            let attributes = names.operation(failure);
            self.shared.measure(self.sent_at.elapsed(), &attributes);
        }
    }

    /// Settles this many spans; acknowledges items without unsettled spans.
    fn settle_spans(&mut self, mut spans: usize) {
        while let Some((item, left)) = self.unsettled.front_mut() {
            let settled = spans.min(*left);
            spans -= settled;
            *left -= settled;
            if *left > 0 {
                break;
            }
            item.ack(self.number);
            item.end_sending();
            self.unsettled.pop_front();
            self.shared.settled();
        }
    }

    /// The next batch, from items already taken and queued ones.
    fn fill_batch(&mut self) -> Option<Batch> {
        let most = self.shared.limits.batch_size;
        let mut spans: usize = self.runs.iter().map(|run| run.spans).sum();
        while spans < most {
            let next = {
                let mut state = self.shared.lock();
                let queue = &mut state.destinations.get_mut(self.number)?.queue;
                // Items are acknowledged as a whole: an item split over two batches would be sent
                // twice after a crash in between.
                let fits = |item: &Arc<Item>| spans == 0 || spans + item.spans() <= most;
                let next = queue.front().is_some_and(fits).then(|| queue.pop_front());
                let next = next.flatten();
                if let Some(item) = &next {
                    item.begin_sending();
                }
                next
            };
            let Some(item) = next else { break };
            spans += self.take_item(item);
        }
        let largest = self.exporter.max_request_size();
        let most_bytes = largest.saturating_sub(envelope_len(&self.runs));
        next_batch(&mut self.runs, most, most_bytes.min(MAX_BATCH_BYTES))
    }

    /// Reads an item taken from the queue; returns its number of spans.
    fn take_item(&mut self, item: Arc<Item>) -> usize {
        let resource = self.shared.resource();
        let runs = match item.runs(&resource, &mut self.buffer) {
            Ok(runs) => runs,
            Err(_) if item.is_evicted() => Vec::new(),
            Err(error) => {
                let problem = format!("{error}; they are left for the next start");
                self.count_recorder_failed(item.spans(), &problem);
                item.leave_unread(self.number);
                item.end_sending();
                return 0;
            }
        };
        let spans: usize = runs.iter().map(|run| run.spans).sum();
        let missing = item.spans().saturating_sub(spans);
        if item.is_evicted() {
            self.with_counts(|it| it.count_evicted(missing as u64));
        } else if missing > 0 {
            self.count_recorder_failed(missing, "records in its file were damaged");
        }
        self.runs.extend(runs);
        self.unsettled.push_back((item, spans));
        // An empty item is acknowledged right away.
        self.settle_spans(0);
        spans
    }

    fn count_recorder_failed(&mut self, spans: usize, problem: &str) {
        let reason = format!("the flight recorder did not give spans back: {problem}");
        self.report_losses(spans as u64, &reason);
        self.with_counts(|it| {
            it.dropped.recorder_failed += spans as u64;
            it.last_failure = reason;
        });
    }

    fn warn(&mut self, message: String) {
        if self.warning != message {
            self.warning.clone_from(&message);
            self.announce(PipelineEvent::CollectorWarns { message });
        }
    }

    fn report_losses(&mut self, lost: u64, reason: &str) {
        if lost > 0 {
            if self.consecutive_losses == 0 {
                self.announce(PipelineEvent::ExportFailing {
                    reason: reason.to_owned(),
                });
            }
            self.consecutive_losses += lost;
        } else if self.consecutive_losses > 0 || self.is_retrying {
            let lost = std::mem::take(&mut self.consecutive_losses);
            self.is_retrying = false;
            self.announce(PipelineEvent::ExportRecovered { lost });
        }
    }

    fn announce(&self, event: PipelineEvent) {
        self.shared.announce(&event);
    }
}

/// Spans of taken items wait on disk, or are lost.
impl Drop for Sender<'_> {
    fn drop(&mut self) {
        let unsettled = std::mem::take(&mut self.unsettled);
        let unreported = unsettled
            .iter()
            .any(|(item, left)| *left > 0 && !item.is_on_disk());
        if unreported && self.consecutive_losses == 0 {
            let state = self.shared.lock();
            let destination = state.destinations.get(self.number);
            let reason = destination.and_then(|destination| destination.failing.clone());
            drop(state);
            let reason = reason.unwrap_or_default();
            self.announce(PipelineEvent::ExportFailing { reason });
        }
        let mut pending = self.pending.as_ref().map_or(0, Batch::len);
        let class = std::mem::take(&mut self.retry_class);
        if pending > 0 {
            self.measure(Some(class.clone()));
        }
        self.with_counts(|it| {
            if let Some(reason) = &it.failing {
                it.last_failure.clone_from(reason);
            }
            let mut failed = 0;
            for (item, left) in unsettled {
                let submitted = left.min(pending);
                pending -= submitted;
                // On disk they wait for the next start.
                if !item.is_on_disk() {
                    failed += submitted;
                }
                it.give_up(&item, left);
                item.end_sending();
            }
            it.exporter.given_up += failed as u64;
            it.exporter.inflight -= failed as u64;
            it.fail(failed, class);
        });
    }
}

/// Marks a worker as stopped, however it ends.
struct StopOnDrop<'a>(&'a Shared, usize);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stopped(self.1);
    }
}

/// Ignores a panic: there is no batch to lose.
fn ignore_panics(run: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(run));
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the exporter panicked: {}", text.unwrap_or("no message"))
}
