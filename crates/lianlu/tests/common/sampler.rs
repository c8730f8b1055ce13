//! A sampler that keeps what it is asked.

use std::sync::{Arc, Mutex};

use opentelemetry::trace::{Link, SpanKind, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// The arguments of one decision.
#[derive(Debug, Clone)]
pub struct Question {
    pub parent: Option<Context>,
    pub trace_id: TraceId,
    pub name: String,
    pub kind: SpanKind,
    pub attributes: Vec<KeyValue>,
    pub links: usize,
}

impl Question {
    /// Asserts that the sampler saw this attribute.
    #[track_caller]
    pub fn has(&self, key: &str, value: &str) {
        let mut found = self.attributes.iter();
        let found = found.find(|attribute| attribute.key.as_str() == key);
        let found = found.unwrap_or_else(|| panic!("no {key}: {self:#?}"));
        assert_eq!(found.value.to_string(), value, "{key}");
    }
}

/// Decides the same for all spans.
#[derive(Debug, Clone)]
pub struct RecordingSampler {
    decision: SamplingDecision,
    questions: Arc<Mutex<Vec<Question>>>,
}

impl RecordingSampler {
    pub fn new(decision: SamplingDecision) -> Self {
        let questions = Arc::default();
        Self {
            decision,
            questions,
        }
    }

    /// The questions since the last call of this.
    pub fn take(&self) -> Vec<Question> {
        std::mem::take(&mut *self.questions.lock().unwrap())
    }
}

impl ShouldSample for RecordingSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        self.questions.lock().unwrap().push(Question {
            parent: parent.cloned(),
            trace_id,
            name: name.to_owned(),
            kind: kind.clone(),
            attributes: attributes.to_vec(),
            links: links.len(),
        });
        SamplingResult {
            decision: self.decision.clone(),
            attributes: Vec::new(),
            trace_state: TraceState::default(),
        }
    }
}
