//! Traces as stable text.

use std::fmt::Write;
use std::net::Ipv4Addr;

use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId};
use opentelemetry::{KeyValue, Value};

use super::span::TestSpan;

/// The kind, after a name; nothing for an internal span.
pub(super) fn kind(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Server => " (server)",
        SpanKind::Client => " (client)",
        SpanKind::Producer => " (producer)",
        SpanKind::Consumer => " (consumer)",
        SpanKind::Internal => "",
    }
}

pub(super) fn render(spans: &[TestSpan], with_details: bool) -> String {
    let forest = Forest {
        spans,
        with_details,
    };
    let is_root = |span: &&TestSpan| !spans.iter().any(|parent| span.is_child_of(parent));
    forest.sorted(spans.iter().filter(is_root), "")
}

struct Forest<'a> {
    spans: &'a [TestSpan],
    with_details: bool,
}

impl<'a> Forest<'a> {
    fn sorted(&self, spans: impl Iterator<Item = &'a TestSpan>, indent: &str) -> String {
        let mut texts: Vec<_> = spans.map(|span| self.text(span, indent)).collect();
        texts.sort_unstable();
        texts.concat()
    }

    /// The span and those below it.
    fn text(&self, span: &TestSpan, indent: &str) -> String {
        let (name, kind) = (mask(&span.name), kind(&span.kind));
        let mut out = format!("{indent}{name}{kind}{}\n", note(span));
        if self.with_details {
            let links = span.links.iter().map(|link| self.link(link)).collect();
            let attributes = lines(&span.attributes);
            let event = |(name, attributes): &(String, Vec<KeyValue>)| {
                let mut event = vec![format!("event {}", mask(name))];
                event.extend(lines(attributes));
                event.join(", ")
            };
            let events = span.events.iter().map(event).collect();
            for mut lines in [links, attributes, events] {
                lines.sort_unstable();
                for line in lines {
                    let _ = writeln!(out, "{indent}| {line}");
                }
            }
        }
        let children = self.spans.iter().filter(|child| child.is_child_of(span));
        out + &self.sorted(children, &format!("{indent}  "))
    }

    fn link(&self, (trace, span): &(TraceId, SpanId)) -> String {
        let ids = |it: &TestSpan| (it.context.trace_id(), it.context.span_id());
        let mut spans = self.spans.iter();
        let linked = spans.find(|it| ids(it) == (*trace, *span));
        format!(
            "link to {}",
            linked.map_or("<id>".into(), |it| mask(&it.name))
        )
    }
}

/// The status, after the kind: `200`, `✗ NOT_FOUND: no such order`, `cancelled`.
fn note(span: &TestSpan) -> String {
    let code = [
        "rpc.response.status_code",
        "http.response.status_code",
        "error.type",
    ];
    let code = code.iter().find_map(|key| span.attribute(key));
    let mut note = match code {
        Some(code) => format!(" {}", code.as_str()),
        None => String::new(),
    };
    if let Status::Error { description } = &span.status {
        note.insert_str(0, " ✗");
        if !description.is_empty() {
            let _ = write!(note, ": {}", mask(description));
        }
    }
    if span.is_cancelled() {
        note.push_str(", cancelled");
    } else if span.is_unread() {
        note.push_str(", body never read");
    }
    note
}

/// `key: value`, masked.
fn lines(attributes: &[KeyValue]) -> Vec<String> {
    let line = |it: &KeyValue| {
        let key = it.key.as_str();
        let value = match &it.value {
            // What differs from run to run: ports, and what `tracing-opentelemetry` adds.
            Value::I64(_) if key.ends_with(".port") => "<port>".into(),
            Value::I64(_) if matches!(key, "thread.id" | "busy_ns" | "idle_ns") => "<n>".into(),
            value => mask(&value.as_str()),
        };
        format!("{key}: {value}")
    };
    attributes.iter().map(line).collect()
}

/// One line, with `<port>` after addresses and `<id>` for trace and span ids.
fn mask(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
        let end = end.unwrap_or(rest.len());
        let (word, after) = rest.split_at(if end == 0 { first.len_utf8() } else { end });
        let is_port = word.bytes().all(|byte| byte.is_ascii_digit()) && follows_host(&out);
        let is_hex = word
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match word {
            "\n" => out.push_str("\\n"),
            _ if is_port => out.push_str("<port>"),
            _ if is_hex && matches!(word.len(), 16 | 32) => out.push_str("<id>"),
            _ => out.push_str(word),
        }
        rest = after;
    }
    out
}

/// True for `…127.0.0.1:`, `…[::1]:`, `…localhost:` and `…://any.host:`.
fn follows_host(before: &str) -> bool {
    let Some(before) = before.strip_suffix(':') else {
        return false;
    };
    let at = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
    let (rest, host) = before.split_at(at.map_or(0, |at| at + 1));
    (host.is_empty() && rest.ends_with(']'))
        || host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok()
        || (!host.is_empty() && (rest.ends_with("://") || rest.ends_with('@')))
}
