//! A gRPC call's messages as events of its span, for those who ask for them.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanRef;

use crate::conventions::keys::message;

/// Numbers the messages of one direction.
#[derive(Debug)]
pub(super) struct MessageEvents {
    sent: bool,
    count: i64,
}

impl MessageEvents {
    pub(super) fn new(sent: bool) -> Self {
        Self { sent, count: 0 }
    }

    pub(super) fn record(&mut self, span: &SpanRef<'_>, lengths: &[u32]) {
        for length in lengths {
            self.count += 1;
            let direction = if self.sent { "SENT" } else { "RECEIVED" };
            let attributes = vec![
                KeyValue::new(message::TYPE, direction),
                KeyValue::new(message::ID, self.count),
                KeyValue::new(message::COMPRESSED_SIZE, i64::from(*length)),
            ];
            span.add_event(message::EVENT, attributes);
        }
    }
}
