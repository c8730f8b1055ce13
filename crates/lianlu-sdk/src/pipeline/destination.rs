//! One place that spans go to: its queue and its counts. What its worker has taken out of the queue is in the worker.

use std::collections::VecDeque;
use std::sync::Arc;

use super::counts::{DestinationCounts, DropCounts, SpanCounts};
use super::item::Item;
use crate::flight_recorder::Part;

#[derive(Debug)]
pub(super) struct Destination {
    name: String,
    pub(super) queue: VecDeque<Arc<Item>>,
    pub(super) flush_done: u64,
    pub(super) exported: u64,
    pub(super) dropped: DropCounts,
    /// Why spans were lost, the last time that some were.
    pub(super) last_failure: String,
    /// Why the last attempt has failed, if it has.
    pub(super) failing: Option<String>,
    is_stopped: bool,
}

impl Destination {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            queue: VecDeque::new(),
            flush_done: 0,
            exported: 0,
            dropped: DropCounts::default(),
            last_failure: String::new(),
            failing: None,
            is_stopped: false,
        }
    }

    /// Adds what waits, or counts it at once: where it has been before, or where nobody comes for it any more.
    pub(super) fn push(&mut self, number: usize, item: &Arc<Item>) {
        if !item.is_for(number) {
            self.exported += item.spans() as u64;
        } else if self.is_stopped {
            self.give_up(item, item.spans());
        } else {
            self.queue.push_back(Arc::clone(item));
        }
    }

    /// So many spans of an item are not sent by this process. On the disk they wait for the next.
    pub(super) fn give_up(&mut self, item: &Item, spans: usize) {
        if !item.is_on_disk() {
            self.dropped.given_up += spans as u64;
        }
    }

    /// Drops parts that this picks.
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
        self.evicted(spans);
        spans
    }

    /// The recorder has dropped so many to make room.
    pub(super) fn evicted(&mut self, spans: u64) {
        if spans > 0 {
            self.dropped.recorder_full += spans;
            "the flight recorder was full".clone_into(&mut self.last_failure);
        }
    }

    pub(super) fn oldest_in_memory(&self) -> Option<&Arc<Item>> {
        self.queue.iter().find(|item| !item.is_on_disk())
    }

    /// Drops an item, if it waits, for newer ones that others can send.
    pub(super) fn make_room(&mut self, item: &Arc<Item>) {
        if let Some(at) = self.queue.iter().position(|it| Arc::ptr_eq(it, item)) {
            self.queue.remove(at);
            self.dropped.queue_full += item.spans() as u64;
            "the queue was full".clone_into(&mut self.last_failure);
        }
    }

    /// Nobody takes from the queue any more.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
        for item in std::mem::take(&mut self.queue) {
            self.give_up(&item, item.spans());
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// What was lost on the way from here.
    pub(super) fn lost(&self) -> u64 {
        self.dropped.total()
    }

    /// What it knows of its spans.
    pub(super) fn seen(&self) -> DestinationCounts {
        DestinationCounts {
            name: self.name.clone(),
            counts: SpanCounts {
                exported: self.exported,
                dropped: self.dropped,
                ..SpanCounts::default()
            },
            failing: self.failing.clone(),
        }
    }
}
