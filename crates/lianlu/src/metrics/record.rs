//! What a call measures, from its start to its end.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;

use super::instruments::Meters;
use super::source::MeterSource;
use crate::conventions::Protocol;
use crate::conventions::sink::Labels;

/// A call that is measured. Counts as active until it is dropped.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Which of the source's instruments.
    generation: u64,
    protocol: Protocol,
    active: Option<Active>,
    sizes: bool,
}

/// Counts a call as active until it is dropped.
#[derive(Debug)]
struct Active {
    meters: Arc<Meters>,
    /// The labels that it was counted under.
    labels: Vec<KeyValue>,
}

impl Active {
    fn start(meters: &Arc<Meters>, labels: Vec<KeyValue>) -> Self {
        let active = Self {
            meters: Arc::clone(meters),
            labels,
        };
        active.count(1);
        active
    }

    fn count(&self, by: i64) {
        // HTTP has the metric, gRPC has none.
        if let Some(http) = &self.meters.http.http {
            http.active.add(by, &self.labels);
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.count(-1);
    }
}

impl Measured {
    /// Takes the labels that active calls are counted under. There are none where active calls are not asked for, or
    /// the conventions have no such metric: its name is the current ones', which have labels for every call.
    #[inline]
    pub(crate) fn start(
        (generation, meters): (u64, &Arc<Meters>),
        protocol: Protocol,
        active: &mut Vec<KeyValue>,
        sizes: bool,
    ) -> Self {
        let is_active = !active.is_empty() && protocol == Protocol::Http;
        Self {
            generation,
            protocol,
            active: is_active.then(|| Active::start(meters, std::mem::take(active))),
            sizes,
        }
    }

    /// A gRPC call, of which no other is counted.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(crate) fn grpc(generation: u64) -> Self {
        Self {
            generation,
            protocol: Protocol::Grpc,
            active: None,
            sizes: false,
        }
    }

    /// The call counts as active no more.
    pub(crate) fn is_over(&mut self) {
        self.active = None;
    }

    pub(crate) fn record(
        &self,
        source: &MeterSource,
        labels: &Labels,
        [request_size, response_size]: [Option<u64>; 2],
        duration: Duration,
    ) {
        let Some(meters) = source.meters_of(self.generation) else {
            return;
        };
        let instruments = match self.protocol {
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
        // Their names are the current conventions'.
        let sizes = self.sizes && !labels.current.is_empty();
        if let Some(http) = instruments.http.as_ref().filter(|_| sizes) {
            let labels = match labels.sizes[..] {
                [] => Cow::Borrowed(&labels.current),
                _ => Cow::Owned([&labels.current[..], &labels.sizes].concat()),
            };
            if let Some(size) = request_size {
                http.request_size.record(size, &labels);
            }
            if let Some(size) = response_size {
                http.response_size.record(size, &labels);
            }
        }
    }
}
