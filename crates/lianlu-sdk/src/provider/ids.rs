//! The source of ids.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

#[derive(Debug)]
pub(super) enum Ids {
    /// Random numbers from a generator of the thread, seeded by the system.
    Random(RandomIdGenerator),
    Custom(Box<dyn IdGenerator>),
}

impl Default for Ids {
    fn default() -> Self {
        Self::Random(RandomIdGenerator::default())
    }
}

impl Ids {
    #[inline]
    pub(super) fn trace_id(&self) -> TraceId {
        match self {
            Self::Random(random) => random.new_trace_id(),
            Self::Custom(custom) => custom.new_trace_id(),
        }
    }

    #[inline]
    pub(super) fn span_id(&self) -> SpanId {
        match self {
            Self::Random(random) => random.new_span_id(),
            Self::Custom(custom) => custom.new_span_id(),
        }
    }
}
