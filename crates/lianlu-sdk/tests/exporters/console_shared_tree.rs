//! When a tree is printed: that of one service, and one that several services of a process share.

use std::io::Write;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lianlu_sdk::console::{Exporter, Tree};
use lianlu_sdk::{Limits, TracerProvider};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider as _,
};

use crate::common::{PATIENCE, pipeline};

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn a_flush_of_one_exporter_keeps_incomplete_traces() {
    let output = Output::default();
    let tree = Tree::to_writer(output.clone());
    let caller = pipeline(Exporter::new(tree.clone()));
    let callee = pipeline(Exporter::new(tree));
    let root = caller.provider.tracer("test").start("root");
    let cx = Context::new().with_span(root);
    drop(
        callee
            .provider
            .tracer("test")
            .start_with_context("child", &cx),
    );

    callee.handle.flush(PATIENCE).unwrap();
    assert_eq!(output.text(), "", "the root has not ended");
    cx.span().end();
    caller.handle.flush(PATIENCE).unwrap();
    let text = output.text();
    assert_eq!(text.matches("trace ").count(), 1, "{text}");
    assert!(
        text.contains("shop  root") && text.contains("└─ shop  child"),
        "{text}"
    );
}

#[test]
fn the_last_exporter_prints_incomplete_traces() {
    let output = Output::default();
    let tree = Tree::to_writer(output.clone());
    let one = pipeline(Exporter::new(tree.clone()));
    let two = pipeline(Exporter::new(tree));
    let root = two.provider.tracer("test").start("root");
    let cx = Context::new().with_span(root);
    drop(
        one.provider
            .tracer("test")
            .start_with_context("orphan", &cx),
    );
    one.handle.shutdown(PATIENCE).unwrap();
    assert_eq!(output.text(), "");
    two.handle.shutdown(PATIENCE).unwrap();
    assert!(output.text().contains("shop  orphan"), "{}", output.text());
}

#[test]
fn a_trace_is_printed_as_soon_as_its_first_span_here_has_ended() {
    let caller = SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let remote = Context::new().with_remote_span_context(caller);
    for parent in [Context::new(), remote] {
        let (printed, lines) = channel();
        let mut limits = Limits::default();
        // Neither a flush nor the schedule prints.
        limits.schedule_delay = Duration::from_secs(3600);
        limits.batch_size = 1;
        let exporter = Exporter::new(Tree::to_writer(Lines(printed)));
        let provider = TracerProvider::builder().with_exporter(exporter);
        let provider = provider.with_limits(limits).build().unwrap();
        let tracer = provider.tracer("test");
        let root = Context::new().with_span(tracer.start_with_context("root", &parent));
        let child = Context::new().with_span(tracer.start_with_context("child", &root));
        drop(tracer.start_with_context("grandchild", &child));
        let late = tracer.start_with_context("late", &child);
        child.span().end();
        // They are exported, and not printed before the root has ended.
        while provider.handle().counts().exported < 2 {
            std::thread::yield_now();
        }
        assert!(lines.try_recv().is_err());
        root.span().end();
        let text = lines.recv_timeout(PATIENCE).unwrap();
        for line in ["3 spans", "  root", "└─ ", "   └─ "] {
            assert!(text.contains(line), "{text}");
        }
        drop(late);
        let text = lines.recv_timeout(PATIENCE).unwrap();
        assert!(
            text.contains("1 span ") && text.contains("  late"),
            "{text}"
        );
    }
}

/// Sends what is printed.
struct Lines(Sender<String>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
