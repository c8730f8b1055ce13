//! A destination of spans: its queue and its counts. Items taken from the queue are owned by the
//! worker.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::component::{ExporterCounts, Names};
use super::counts::{DestinationCounts, DropCounts, SpanCounts};
use super::item::Item;
use crate::export::Component;
use crate::flight_recorder::Part;

#[derive(Debug)]
pub(super) struct Destination {
    name: String,
    pub(super) queue: VecDeque<Arc<Item>>,
    pub(super) flush_done: u64,
    pub(super) exported: u64,
    pub(super) dropped: DropCounts,
    /// The reason of the most recent loss.
    pub(super) last_failure: String,
    /// The reason of the last failed attempt; `None` if the last attempt succeeded.
    pub(super) failing: Option<String>,
    pub(super) names: Arc<Names>,
    pub(super) exporter: ExporterCounts,
    is_stopped: bool,
}

impl Destination {
    pub(super) fn new(name: String, component: Component) -> Self {
        Self {
            name,
            queue: VecDeque::new(),
            flush_done: 0,
            exported: 0,
            dropped: DropCounts::default(),
            last_failure: String::new(),
            failing: None,
            names: Arc::new(Names::new(component)),
            exporter: ExporterCounts::default(),
            is_stopped: false,
        }
    }

    /// Queues an item, or counts it immediately if this destination has it already or has stopped.
    pub(super) fn push(&mut self, number: usize, item: &Arc<Item>) {
        if !item.is_for(number) {
            self.exported += item.spans() as u64;
            self.exporter.submitted += item.spans() as u64;
        } else if self.is_stopped {
            self.give_up(item, item.spans());
        } else {
            self.queue.push_back(Arc::clone(item));
        }
    }

    /// Counts spans of an item that this process will not send. Items on disk wait for the next
    /// process.
    pub(super) fn give_up(&mut self, item: &Item, spans: usize) {
        if !item.is_on_disk() {
            self.dropped.given_up += spans as u64;
        }
    }

    /// Counts a batch that is handed to the exporter.
    pub(super) fn submit(&mut self, spans: usize) {
        self.exporter.submitted += spans as u64;
        self.exporter.inflight += spans as u64;
    }

    /// Counts submitted spans that will not be sent again, with the class of their failure.
    pub(super) fn fail(&mut self, spans: usize, class: Cow<'static, str>) {
        if spans > 0 {
            *self.exporter.failed.entry(class).or_default() += spans as u64;
        }
    }

    /// Drops the selected parts.
    pub(super) fn evict(&mut self, number: usize, pick: &dyn Fn(&Part) -> bool) -> u64 {
        let mut spans = 0;
        self.queue.retain(|item| {
            let is_picked = item.is_part(pick);
            if is_picked {
                spans += item.spans() as u64;
                item.ack(number);
            }
            !is_picked
        });
        self.count_evicted(spans);
        spans
    }

    /// Counts spans that the recorder dropped to free space.
    pub(super) fn count_evicted(&mut self, spans: u64) {
        if spans > 0 {
            self.dropped.recorder_full += spans;
            "the flight recorder was full".clone_into(&mut self.last_failure);
        }
    }

    pub(super) fn oldest_in_memory(&self) -> Option<&Arc<Item>> {
        self.queue.iter().find(|item| !item.is_on_disk())
    }

    /// Drops an item, if it is queued, in favour of newer items that other destinations can send.
    pub(super) fn drop_item(&mut self, item: &Arc<Item>) {
        if let Some(at) = self.queue.iter().position(|it| Arc::ptr_eq(it, item)) {
            self.queue.remove(at);
            self.dropped.queue_full += item.spans() as u64;
            "the queue was full".clone_into(&mut self.last_failure);
        }
    }

    /// Stops the destination; gives up everything queued.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
        for item in std::mem::take(&mut self.queue) {
            self.give_up(&item, item.spans());
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Number of lost spans.
    pub(super) fn lost(&self) -> u64 {
        self.dropped.total()
    }

    /// The destination's own counts.
    pub(super) fn snapshot(&self) -> DestinationCounts {
        DestinationCounts {
            name: self.name.clone(),
            counts: SpanCounts {
                exported: self.exported,
                dropped: self.dropped,
                ..SpanCounts::default()
            },
            failing: self.failing.clone(),
            names: Arc::clone(&self.names),
            exporter: self.exporter.clone(),
        }
    }
}
