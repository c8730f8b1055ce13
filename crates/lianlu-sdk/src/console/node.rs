//! What a tree keeps of a span.

use std::time::SystemTime;

use opentelemetry::Value;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: SpanId,
    pub(super) parent: SpanId,
    pub(super) service: String,
    pub(super) name: String,
    pub(super) is_client: bool,
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
    pub(super) is_error: bool,
    /// What went wrong or came back, in a few words.
    pub(super) note: String,
}

impl Node {
    pub(super) fn new(span: &SpanData, service: &str) -> Self {
        let is_error = matches!(span.status, Status::Error { .. });
        Self {
            id: span.span_context.span_id(),
            parent: span.parent_span_id,
            service: clean(service),
            name: clean(&span.name),
            is_client: matches!(span.span_kind, SpanKind::Client | SpanKind::Producer),
            start: span.start_time,
            end: span.end_time.max(span.start_time),
            is_error,
            note: clean(&note(span, is_error)),
        }
    }
}

/// `NOT_FOUND: no such item`, `404`, `cancelled`; nothing for a plain success.
fn note(span: &SpanData, is_error: bool) -> String {
    let value = |wanted: &str| {
        span.attributes
            .iter()
            .find(|attribute| attribute.key.as_str() == wanted)
            .map(|attribute| &attribute.value)
    };
    let cancelled = matches!(value("lianlu.cancelled"), Some(Value::Bool(true)));
    let code = ["rpc.response.status_code", "http.response.status_code"]
        .into_iter()
        .find_map(value)
        .map(|code| code.as_str().into_owned());
    let code = if is_error {
        code.or_else(|| value("error.type").map(|class| class.as_str().into_owned()))
    } else {
        code.filter(|code| code != "OK" && !code.starts_with('2'))
    };
    let description = match &span.status {
        Status::Error { description } => description.as_ref(),
        _ => "",
    };
    let mut note = if cancelled {
        "cancelled".to_owned()
    } else {
        code.unwrap_or_default()
    };
    if !description.is_empty() && description != note {
        if !note.is_empty() {
            note.push_str(": ");
        }
        note.push_str(description);
    }
    note
}

/// One line without control characters: a name or a message may hold a terminal's commands.
fn clean(text: &str) -> String {
    const MOST: usize = 120;
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(MOST + 1)
        .collect();
    if out.chars().count() > MOST {
        out.pop();
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn a_terminal_gets_no_commands() {
        assert_eq!(clean("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
        assert_eq!(clean(&"x".repeat(500)).chars().count(), 121);
    }
}
