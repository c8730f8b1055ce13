//! The thread that exports.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::Context;

use super::notice::Notice;
use super::run::next_batch;
use super::shared::Shared;
use crate::export::{Export, Failure};

/// The most bytes of one batch: a gRPC server takes requests of 4 MiB by default.
const MOST_BYTES: usize = 3 * 1024 * 1024 + 512 * 1024;

/// Runs until the shutdown. An exporter that panics loses its batch and goes on with the next.
pub(super) fn run<E: Export>(shared: &Arc<Shared>, mut exporter: E) {
    let _farewell = Farewell(shared);
    // What the exporter's own libraries record would be exported in turn, without end.
    let _silent = Context::enter_telemetry_suppressed_scope();
    let mut losses = Losses::default();
    let limits = shared.limits;
    let mut deadline = Instant::now() + limits.schedule_delay;
    loop {
        let mut work = shared.next(deadline);
        let is_idle = work.runs.is_empty() && work.flush.is_none() && !work.stop;
        let resource = shared.resource();
        while let Some(batch) = next_batch(&mut work.runs, &resource, limits.batch_size, MOST_BYTES)
        {
            shared.taken(&batch);
            let result = catch_unwind(AssertUnwindSafe(|| exporter.export(&batch)));
            let lost = match result {
                Ok(Ok(())) => None,
                Ok(Err(Failure {
                    reason,
                    retry: Some(_),
                    ..
                })) => Some((batch.len() as u64, reason, false)),
                Ok(Err(Failure {
                    lost: 0, reason, ..
                })) => {
                    losses.warn(shared, reason);
                    None
                }
                Ok(Err(Failure { lost, reason, .. })) => Some((lost as u64, reason, false)),
                Err(panic) => Some((batch.len() as u64, panic_text(&*panic), true)),
            };
            losses.note(shared, lost.as_ref());
            shared.exported(&batch, lost);
            shared.recycle(batch);
        }
        shared.drained();
        if let Some(asked) = work.flush {
            quietly(|| exporter.flush());
            shared.flushed(asked);
        }
        if is_idle {
            quietly(|| exporter.idle());
        }
        if work.stop {
            break;
        }
        if deadline <= Instant::now() {
            deadline = Instant::now() + limits.schedule_delay;
        }
    }
    quietly(|| drop(exporter));
}

/// What the listener is told of an exporter.
#[derive(Default)]
struct Losses {
    /// Losses in a row, said when they begin and when they are over.
    in_a_row: u64,
    /// What the collector has warned of last.
    warning: String,
}

impl Losses {
    fn warn(&mut self, shared: &Shared, message: String) {
        if self.warning != message {
            self.warning.clone_from(&message);
            shared.announce(&Notice::CollectorWarns { message });
        }
    }

    fn note(&mut self, shared: &Shared, lost: Option<&(u64, String, bool)>) {
        match lost {
            Some((lost, reason, _)) => {
                if self.in_a_row == 0 {
                    shared.announce(&Notice::ExportFailing {
                        reason: reason.clone(),
                    });
                }
                self.in_a_row += lost;
            }
            None if self.in_a_row > 0 => {
                let lost = std::mem::take(&mut self.in_a_row);
                shared.announce(&Notice::ExportRecovered { lost });
            }
            None => {}
        }
    }
}

/// Says that the worker is gone, however it went.
struct Farewell<'a>(&'a Shared);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.0.stopped();
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
