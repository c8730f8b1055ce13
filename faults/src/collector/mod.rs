//! Collectors that answer as a test wants, and keep what they received.

pub mod grpc;
pub(crate) mod http;
mod port;

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::PATIENCE;

/// A request that was received as a whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its spans.
    pub spans: Vec<Span>,
    /// True if the answer is a success.
    pub is_accepted: bool,
    /// The HTTP head; empty with gRPC.
    pub head: String,
    /// When its head arrived.
    pub at: Instant,
}

/// The requests that a collector received. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Inbox(Arc<(Mutex<Vec<Request>>, Condvar)>);

impl Inbox {
    fn put(
        &self,
        message: ExportTraceServiceRequest,
        head: String,
        is_accepted: bool,
        at: Instant,
    ) {
        let spans = message
            .resource_spans
            .into_iter()
            .flat_map(|it| it.scope_spans)
            .flat_map(|it| it.spans);
        let request = Request {
            spans: spans.collect(),
            is_accepted,
            head,
            at,
        };
        let (requests, changed) = &*self.0;
        requests.lock().unwrap().push(request);
        changed.notify_all();
    }

    /// All requests, refused ones included.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.0.0.lock().unwrap().clone()
    }

    /// Number of requests.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.0.lock().unwrap().len() as u64
    }

    /// Number of requests whose answer is not a success.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let requests = self.0.0.lock().unwrap();
        let refused = requests.iter().filter(|request| !request.is_accepted);
        refused.count() as u64
    }

    /// The spans of accepted requests.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.0.0.lock().unwrap();
        let accepted = requests.iter().filter(|request| request.is_accepted);
        accepted.flat_map(|request| request.spans.clone()).collect()
    }

    /// The ids of accepted spans that the child has numbered.
    #[must_use]
    pub fn accepted_ids(&self) -> Vec<i64> {
        let requests = self.0.0.lock().unwrap();
        let accepted = requests.iter().filter(|request| request.is_accepted);
        accepted
            .flat_map(|request| request.spans.iter().filter_map(id))
            .collect()
    }

    /// Calls that were open at a crash.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| attribute(span, "lianlu.unfinished").is_some());
        spans
    }

    /// Waits until so many requests have arrived.
    ///
    /// # Panics
    ///
    /// If they don't arrive.
    #[track_caller]
    pub fn wait_for(&self, wanted: usize) {
        let (requests, changed) = &*self.0;
        let waited = changed
            .wait_timeout_while(requests.lock().unwrap(), PATIENCE, |it| it.len() < wanted)
            .unwrap();
        assert!(!waited.1.timed_out(), "{} of {wanted}", waited.0.len());
    }

    /// Forgets all requests.
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

/// The number that the child gave a span.
#[must_use]
pub fn id(span: &Span) -> Option<i64> {
    match attribute(span, "faults.id")? {
        Value::IntValue(id) => Some(*id),
        _ => None,
    }
}

/// True if the span has this attribute with the value true.
#[must_use]
pub fn is(span: &Span, key: &str) -> bool {
    attribute(span, key) == Some(&Value::BoolValue(true))
}

/// The attribute of this key, or an empty text.
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
