//! Several services of one process print to one tree.

use std::io::Write;
use std::sync::{Arc, Mutex};

use lianlu_sdk::console::{Exporter, Tree};
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};

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
