//! Records the metrics of a call.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;

use super::instruments::Meters;
use super::source::MeterSource;
use crate::describe::labels::Labels;
use crate::describe::surface::Protocol;

/// Counts an HTTP call as active until it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveRequest {
    meters: Arc<Meters>,
    /// The labels under which it was counted.
    labels: Vec<KeyValue>,
}

impl ActiveRequest {
    /// Takes the labels. They are empty if active requests are not counted, or if only the old
    /// conventions are written, which have no such metric.
    pub(crate) fn start(meters: &Arc<Meters>, labels: &mut Vec<KeyValue>) -> Option<Self> {
        if labels.is_empty() {
            return None;
        }
        let active = Self {
            meters: Arc::clone(meters),
            labels: std::mem::take(labels),
        };
        active.count(1);
        Some(active)
    }

    fn count(&self, by: i64) {
        if let Some(http) = &self.meters.http.http {
            http.active.add(by, &self.labels);
        }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.count(-1);
    }
}

/// Records a call's duration, and the sizes of the request's and of the response's body.
#[inline]
pub(crate) fn record(
    source: &MeterSource,
    generation: u64,
    protocol: Protocol,
    labels: &Labels,
    sizes: Option<[Option<u64>; 2]>,
    duration: Duration,
) {
    let Some(meters) = source.meters_of(generation) else {
        return;
    };
    let instruments = match protocol {
        Protocol::Http => &meters.http,
        Protocol::Grpc => &meters.grpc,
    };
    let seconds = duration.as_secs_f64();
    if !labels.current.is_empty() {
        instruments.duration.record(seconds, &labels.current);
    }
    if !labels.old.is_empty() {
        let milliseconds = seconds * 1000.0;
        instruments.old_duration.record(milliseconds, &labels.old);
    }
    // The size metrics exist only in the current conventions.
    let sizes = sizes.filter(|_| !labels.current.is_empty());
    if let (Some(http), Some([request, response])) = (&instruments.http, sizes) {
        let labels = match labels.sizes[..] {
            [] => Cow::Borrowed(&labels.current),
            _ => Cow::Owned([&labels.current[..], &labels.sizes].concat()),
        };
        if let Some(size) = request {
            http.request_size.record(size, &labels);
        }
        if let Some(size) = response {
            http.response_size.record(size, &labels);
        }
    }
}
