//! Collectors that answer as told, and remember what they got.

pub mod grpc;
pub(crate) mod http;
mod port;

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::PATIENCE;

/// A request that came in whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// What was in it.
    pub spans: Vec<Span>,
    /// Whether it was answered with success.
    pub taken: bool,
    /// The HTTP head; empty with gRPC.
    pub head: String,
    /// When.
    pub at: Instant,
}

/// What a collector got. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Inbox(Arc<(Mutex<Vec<Request>>, Condvar)>);

impl Inbox {
    fn put(&self, message: ExportTraceServiceRequest, head: String, taken: bool) {
        let spans = message
            .resource_spans
            .into_iter()
            .flat_map(|it| it.scope_spans)
            .flat_map(|it| it.spans);
        let request = Request {
            spans: spans.collect(),
            taken,
            head,
            at: Instant::now(),
        };
        let (requests, changed) = &*self.0;
        requests.lock().unwrap().push(request);
        changed.notify_all();
    }

    /// All requests, those that were refused among them.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.0.0.lock().unwrap().clone()
    }

    /// How many requests came in whole.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.0.lock().unwrap().len() as u64
    }

    /// How many of them were not answered with success.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let requests = self.0.0.lock().unwrap();
        requests.iter().filter(|request| !request.taken).count() as u64
    }

    /// The spans of those that were taken.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.0.0.lock().unwrap();
        let taken = requests.iter().filter(|request| request.taken);
        taken.flat_map(|request| request.spans.clone()).collect()
    }

    /// Those that have an id of ours.
    #[must_use]
    pub fn taken_ids(&self) -> Vec<i64> {
        let requests = self.0.0.lock().unwrap();
        let taken = requests.iter().filter(|request| request.taken);
        taken
            .flat_map(|request| request.spans.iter().filter_map(id))
            .collect()
    }

    /// Calls that a crash has cut short.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| attribute(span, "lianlu.unfinished").is_some());
        spans
    }

    /// Waits until so many requests are there.
    ///
    /// # Panics
    ///
    /// When they don't come.
    #[track_caller]
    pub fn wait_for(&self, wanted: usize) {
        let (requests, changed) = &*self.0;
        let waited = changed
            .wait_timeout_while(requests.lock().unwrap(), PATIENCE, |it| it.len() < wanted)
            .unwrap();
        assert!(!waited.1.timed_out(), "{} of {wanted}", waited.0.len());
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.0.lock().unwrap().clear();
    }

    /// The times between requests.
    #[must_use]
    pub fn gaps(&self) -> Vec<Duration> {
        let requests = self.0.0.lock().unwrap();
        let pairs = requests.windows(2);
        pairs.map(|pair| pair[1].at - pair[0].at).collect()
    }
}

/// The number that the child has given a span.
#[must_use]
pub fn id(span: &Span) -> Option<i64> {
    match attribute(span, "faults.id")? {
        Value::IntValue(id) => Some(*id),
        _ => None,
    }
}

/// Whether it has this attribute, and it is true.
#[must_use]
pub fn is(span: &Span, key: &str) -> bool {
    attribute(span, key) == Some(&Value::BoolValue(true))
}

/// The attribute of this key, if it is a text.
#[must_use]
pub fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    match attribute(span, key) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    let mut attributes = span.attributes.iter();
    let found = attributes.find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}
