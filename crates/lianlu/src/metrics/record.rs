//! What a call measures, from its start to its end.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;

use super::instruments::{Instruments, Meters};
use crate::conventions::sink::Labels;
use crate::conventions::{End, Protocol};

/// A call that is measured. Counts as active until it is dropped.
#[derive(Debug)]
pub(crate) struct Measured {
    meters: Arc<Meters>,
    protocol: Protocol,
    /// The labels that it was counted under, if active calls are counted.
    active: Option<Vec<KeyValue>>,
    sizes: bool,
}

impl Measured {
    pub(crate) fn start(
        meters: Arc<Meters>,
        protocol: Protocol,
        active: Option<Vec<KeyValue>>,
        sizes: bool,
    ) -> Self {
        let measured = Self {
            meters,
            protocol,
            // Its name is the current conventions', which have labels for every call.
            active: active.filter(|labels| !labels.is_empty()),
            sizes,
        };
        measured.count_active(1);
        measured
    }

    fn instruments(&self) -> &Instruments {
        match self.protocol {
            Protocol::Http => &self.meters.http,
            Protocol::Grpc => &self.meters.grpc,
        }
    }

    fn count_active(&self, by: i64) {
        if let (Some(labels), Some(http)) = (&self.active, &self.instruments().http) {
            http.active.add(by, labels);
        }
    }

    pub(crate) fn record(&self, labels: &Labels, end: &End, duration: Duration) {
        let instruments = self.instruments();
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
            if let Some(size) = end.request_size {
                http.request_size.record(size, &labels);
            }
            if let Some(size) = end.response_size {
                http.response_size.record(size, &labels);
            }
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.count_active(-1);
    }
}
