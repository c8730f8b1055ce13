//! Renders a trace as text.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::TraceId;

use super::node::Node;
use super::trace::{Trace, order};

const BAR_WIDTH: usize = 24;
/// Longer names shift their own bar to the right.
const MAX_NAME_WIDTH: usize = 60;

const RED: &str = "31";
const BOLD: &str = "1";
const DIM: &str = "2";
/// Readable on light and dark backgrounds; no red.
const SERVICE_COLOURS: [&str; 5] = ["36", "33", "35", "34", "32"];

/// Renders the whole trace, followed by an empty line.
pub(super) fn render(id: TraceId, trace: Trace, colour: bool) -> String {
    let paint = Paint(colour);
    let Trace { nodes, omitted, .. } = trace;
    let begin = nodes.iter().map(|node| node.start).min();
    let end = nodes.iter().map(|node| node.end).max();
    let (Some(begin), Some(end)) = (begin, end) else {
        return String::new();
    };
    let total = end.duration_since(begin).unwrap_or_default();
    let errors = nodes.iter().filter(|node| node.is_error).count();

    let mut out = String::new();
    let count = nodes.len() + omitted;
    let plural = if count == 1 { "" } else { "s" };
    out.push_str(&paint.with(BOLD, &format!("trace {id}")));
    let _ = write!(out, " · {count} span{plural} · {}", length(total));
    if errors > 0 {
        let plural = if errors == 1 { "" } else { "s" };
        out.push_str(" · ");
        out.push_str(&paint.with(RED, &format!("{errors} error{plural}")));
    }
    out.push('\n');

    let lines = order(&nodes);
    let rows: Vec<_> = lines
        .iter()
        .filter_map(|line| Some((marks(&line.more), nodes.get(line.index)?)))
        .collect();
    let width = rows
        .iter()
        .map(|(marks, node)| marks.chars().count() + label_width(node))
        .filter(|width| *width <= MAX_NAME_WIDTH)
        .max()
        .unwrap_or_default();
    let services = services(&nodes);
    for (marks, node) in rows {
        let padding = width.saturating_sub(marks.chars().count() + label_width(node));
        let position = services.iter().position(|name| *name == node.service);
        let hue =
            position.and_then(|position| SERVICE_COLOURS.get(position % SERVICE_COLOURS.len()));
        out.push_str(&paint.with(DIM, &marks));
        out.push_str(&paint.with(hue.copied().unwrap_or(DIM), &node.service));
        let _ = write!(out, "  {}", node.name);
        if node.is_client {
            out.push_str(" →");
        }
        out.extend(std::iter::repeat_n(' ', padding + 2));
        let bar = bar(node, begin, total);
        let tint = if node.is_error {
            RED
        } else {
            hue.copied().unwrap_or(DIM)
        };
        let _ = write!(out, "▕{}▏", paint.with(tint, &bar));
        let took = node.end.duration_since(node.start).unwrap_or_default();
        let _ = write!(out, " {:>9}", length(took));
        if node.is_error {
            out.push_str("  ");
            out.push_str(&paint.with(RED, &format!("✗ {}", node.note)));
        } else if !node.note.is_empty() {
            out.push_str("  ");
            out.push_str(&paint.with(DIM, &node.note));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    if omitted > 0 {
        let _ = writeln!(out, "… and {omitted} more spans");
    }
    out.push('\n');
    out
}

fn label_width(node: &Node) -> usize {
    let arrow = if node.is_client { 2 } else { 0 };
    node.service.chars().count() + 2 + node.name.chars().count() + arrow
}

/// The services in order of appearance, so each keeps its colour within a trace.
fn services(nodes: &[Node]) -> Vec<&str> {
    let mut services: Vec<&str> = Vec::new();
    let mut by_start: Vec<&Node> = nodes.iter().collect();
    by_start.sort_by_key(|node| node.start);
    for node in by_start {
        if !services.contains(&node.service.as_str()) {
            services.push(&node.service);
        }
    }
    services
}

fn marks(more: &[bool]) -> String {
    let Some((&last, ancestors)) = more.split_last() else {
        return String::new();
    };
    let mut marks: String = ancestors
        .iter()
        .map(|more| if *more { "│  " } else { "   " })
        .collect();
    marks.push_str(if last { "├─ " } else { "└─ " });
    marks
}

/// The bar of a span within the trace; at least one cell.
fn bar(node: &Node, begin: SystemTime, total: Duration) -> String {
    let cell = |time: SystemTime| {
        let since = time.duration_since(begin).unwrap_or_default();
        let share = since.as_secs_f64() / total.as_secs_f64().max(1e-9);
        // In range: the share is between 0 and 1.
        (share * BAR_WIDTH as f64).round() as usize
    };
    let from = cell(node.start).min(BAR_WIDTH - 1);
    let to = cell(node.end).clamp(from + 1, BAR_WIDTH);
    let mut bar = " ".repeat(from);
    bar.push_str(&"█".repeat(to - from));
    bar.push_str(&" ".repeat(BAR_WIDTH - to));
    bar
}

/// A duration with a unit that gives about three digits.
fn length(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{:.0} µs", seconds * 1e6)
    }
}

struct Paint(bool);

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::SpanId;
    use std::time::UNIX_EPOCH;

    fn id(id: u8) -> SpanId {
        SpanId::from_bytes([0, 0, 0, 0, 0, 0, 0, id])
    }

    fn node(own: u8, parent: u8, service: &str, name: &str, from: u64, to: u64) -> Node {
        Node {
            id: id(own),
            parent: id(parent),
            is_parent_remote: false,
            service: service.to_owned(),
            name: name.to_owned(),
            is_client: false,
            start: UNIX_EPOCH + Duration::from_millis(from),
            end: UNIX_EPOCH + Duration::from_millis(to),
            is_error: false,
            note: String::new(),
        }
    }

    fn rendered(nodes: Vec<Node>, colour: bool) -> String {
        let trace = Trace {
            nodes,
            ..Trace::default()
        };
        render(TraceId::from_bytes([1; 16]), trace, colour)
    }

    fn shop() -> Vec<Node> {
        let mut call = node(2, 1, "gateway", "shop.v1.Orders/PlaceOrder", 10, 90);
        call.is_client = true;
        let mut failed = node(3, 2, "orders", "shop.v1.Orders/PlaceOrder", 20, 80);
        failed.is_error = true;
        failed.note = "INTERNAL: out of stock".to_owned();
        // Children precede their parents, because they end first.
        vec![
            failed,
            call,
            node(4, 1, "gateway", "render", 90, 100),
            node(1, 0, "gateway", "POST /orders", 0, 100),
        ]
    }

    #[test]
    fn a_tree_in_plain_text() {
        let expected = "\
trace 01010101010101010101010101010101 · 4 spans · 100.0 ms · 1 error
gateway  POST /orders                    ▕████████████████████████▏  100.0 ms
├─ gateway  shop.v1.Orders/PlaceOrder →  ▕  ████████████████████  ▏   80.0 ms
│  └─ orders  shop.v1.Orders/PlaceOrder  ▕     ██████████████     ▏   60.0 ms  ✗ INTERNAL: out of stock
└─ gateway  render                       ▕                      ██▏   10.0 ms

";
        assert_eq!(rendered(shop(), false), expected);
    }

    #[test]
    fn colour_changes_no_text() {
        let mut text = rendered(shop(), true);
        assert!(text.contains("\u{1b}[31m✗ INTERNAL: out of stock\u{1b}[0m"));
        while let Some(from) = text.find('\u{1b}') {
            let to = from + text[from..].find('m').unwrap();
            text.replace_range(from..=to, "");
        }
        assert_eq!(text, rendered(shop(), false));
    }

    #[test]
    fn orphans_cycles_and_deep_spans_are_all_shown() {
        let mut nodes = vec![
            node(1, 1, "a", "own parent", 0, 1),
            node(2, 3, "a", "cycle one", 0, 1),
            node(3, 2, "a", "cycle two", 1, 2),
            node(4, 99, "a", "orphan", 2, 3),
        ];
        nodes.extend((100..200).map(|own| node(own, own - 1, "a", "deep", 3, 4)));
        let text = rendered(nodes.clone(), false);
        assert_eq!(
            text.lines().filter(|line| line.contains('▕')).count(),
            nodes.len()
        );
    }

    #[test]
    fn units() {
        assert_eq!(length(Duration::from_nanos(1_500)), "2 µs");
        assert_eq!(length(Duration::from_micros(12_340)), "12.3 ms");
        assert_eq!(length(Duration::from_millis(2_500)), "2.50 s");
    }
}
