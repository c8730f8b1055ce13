//! Prints the events of four pipelines once.

use std::fmt::Display;
use std::io::{Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};

/// Prints an event, unless it is the same as the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct Announcer {
    last: Arc<Mutex<String>>,
}

impl Announcer {
    pub(super) fn print(&self, event: &impl Display) {
        let text = event.to_string();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != text {
            // A failure to write is ignored.
            let _ = writeln!(stderr(), "{text}");
            *last = text;
        }
    }
}
