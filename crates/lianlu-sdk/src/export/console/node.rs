//! The data of a span that a tree keeps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lianlu_wire::otlp::{AnyValue, ReadError, Span};
use opentelemetry::trace::SpanId;

use crate::export::transport::one_line::is_hidden;
use crate::export::value::text;

/// The [flag](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/trace/v1/trace.proto)
/// of a span whose parent is remote.
const IS_REMOTE: u32 = 0x200;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: SpanId,
    pub(super) parent: SpanId,
    /// The parent is a span of another process, or of another service in this one.
    pub(super) is_parent_remote: bool,
    pub(super) service: String,
    pub(super) name: String,
    pub(super) is_client: bool,
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
    pub(super) is_error: bool,
    /// A short status: the error or the response code.
    pub(super) note: String,
}

impl Node {
    pub(super) fn new(span: &Span<'_>, service: &str) -> Result<Self, ReadError> {
        let is_error = span.status.code == 2;
        Ok(Self {
            id: SpanId::from_bytes(span.span_id),
            parent: SpanId::from_bytes(span.parent_span_id),
            is_parent_remote: span.flags & IS_REMOTE != 0,
            service: clean(service),
            name: clean(span.name),
            // Client and producer.
            is_client: matches!(span.kind, 3 | 4),
            start: time(span.start_unix_nanos),
            end: time(span.end_unix_nanos.max(span.start_unix_nanos)),
            is_error,
            note: clean(&note(span, is_error)?),
        })
    }
}

fn time(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

/// `NOT_FOUND: no such item`, `404`, `cancelled`; empty for a success.
fn note(span: &Span<'_>, is_error: bool) -> Result<String, ReadError> {
    let (mut cancelled, mut grpc, mut http, mut class) = (false, None, None, None);
    for attribute in span.attributes() {
        let attribute = attribute?;
        let target = match attribute.key {
            "lianlu.cancelled" => {
                cancelled = attribute.value == AnyValue::Bool(true);
                continue;
            }
            "rpc.response.status_code" => &mut grpc,
            "http.response.status_code" => &mut http,
            "error.type" => &mut class,
            _ => continue,
        };
        *target = Some(text(attribute.value)?);
    }
    let code = grpc.or(http);
    let code = if is_error {
        code.or(class)
    } else {
        code.filter(|code| code != "OK" && !code.starts_with('2'))
    };
    let mut note = if cancelled {
        "cancelled".to_owned()
    } else {
        code.unwrap_or_default().into_owned()
    };
    let description = match is_error {
        true => span.status.message,
        false => "",
    };
    if !description.is_empty() && description != note {
        if !note.is_empty() {
            note.push_str(": ");
        }
        note.push_str(description);
    }
    Ok(note)
}

/// One line without control characters and marks that reorder the line: a name or message may
/// contain terminal escape sequences.
fn clean(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    let mut out: String = text
        .chars()
        .map(|c| if is_hidden(c) { '\u{fffd}' } else { c })
        .take(MAX_CHARS + 1)
        .collect();
    if out.chars().count() > MAX_CHARS {
        out.pop();
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn removes_terminal_escape_sequences() {
        assert_eq!(clean("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
        assert_eq!(
            clean("a\u{202e}b\u{2028}c\u{2067}"),
            "a\u{fffd}b\u{fffd}c\u{fffd}"
        );
        assert_eq!(clean(&"x".repeat(500)).chars().count(), 121);
    }
}
