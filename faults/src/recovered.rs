//! Spans that can be recovered from a flight recorder's folder.

use std::path::Path;
use std::sync::{Arc, Mutex};

use lianlu_sdk::{Batch, Export, Failure, FlightRecorder, RecoveryReport, TracerProvider};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::FLUSH;

/// The report and the spans that the next life of a service would recover. In this process, because tests call it a
/// thousand times.
///
/// # Panics
///
/// If the folder can't be used.
#[track_caller]
#[must_use]
pub fn recovered(dir: &Path) -> (RecoveryReport, Vec<Span>) {
    let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
    let provider = TracerProvider::builder()
        .with_exporter(Keep(Arc::clone(&spans)))
        .with_flight_recorder(FlightRecorder::new(dir).with_max_bytes(0))
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    provider.flush(FLUSH).unwrap();
    let found = provider.handle().found();
    provider.shutdown(FLUSH).unwrap();
    let spans = std::mem::take(&mut *spans.lock().unwrap());
    (found, spans)
}

struct Keep(Arc<Mutex<Vec<Span>>>);

impl Export for Keep {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        batch.write_request(&mut bytes);
        let request = ExportTraceServiceRequest::decode(&*bytes).unwrap();
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|it| it.scope_spans);
        self.0
            .lock()
            .unwrap()
            .extend(scopes.flat_map(|it| it.spans));
        Ok(())
    }
}
