//! The log of a scenario.

use std::io;
use std::sync::{Arc, Mutex};

use opentelemetry_sdk::trace::SpanData;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// Log lines, in memory.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The only JSON line with this message.
    pub fn named(&self, message: &str) -> Value {
        let text = self.text();
        let mut lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["fields"]["message"] == message);
        match (lines.next(), lines.next()) {
            (Some(line), None) => line,
            _ => panic!("not exactly one line {message:?} in {text}"),
        }
    }
}

impl io::Write for &Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Asserts that the line has this span's ids.
pub fn assert_in(line: &Value, span: &SpanData) {
    let context = &span.span_context;
    assert_eq!(line["trace_id"], context.trace_id().to_string(), "{line}");
    assert_eq!(line["span_id"], context.span_id().to_string(), "{line}");
    let flags = format!("{:02x}", context.trace_flags());
    assert_eq!(line["trace_flags"], flags, "{line}");
}

/// Asserts that the line has no ids.
pub fn assert_outside(line: &Value) {
    for key in ["trace_id", "span_id", "trace_flags"] {
        assert!(line.get(key).is_none(), "{line}");
    }
}
