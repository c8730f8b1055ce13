//! One voice for four pipelines that lose spans.

use std::fmt::Display;
use std::io::{Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};

/// Says a pipeline's notice, unless another has just said the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Announcer {
    last: Arc<Mutex<String>>,
}

impl Announcer {
    pub(super) fn say(&self, notice: &impl Display) {
        let text = notice.to_string();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != text {
            // Nobody left to tell if this fails.
            let _ = writeln!(stderr(), "{text}");
            *last = text;
        }
    }
}
