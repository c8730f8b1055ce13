//! The thread that exports.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use opentelemetry::Context;

use super::notice::Notice;
use super::queue::{Shared, Work};
use crate::batch::Batch;
use crate::export::{Export, Failure};

/// Runs until the shutdown. An exporter that panics loses its batch and goes on with the next.
pub(super) fn run<E: Export>(shared: &Arc<Shared>, mut exporter: E) {
    let _farewell = Farewell(shared);
    // What the exporter's own libraries record would be exported in turn, without end.
    let _silent = Context::enter_telemetry_suppressed_scope();
    let mut lost_in_a_row = 0;
    loop {
        match shared.next() {
            Work::Export(spans) => {
                let batch = Batch::of(shared.resource(), &spans);
                let count = batch.len() as u64;
                let result = catch_unwind(AssertUnwindSafe(|| exporter.export(&batch)));
                let lost = match result {
                    Ok(Ok(()) | Err(Failure { lost: 0, .. })) => None,
                    Ok(Err(Failure { lost, reason })) => Some((lost as u64, reason, false)),
                    Err(panic) => Some((count, panic_text(&*panic), true)),
                };
                match &lost {
                    Some((lost, reason, _)) => {
                        if lost_in_a_row == 0 {
                            shared.announce(&Notice::ExportFailing {
                                reason: reason.clone(),
                            });
                        }
                        lost_in_a_row += lost;
                    }
                    None if lost_in_a_row > 0 => {
                        shared.announce(&Notice::ExportRecovered {
                            lost: std::mem::take(&mut lost_in_a_row),
                        });
                    }
                    None => {}
                }
                shared.exported(count, lost);
            }
            Work::Flush(asked) => {
                quietly(|| exporter.flush());
                shared.flushed(asked);
            }
            Work::Idle => quietly(|| exporter.idle()),
            Work::Stop => break,
        }
    }
    quietly(|| drop(exporter));
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
