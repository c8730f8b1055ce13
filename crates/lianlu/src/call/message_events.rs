//! The first messages of a gRPC call as events of its span.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanRef;

use crate::describe::keys::message;

/// Numbers the messages of one direction.
#[derive(Debug, Default)]
pub(crate) struct MessageEvents {
    count: i64,
}

impl MessageEvents {
    /// Adds an event for each message, given by its length.
    pub(crate) fn record(&mut self, is_sent: bool, span: &SpanRef<'_>, lengths: &[u32]) {
        for length in lengths {
            self.count += 1;
            let direction = if is_sent { "SENT" } else { "RECEIVED" };
            let attributes = vec![
                KeyValue::new(message::TYPE, direction),
                KeyValue::new(message::ID, self.count),
                KeyValue::new(message::COMPRESSED_SIZE, i64::from(*length)),
            ];
            span.add_event(message::EVENT, attributes);
        }
    }
}
